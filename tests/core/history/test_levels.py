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
    """White noise, as between runs on the logarithmic scale."""
    dice = random.Random(seed)
    return [dice.gauss(0.0, sd) for _ in range(count)]


def stepped(values: Sequence[float], begin: int, end: int, ratio: float) -> list[float]:
    """The same values with another level from `begin` to `end`."""
    size = math.log1p(ratio)
    return [value + size * (begin <= place < end) for place, value in enumerate(values)]


def places(values: Sequence[float], alpha: float = ALPHA) -> list[int]:
    """The positions of the level changes."""
    return [row.position for row in find_changes(values, alpha)]


@settings(max_examples=30)
@given(st.floats(-1e3, 1e3), st.integers(0, 60))
def test_a_constant_series_has_no_change(value: float, count: int) -> None:
    """This holds for every length and value."""
    assert places([value] * count) == []


@settings(max_examples=30)
@given(SEEDS)
def test_a_step_in_the_middle_is_found(seed: int) -> None:
    """A step of 20 % in noise of 3 %, after 20 of 40 runs, is one change within two runs of it."""
    measured = find_changes(stepped(noise(40, seed), 20, 40, 0.2), ALPHA)
    at = [row for row in measured if abs(row.position - 20) <= 2]
    assert len(at) == 1
    assert at[0].p_value <= 0.001


@settings(max_examples=20)
@given(SEEDS, st.floats(0.5, 5.0), st.floats(-10.0, 10.0))
def test_shift_and_scale_do_not_move_a_change(seed: int, factor: float, offset: float) -> None:
    """A series plus a constant, or times a factor, has its changes at the same positions."""
    values = stepped(noise(40, seed), 20, 40, 0.2)
    scaled = [factor * value + offset for value in values]
    assert any(abs(place - 20) <= 2 for place in places(scaled))


@settings(max_examples=20)
@given(SEEDS, st.floats(1.5, 100.0))
def test_a_slower_stack_has_the_same_changes(seed: int, factor: float) -> None:
    """Times multiplied by a factor are a shift on the logarithmic scale."""
    times = [500.0 * math.exp(value) for value in stepped(noise(40, seed), 20, 40, 0.2)]
    one, other = ([started_log(time * by, 10.0) for time in times] for by in (1.0, factor))
    assert all(any(abs(place - 20) <= 2 for place in places(row)) for row in (one, other))


@settings(max_examples=20)
@given(SEEDS)
def test_a_reversed_series_has_the_same_change(seed: int) -> None:
    """A reversed series has its change at the same run, within two runs of noise."""
    values = stepped(noise(40, seed), 20, 40, 0.2)
    assert any(abs(40 - place - 20) <= 2 for place in places(values[::-1]))


def test_a_temporary_level_is_found_at_both_ends() -> None:
    """A search for a single step misses it, because both halves have the same mean."""
    assert places(stepped(noise(40, 1), 15, 25, 0.1)) == [15, 25]


def test_several_levels_are_found() -> None:
    """The parts on both sides of a cut are searched again."""
    values = stepped(stepped(noise(60, 2), 20, 60, 0.2), 40, 60, 0.2)
    assert places(values) == pytest.approx([20, 40], abs=2)


def test_the_newest_level_needs_the_minimum_of_runs() -> None:
    """A change is found as soon as the new level has the minimum of runs."""
    assert places(stepped(noise(40, 3), 40 - LEVEL_RUNS, 40, 0.2)) == [40 - LEVEL_RUNS]
    assert all(LEVEL_RUNS <= place <= 40 - LEVEL_RUNS for place in places(stepped(noise(40, 3), 38, 40, 0.5)))


def test_an_outlier_neither_makes_nor_hides_a_change() -> None:
    """One run with three times the time is not a level, and a change next to it is found."""
    odd = noise(40, 4)
    odd[7] += math.log(3.0)
    assert places(odd) == []
    assert places(stepped(odd, 20, 40, 0.1)) == pytest.approx([20], abs=2)


def test_a_search_is_repeatable() -> None:
    """Random orders have a fixed seed, so p values are equal each time."""
    values = stepped(noise(40, 5), 20, 40, 0.05)
    assert find_changes(values, ALPHA) == find_changes(values, ALPHA)


@pytest.mark.parametrize("count", [MIN_TREND_RUNS - 2, MIN_TREND_RUNS])
def test_fewer_runs_are_never_significant(count: int) -> None:
    """With fewer runs even a huge step can be chance; from the minimum on it is significant."""
    series = [value + 7.0 * (place >= count // 2) for place, value in enumerate(noise(count, 6))]
    assert bool(places(series, ALPHA / 2)) is (count >= MIN_TREND_RUNS)


def test_false_alarms_have_the_declared_rate() -> None:
    """On white noise, 1 % of the series have a change at level 1 %, and 10 % at level 10 % (binomial)."""
    first = [
        min((row.p_value for row in find_changes(noise(20, seed), 0.1)), default=1.0) for seed in range(300)
    ]
    assert sum(p_value <= ALPHA for p_value in first) <= 9
    assert 15 <= sum(p_value <= 0.1 for p_value in first) <= 48


@settings(max_examples=30)
@given(SEEDS, st.sampled_from([0.3, 0.05, ALPHA, ALPHA / 10]), st.sampled_from([0.0, 0.03, 0.06]))
def test_an_early_stop_does_not_change_the_result(seed: int, alpha: float, step: float) -> None:
    """A change is found exactly if the p value of all random orders is small enough."""
    values = stepped(noise(30, seed), 15, 30, step)
    clipped = levels._clip_outliers(np.array(values))
    p_value = levels._p_value(clipped, levels.PERMUTATIONS)
    assert bool(places(values, alpha)) == (p_value <= alpha)


@settings(max_examples=30)
@given(SEEDS, st.integers(2 * LEVEL_RUNS, 40), st.sampled_from([0.0, 0.1, 0.5]))
def test_orders_are_as_clear_together_as_alone(seed: int, count: int, step: float) -> None:
    """The judgement of many orders at once, and of few lengths, finds each order that is as clear."""
    values = np.array(stepped(noise(count, seed), 0, count // 3, step))
    segments = levels._segments(count)
    dice = np.random.default_rng(seed)
    orders = np.array([values, *(dice.permutation(values) for _ in range(9))])
    alone = np.array([segments.contrasts(order).max() for order in orders])
    every_length = range(LEVEL_RUNS, count - LEVEL_RUNS + 1)
    assert levels._clearest_contrasts(orders.T, every_length) == pytest.approx(alone)
    few = levels._clearest_contrasts(orders.T, levels._possible_lengths(values))
    as_clear = alone >= alone[0] * (1 - 1e-12)
    assert few[as_clear] == pytest.approx(alone[as_clear])
    assert (few[~as_clear] <= alone[~as_clear] * (1 + 1e-12)).all()
