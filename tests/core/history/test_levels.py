import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.history import levels
from bench.core.history.levels import ALPHA, LEVEL_RUNS, MIN_TREND_RUNS, find_changes
from bench.core.values.stats import started_log

SEEDS = st.integers(0, 2**32 - 1)


def noise(count: int, seed: int, sd: float = 0.03) -> list[float]:
    """White noise, as it is between runs on the logarithm's scale."""
    dice = random.Random(seed)
    return [dice.gauss(0.0, sd) for _ in range(count)]


def stepped(values: Sequence[float], begin: int, end: int, ratio: float) -> list[float]:
    """The same with another level from `begin` to `end`."""
    size = math.log1p(ratio)
    return [value + size * (begin <= place < end) for place, value in enumerate(values)]


def places(values: Sequence[float], alpha: float = ALPHA) -> list[int]:
    """Where the level changes."""
    return [each.position for each in find_changes(values, alpha)]


@settings(max_examples=30)
@given(st.floats(-1e3, 1e3), st.integers(0, 60))
def test_a_constant_series_has_no_change(value: float, count: int) -> None:
    """However long it is and whatever its value."""
    assert places([value] * count) == []


@settings(max_examples=30)
@given(SEEDS)
def test_a_step_in_the_middle_is_found_where_it_is(seed: int) -> None:
    """20 % in noise of 3 %, after 20 of 40 runs: one change within two runs of there."""
    found = find_changes(stepped(noise(40, seed), 20, 40, 0.2), ALPHA)
    at = [each for each in found if abs(each.position - 20) <= 2]
    assert len(at) == 1
    assert at[0].p_value <= 0.001


@settings(max_examples=20)
@given(SEEDS, st.floats(0.5, 5.0), st.floats(-10.0, 10.0))
def test_the_scale_does_not_matter(seed: int, factor: float, offset: float) -> None:
    """The same series moved, or stretched, changes its level at the same place."""
    values = stepped(noise(40, seed), 20, 40, 0.2)
    scaled = [factor * value + offset for value in values]
    assert any(abs(place - 20) <= 2 for place in places(scaled))


@settings(max_examples=20)
@given(SEEDS, st.floats(1.5, 100.0))
def test_a_stack_that_is_slower_throughout_changes_at_the_same_places(seed: int, factor: float) -> None:
    """Times that are all multiplied: on the scale that is compared that is a move."""
    times = [500.0 * math.exp(value) for value in stepped(noise(40, seed), 20, 40, 0.2)]
    one, other = ([started_log(time * by, 10.0) for time in times] for by in (1.0, factor))
    assert all(any(abs(place - 20) <= 2 for place in places(each)) for each in (one, other))


@settings(max_examples=20)
@given(SEEDS)
def test_backwards_the_change_is_at_the_same_place(seed: int) -> None:
    """A series read from its end has its change where it was, within the two runs that noise may move it."""
    values = stepped(noise(40, seed), 20, 40, 0.2)
    assert any(abs(40 - place - 20) <= 2 for place in places(values[::-1]))


def test_a_level_that_came_and_went_is_found_at_both_ends() -> None:
    """A search for a single step would miss it: on average both halves are alike."""
    assert places(stepped(noise(40, 1), 15, 25, 0.1)) == [15, 25]


def test_several_levels_are_found() -> None:
    """Each part is looked at again, on both sides of a cut."""
    values = stepped(stepped(noise(60, 2), 20, 60, 0.2), 40, 60, 0.2)
    assert places(values) == pytest.approx([20, 40], abs=2)


def test_the_newest_level_may_be_short() -> None:
    """A change is seen when it has the fewest runs that are a level, and not before."""
    assert places(stepped(noise(40, 3), 40 - LEVEL_RUNS, 40, 0.2)) == [40 - LEVEL_RUNS]
    assert all(LEVEL_RUNS <= place <= 40 - LEVEL_RUNS for place in places(stepped(noise(40, 3), 38, 40, 0.5)))


def test_an_odd_run_neither_makes_nor_hides_a_change() -> None:
    """One run that took three times as long is no level, and beside it a change is still seen."""
    odd = noise(40, 4)
    odd[7] += math.log(3.0)
    assert places(odd) == []
    assert places(stepped(odd, 20, 40, 0.1)) == pytest.approx([20], abs=2)


def test_the_same_series_gives_the_same_answer() -> None:
    """Random orders are seeded: p values are the same each time."""
    values = stepped(noise(40, 5), 20, 40, 0.05)
    assert find_changes(values, ALPHA) == find_changes(values, ALPHA)


@pytest.mark.parametrize("count", [MIN_TREND_RUNS - 2, MIN_TREND_RUNS])
def test_the_fewest_runs_are_those_that_can_tell(count: int) -> None:
    """With fewer, even two levels a thousandfold apart could be chance; from there on they could not."""
    series = [value + 7.0 * (place >= count // 2) for place, value in enumerate(noise(count, 6))]
    assert bool(places(series, ALPHA / 2)) is (count >= MIN_TREND_RUNS)


def test_false_alarms_are_as_rare_as_is_said() -> None:
    """On white noise one series in a hundred has a change at one per cent, one in ten at ten (binomial)."""
    first = [
        min((each.p_value for each in find_changes(noise(20, seed), 0.1)), default=1.0) for seed in range(300)
    ]
    assert sum(p_value <= ALPHA for p_value in first) <= 9
    assert 15 <= sum(p_value <= 0.1 for p_value in first) <= 48


@settings(max_examples=30)
@given(SEEDS, st.sampled_from([0.3, 0.05, ALPHA, ALPHA / 10]), st.sampled_from([0.0, 0.03, 0.06]))
def test_a_search_that_ends_early_finds_what_a_whole_one_finds(seed: int, alpha: float, step: float) -> None:
    """Something is found where all random orders say so, and only there."""
    values = stepped(noise(30, seed), 15, 30, step)
    clipped = levels._clip_outliers(np.array(values))
    p_value = levels._p_value(clipped, levels._segments(30), levels.PERMUTATIONS)
    assert bool(places(values, alpha)) == (p_value <= alpha)
