"""The change of a run against the levels of its baseline."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.calibration.machine_speed import MachineSpeed
from bench.core.verdict.change import ChangeEstimate, JudgedChange, Margin, judge_change
from bench.core.verdict.level_shift import LevelRuns, estimate_from_baseline, find_outliers
from bench.core.verdict.verdict import Verdict

KEY = "e2e_ms"
ALPHA = 0.02
MARGIN = Margin(0.1)
RANKS = {
    Verdict.BETTER: 0,
    Verdict.UNCHANGED: 0,
    Verdict.WITHIN_TOLERANCE: 0,
    Verdict.INCONCLUSIVE: 1,
    Verdict.WORSE: 2,
}
USUAL = (0.0, 0.02, -0.03, 0.01, -0.01, 0.03, -0.02, 0.015, -0.025, 0.005)
NOISE = st.floats(-0.15, 0.15)


def values(logs: Sequence[float]) -> list[dict[str, float]]:
    """One message's times in runs with these log distances from 600 ms."""
    return [{"a": 600.0 * math.exp(log)} for log in logs]


def estimate(
    heads: Sequence[float],
    *levels: Sequence[float],
    head_speed: float | None = None,
    base_speed: Sequence[float] = (),
) -> ChangeEstimate:
    """The estimate of runs with these log distances from 600 ms."""
    speed = None
    if head_speed is not None:
        speed = MachineSpeed((head_speed,) * len(heads), tuple(base_speed))
    found = estimate_from_baseline(KEY, LevelRuns(values(heads), list(map(values, levels))), None, speed)
    assert found is not None
    return found


def judge(heads: Sequence[float], *levels: Sequence[float], **speed: object) -> JudgedChange:
    """The verdict on the same runs."""
    return judge_change(estimate(heads, *levels, **speed), ALPHA, MARGIN)  # type: ignore[arg-type]


@settings(max_examples=150)
@given(
    st.lists(NOISE, min_size=5, max_size=12),
    st.lists(NOISE, min_size=1, max_size=2),
    st.lists(NOISE, min_size=12, max_size=12),
    st.none() | st.floats(-0.3, 0.3),
    st.floats(0.001, 1.0),
)
def test_a_slower_version_never_gets_a_better_rank(
    base: list[float], heads: list[float], speeds: list[float], head_speed: float | None, slower: float
) -> None:
    """On a faster, slower or unknown machine, with one or two runs, for any noise."""
    machine = {"head_speed": head_speed, "base_speed": speeds[: len(base)]}
    usual = judge(heads, base, **machine)
    worse = judge([head + slower for head in heads], base, **machine)
    assert RANKS[worse.verdict] >= RANKS[usual.verdict]
    # Two runs that disagree about the direction show no change, however large both are.
    assert worse.change >= usual.change


