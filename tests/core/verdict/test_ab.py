from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.report.report import make_report
from bench.core.run.result import RunResult
from bench.core.samples.metric import Part
from bench.core.samples.sample import Outcome, Stop, StopCause
from bench.core.values.histogram import Histogram
from bench.core.verdict.ab import AB_MARGIN_RATIO, compare_pairs, join_recordings, run_order
from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.shift import MIN_PAIRS
from bench.core.verdict.verdict import Verdict
from tests.factories import TIER_TIMES, make_recording, make_run, make_sample, make_use, run_at

# The machine's mood from pair to pair: twice as slow in the midst of it.
MOODS = (1.0, 1.1, 2.0, 1.3, 0.9, 1.05)
NOISE = (1.004, 0.997, 1.002, 0.995, 1.003, 0.999)


def runs(factor: float, noise: Sequence[float] = NOISE, failed: Sequence[int] = ()) -> list[RunResult]:
    """A version's runs, in the machine's moods."""
    moods = zip(MOODS, noise, strict=False)
    return [run_at(factor * mood * each, tier_times=TIER_TIMES, failed=failed) for mood, each in moods]


def compared(base: list[RunResult], head: list[RunResult]) -> Comparison:
    """A head beside its base."""
    return compare_pairs(base, head, head[-1], "main")


def verdict(comparison: Comparison, key: str) -> Verdict:
    """Of one metric."""
    return next(each.verdict for each in comparison.metrics if each.key == key)


@given(st.integers(1, 50))
def test_neither_is_first_more_often(pairs: int) -> None:
    """Both are measured equally often, each pair has both, and every second pair is turned around."""
    iterations = run_order(pairs)
    assert iterations.count("A") == iterations.count("B") == pairs
    assert all(set(iterations[2 * number : 2 * number + 2]) == {"A", "B"} for number in range(pairs))
    assert iterations.startswith("ABBA"[: 2 * pairs])


def test_the_machines_mood_is_no_change() -> None:
    """What slows both down alike says nothing of either."""
    comparison = compared(runs(1.0), runs(1.0, NOISE[::-1]))
    assert comparison.decision is Decision.PASS
    assert comparison.base_name == "main"
    assert comparison.baseline_runs == len(MOODS)


@pytest.mark.parametrize(("factor", "expected"), [(1.1, Verdict.REGRESSED), (0.9, Verdict.IMPROVED)])
def test_a_change_of_ten_per_cent_is_seen_through_a_machine_twice_as_slow(
    factor: float, expected: Verdict
) -> None:
    """Pairs are neighbours in time, so a tenth is seen where runs differ by a half."""
    comparison = compared(runs(1.0), runs(factor, NOISE[::-1]))
    assert verdict(comparison, "e2e_ms") is expected
    assert (comparison.decision is Decision.FAIL) is (factor > 1)


@given(st.floats(0.8, 1.25))
def test_swapping_the_sides_swaps_the_verdict(factor: float) -> None:
    """What is a regression from one side is an improvement from the other."""
    swapped = {
        Verdict.REGRESSED: Verdict.IMPROVED,
        Verdict.IMPROVED: Verdict.REGRESSED,
        Verdict.UNCHANGED: Verdict.UNCHANGED,
        Verdict.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    }
    one, other = runs(1.0), runs(factor, NOISE[::-1])
    there, back = compared(one, other), compared(other, one)
    assert verdict(back, "e2e_ms") is swapped[verdict(there, "e2e_ms")]


def test_a_run_beside_itself_never_regresses() -> None:
    """The same runs on both sides are no change of anything."""
    same = runs(1.0)
    comparison = compared(same, same)
    assert comparison.decision is Decision.PASS
    assert not comparison.regressed(Part.DECIDES)
    assert not comparison.regressed(Part.LOCATES)


def test_a_change_within_the_margin_is_tolerated() -> None:
    """What is surely slower, but by less than matters, fails nobody."""
    exact = (1.0,) * len(MOODS)
    comparison = compared(runs(1.0, exact), runs(1.0 + AB_MARGIN_RATIO / 2, exact))
    assert comparison.decision is Decision.PASS


def test_failures_are_counted_over_all_pairs() -> None:
    """Success is tested as counts, and failures in several runs are no single bad moment."""
    comparison = compared(runs(1.0), runs(1.0, failed=[3, 50, 90]))
    assert verdict(comparison, "success_ratio") is Verdict.REGRESSED
    assert comparison.decision is Decision.FAIL


def test_too_few_pairs_cannot_tell() -> None:
    """Less than four pairs decide nothing, and that is said."""
    few = MIN_PAIRS - 1
    comparison = compared(runs(1.0)[:few], runs(1.5)[:few])
    assert comparison.decision is Decision.INCONCLUSIVE
    report = make_report(runs(1.5)[0], comparison)
    assert report.next_step == "Measure more pairs to detect smaller changes."


def test_an_invalid_run_spoils_the_comparison() -> None:
    """Where one run cannot be believed nothing is judged, and each reason is said once."""
    broken = make_run(make_recording(stop=Stop(cause=StopCause.INTERRUPT, reason="Ctrl-C")))
    comparison = compared([*runs(1.0)[:3], broken], [*runs(1.0)[:3], broken])
    assert comparison.decision is Decision.INVALID
    assert comparison.reasons == ("the run ended early: Ctrl-C",)


def test_a_tier_that_vanished_is_missing_and_one_that_came_is_new() -> None:
    """What only one side has cannot be compared; that it is gone fails, that it came does not."""
    without = {name: value for name, value in TIER_TIMES.items() if name != "queue"}
    bare = [run_at(mood, tier_times=without) for mood in MOODS]
    gone = compared(runs(1.0), bare)
    assert (verdict(gone, "tier.queue_ms"), gone.decision) == (Verdict.MISSING, Decision.FAIL)
    assert "present in main, missing in this run" in make_report(bare[-1], gone).headline
    come = compared(bare, runs(1.0))
    assert verdict(come, "tier.queue_ms") is Verdict.NEW
    some = compared(runs(1.0), [*bare[:3], *runs(1.0)[3:]])
    assert verdict(some, "tier.queue_ms") is Verdict.INCONCLUSIVE


def test_a_crossed_threshold_fails_the_head() -> None:
    """Limits hold whatever the base does."""
    head = runs(40.0)
    assert "threshold crossed: e2e_ms p(95)<5000" in compared(runs(40.0), head).reasons


def test_what_is_measured_in_turns_is_no_baseline() -> None:
    """A head is not accepted from a comparison in turns: its run was not made for that."""
    head = runs(1.3)
    step = make_report(head[-1], compared(runs(1.0), head)).next_step
    assert "accept" not in step


def test_recordings_one_after_the_other_are_one() -> None:
    """Requests, resources and gaps of all are there, each recording after the one before it."""
    gaps = Histogram()
    gaps.add([5.0])
    cpu = (make_use(),)
    one = make_recording([make_sample(0)], elapsed_s=10.0, token_gaps={0: gaps}, resources=cpu)
    other = make_recording([make_sample(0, outcome=Outcome.TIMEOUT)], elapsed_s=5.0, token_gaps={0: gaps})
    whole = join_recordings([one, other])
    assert [each.scheduled_s for each in whole.samples] == [0.0, 10.0]
    assert (whole.elapsed_s, whole.planned_s, whole.token_gaps[0].count) == (15.0, 60.0, 2)
    assert [each.at_s for each in whole.resources] == [1.0, 11.0, 12.0]
    assert gaps.count == 1