@settings(max_examples=50)
@given(st.lists(st.tuples(NOISE, NOISE), min_size=5, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_the_runs_is_irrelevant(runs: list[tuple[float, float]], dice: random.Random) -> None:
    """The runs of a level, with their machine speeds, give one estimate in any order."""
    shuffled = dice.sample(runs, len(runs))
    one, other = (
        estimate([0.2], [log for log, _ in order], head_speed=0.1, base_speed=[speed for _, speed in order])
        for order in (runs, shuffled)
    )
    assert one == other


@given(st.sampled_from(range(10)), st.sampled_from([-0.5, 0.336, 2.0]), st.floats(-0.05, 0.05))
def test_one_outlier_of_ten_runs_fails_no_unchanged_version(place: int, effect: float, head: float) -> None:
    """It changes the estimate by little, and neither makes it imprecise."""
    runs = list(USUAL)
    runs[place] += effect
    judged = judge([head], runs)
    assert judged.verdict is Verdict.UNCHANGED or judged.verdict is Verdict.BETTER
    clean = estimate([head], USUAL)
    assert estimate([head], runs).log_change == pytest.approx(clean.log_change, abs=0.02)


def test_an_outlier_does_not_hide_a_regression() -> None:
    """One run in ten that is 40 % slower, and a version that is 20 % slower."""
    runs = [*USUAL[:9], math.log(1.4)]
    assert judge([math.log(1.2)], runs).verdict is Verdict.WORSE


def test_one_outlier_among_two_runs_of_the_version_does_not_count() -> None:
    """If two runs on one machine differ by more than runs of one version do, what both show counts."""
    assert judge([math.log(1.4), 0.0], USUAL).verdict is Verdict.UNCHANGED
    assert judge([math.log(1.4), math.log(1.2)], USUAL).verdict is Verdict.WORSE
    assert judge([math.log(0.6), math.log(1.05)], USUAL).verdict is Verdict.UNCHANGED
    assert judge([0.0, math.log(1.4)], USUAL) == judge([math.log(1.4), 0.0], USUAL)


@pytest.mark.parametrize("step", [math.log(1.2), -math.log(1.25)])
def test_one_run_of_a_new_level_is_enough(step: float) -> None:
    """The location comes from the newest level, and the spread from all: an undone gain is seen."""
    assert judge([step + 0.02], USUAL, [step]).verdict is Verdict.UNCHANGED
    undone = judge([0.02], USUAL, [step])
    assert undone.verdict is (Verdict.WORSE if step < 0 else Verdict.BETTER)
    pooled = estimate([step], USUAL, [step])
    assert pooled.base == pytest.approx(600.0 * math.exp(step))
    assert pooled.standard_error == pytest.approx(
        math.sqrt(2.0 / (1.0 + math.pi / 20.0)) * _error(), rel=0.05
    )


def _error() -> float:
    return estimate([0.0], USUAL).standard_error


def test_too_few_runs_have_no_estimate() -> None:
    """Five runs of all levels are necessary, one of them of the newest level."""
    few = LevelRuns(values([0.0]), [values(USUAL[:4])])
    assert estimate_from_baseline(KEY, few) is None
    vanished = LevelRuns(values([0.0]), [values(USUAL), [{}]])
    assert estimate_from_baseline(KEY, vanished) is None
    assert estimate_from_baseline(KEY, LevelRuns([{}], [values(USUAL)])) is None


def test_a_faster_machine_hides_no_regression() -> None:
    """On a faster machine +20 % does not pass, and on a slower one an unchanged version does not fail."""
    speeds = [0.01 * number for number in range(-5, 5)]
    base = [speed + noise / 3.0 for speed, noise in zip(speeds, USUAL, strict=True)]
    faster = {"head_speed": -math.log(1.2), "base_speed": speeds}
    hidden = judge([math.log(1.2) - math.log(1.2)], base, **faster)
    assert RANKS[hidden.verdict] > 0
    slower = {"head_speed": math.log(1.25), "base_speed": speeds}
    assert RANKS[judge([math.log(1.25)], base, **slower).verdict] < 2
    assert judge([math.log(1.25 * 1.5)], base, **slower).verdict is Verdict.WORSE


def test_the_effect_of_a_known_machine_is_removed() -> None:
    """A metric that follows the machine does not change with it; head and base are those that users saw."""
    speeds = [0.05 * number for number in range(-5, 5)]
    base = [speed + noise / 3.0 for speed, noise in zip(speeds, USUAL, strict=True)]
    found = estimate([0.2], base, head_speed=0.2, base_speed=speeds)
    assert found.log_change == pytest.approx(0.0, abs=0.03)
    assert found.machine_effect == pytest.approx(0.2, abs=0.06)
    assert found.head == pytest.approx(600.0 * math.exp(0.2), rel=0.001)
    assert found.base * math.exp(found.log_change + found.machine_effect) == pytest.approx(
        found.head, rel=0.01
    )


def test_messages_weigh_as_much_as_their_requests() -> None:
    """A slow message with nine tenths of the requests decides the typical change."""
    base = [{"often": 100.0, "rarely": 100.0}] * 5
    head = {"often": 140.0, "rarely": 100.0}
    runs = LevelRuns([head], [base], weights={"often": 9.0, "rarely": 1.0})
    found = estimate_from_baseline(KEY, runs)
    assert found is not None
    assert found.log_change == pytest.approx(0.9 * math.log(1.4), abs=0.02)
    equal = estimate_from_baseline(KEY, LevelRuns([head], [base]))
    assert equal is not None
    assert equal.log_change < found.log_change


def test_outliers_are_found_by_their_distance() -> None:
    """The run that is 40 % slower is one; runs within the noise and runs of a fast machine are not."""
    logs = [*USUAL[:9], math.log(1.4)]
    assert find_outliers(KEY, values(logs), [0.0] * 10) == {9: pytest.approx(math.log(1.4), abs=0.02)}
    assert find_outliers(KEY, values(USUAL), [0.0] * 10) == {}
    speeds = [0.1 * number for number in range(10)]
    on_machines = [speed + noise for speed, noise in zip(speeds, USUAL, strict=True)]
    assert find_outliers(KEY, values(on_machines), speeds) == {}
    assert find_outliers(KEY, [{}, *values([0.0, 1.0])], [0.0] * 3) == {}
