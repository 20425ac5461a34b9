from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.report.report import make_report
from bench.core.run.join_recordings import join_recordings
from bench.core.run.result import RunResult
from bench.core.samples.metric import Part
from bench.core.samples.sample import HOST, Outcome, Stop, StopCause
from bench.core.values.histogram import Histogram
from bench.core.verdict.ab import compare_pairs, run_order
from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.paired_runs import PAIR_MARGIN_RATIO
from bench.core.verdict.stopping import MIN_PAIRS
from bench.core.verdict.verdict import Verdict
from bench.core.watch.resources import ResourceSummary
from tests.factories import TIER_TIMES, make_recording, make_run, make_sample, make_use, run_at

# The machine's mood from pair to pair: twice as slow in the midst of it.
MOODS = (1.0, 1.1, 2.0, 1.3, 0.9, 1.05)
NOISE = (1.004, 0.997, 1.002, 0.995, 1.003, 0.999)


def runs(
    factor: float, noise: Sequence[float] = NOISE, failed: Sequence[int] = (), requests: int = 100
) -> list[RunResult]:
    """The runs of a version on a machine of changing speed."""
    return [
        run_at(factor * mood * row, tier_times=TIER_TIMES, failed=failed, requests=requests)
        for mood, row in zip(MOODS, noise, strict=False)
    ]


def compared(base: list[RunResult], head: list[RunResult]) -> Comparison:
    """A head compared with its base."""
    return compare_pairs(base, head, head[-1], "main")


def verdict(comparison: Comparison, key: str) -> Verdict:
    """The verdict on one metric."""
    return next(row.verdict for row in comparison.metrics if row.key == key)


@given(st.integers(1, 50))
def test_both_versions_are_first_equally_often(pairs: int) -> None:
    """Each pair has both versions, and every second pair is reversed."""
    iterations = run_order(pairs)
    assert iterations.count("A") == iterations.count("B") == pairs
    assert all(set(iterations[2 * number : 2 * number + 2]) == {"A", "B"} for number in range(pairs))
    assert iterations.startswith("ABBA"[: 2 * pairs])


def test_a_common_slowdown_is_no_change() -> None:
    """A slowdown of both versions changes no metric."""
    comparison = compared(runs(1.0), runs(1.0, NOISE[::-1]))
    assert comparison.decision is Decision.PASS
    assert comparison.base_name == "main"
    assert comparison.baseline_runs == len(MOODS)


@pytest.mark.parametrize(("factor", "expected"), [(1.1, Verdict.WORSE), (0.9, Verdict.BETTER)])
def test_a_change_of_ten_percent_is_detected_on_an_unstable_machine(factor: float, expected: Verdict) -> None:
    """The runs of a pair are consecutive, so 10 % is visible although runs differ by 50 %."""
    comparison = compared(runs(1.0), runs(factor, NOISE[::-1]))
    assert verdict(comparison, "e2e_ms") is expected
    assert (comparison.decision is Decision.FAIL) is (factor > 1)


@settings(max_examples=60)
@given(st.floats(0.8, 1.25))
def test_swapping_the_sides_swaps_the_verdict(factor: float) -> None:
    """A change for the worse is one for the better in the other direction, and never the reverse."""
    one, other = runs(1.0, requests=4), runs(factor, NOISE[::-1], requests=4)
    verdicts = [verdict(compared(one, other), "e2e_ms"), verdict(compared(other, one), "e2e_ms")]
    for there, back in (verdicts, verdicts[::-1]):
        if there is Verdict.WORSE:
            assert back is Verdict.BETTER
        if there is Verdict.BETTER:
            assert back in {Verdict.WORSE, Verdict.WITHIN_TOLERANCE, Verdict.INCONCLUSIVE}


def test_a_run_against_itself_never_regresses() -> None:
    """Equal runs on both sides are not a change."""
    same = runs(1.0)
    comparison = compared(same, same)
    assert comparison.decision is Decision.PASS
    assert not comparison.regressed(Part.DECIDES)
    assert not comparison.regressed(Part.LOCATES)


def with_service(runs: Sequence[RunResult], name: str, **use: object) -> list[RunResult]:
    """Return the runs with a service that used these resources."""
    changed = []
    for run, noise in zip(runs, NOISE, strict=False):
        one = ResourceSummary.model_validate(
            {"cpu_pct_mean": 20.0, "cpu_pct_p95": 30.0, "memory_bytes_max": round(60e6 * noise), **use}
        )
        summary = run.summary.model_copy(update={"resources": run.summary.resources | {name: one}})
        changed.append(run.model_copy(update={"summary": summary}))
    return changed


@pytest.mark.parametrize(
    ("use", "key", "words"),
    [
        (
            {"memory_bytes_max": 90_000_000},
            "service.gateway.memory_bytes",
            "`gateway` needs 50 % more memory (60.0 MB → 90.0 MB); response time: no change.",
        ),
        (
            {"cpu_pct_mean": 30.0},
            "service.gateway.cpu_ms",
            "`gateway` needs 50 % more processor time per request (",
        ),
    ],
)
def test_a_service_that_uses_more_fails(use: dict[str, object], key: str, words: str) -> None:
    """More memory, or more processor time per request, is a regression although no request is slower."""
    comparison = compared(
        with_service(runs(1.0), "gateway"), with_service(runs(1.0, NOISE[::-1]), "gateway", **use)
    )
    assert verdict(comparison, key) is Verdict.WORSE
    assert comparison.decision is Decision.FAIL
    report = make_report(runs(1.0)[-1], comparison)
    assert report.headline.startswith(words)
    assert "memory and the processor time" in report.next_step


def test_the_resources_of_load_generators_do_not_count() -> None:
    """The load generator and the machine are not part of a version."""
    for name in ("generator", "generator-2", HOST):
        more = with_service(runs(1.0), name, memory_bytes_max=900_000_000)
        comparison = compared(with_service(runs(1.0), name), more)
        assert {row.key for row in comparison.metrics if row.part is Part.COSTS} == {"requests_rps"}


def test_another_service_is_no_regression() -> None:
    """A version may have other services than the base."""
    comparison = compared(with_service(runs(1.0), "proxy"), with_service(runs(1.0), "gateway"))
    assert comparison.decision is Decision.PASS
    assert verdict(comparison, "service.gateway.memory_bytes") is Verdict.NEW
    assert verdict(comparison, "service.proxy.memory_bytes") is Verdict.INCONCLUSIVE


def test_less_throughput_fails() -> None:
    """Fewer successful requests per second are a regression; more are an improvement."""
    fewer = []
    for run in runs(1.0):
        summary = run.summary.model_copy(update={"requests_rps": 0.8 * (run.summary.requests_rps or 0.0)})
        fewer.append(run.model_copy(update={"summary": summary}))
    assert verdict(compared(runs(1.0), fewer), "requests_rps") is Verdict.WORSE
    assert verdict(compared(fewer, runs(1.0)), "requests_rps") is Verdict.BETTER


def test_a_change_within_the_margin_is_tolerated() -> None:
    """A significant change below the margin does not fail a run."""
    exact = (1.0,) * len(MOODS)
    comparison = compared(runs(1.0, exact), runs(1.0 + PAIR_MARGIN_RATIO / 2, exact))
    assert comparison.decision is Decision.PASS


def test_failures_are_counted_over_all_pairs() -> None:
    """Success is tested as counts, and failures in several runs are not one short disturbance."""
    comparison = compared(runs(1.0), runs(1.0, failed=[3, 50, 90]))
    assert verdict(comparison, "success_ratio") is Verdict.WORSE
    assert comparison.decision is Decision.FAIL


def test_too_few_pairs_are_inconclusive() -> None:
    """Fewer than four pairs have no decision, and the next step is more pairs."""
    few = MIN_PAIRS - 1
    comparison = compared(runs(1.0)[:few], runs(1.5)[:few])
    assert comparison.decision is Decision.INCONCLUSIVE
    report = make_report(runs(1.5)[0], comparison)
    assert report.next_step == "Measure more pairs to detect smaller changes."


def test_an_invalid_run_makes_the_comparison_invalid() -> None:
    """If one run is invalid, no metric is judged, and each reason appears once."""
    broken = make_run(make_recording(stop=Stop(cause=StopCause.INTERRUPT, reason="Ctrl-C")))
    comparison = compared([*runs(1.0)[:3], broken], [*runs(1.0)[:3], broken])
    assert comparison.decision is Decision.INVALID
    assert comparison.reasons == ("the run ended early: Ctrl-C",)


def test_a_vanished_tier_fails_and_a_new_tier_passes() -> None:
    """A tier that only one side has is missing or new."""
    without = {name: value for name, value in TIER_TIMES.items() if name != "queue"}
    bare = [run_at(mood, tier_times=without) for mood in MOODS]
    gone = compared(runs(1.0), bare)
    assert (verdict(gone, "tier.queue_ms"), gone.decision) == (Verdict.MISSING, Decision.FAIL)
    assert "present in main, missing in this run" in make_report(bare[-1], gone).headline
    come = compared(bare, runs(1.0))
    assert verdict(come, "tier.queue_ms") is Verdict.NEW
    some = compared(runs(1.0), [*bare[:4], *runs(1.0)[4:]])
    assert verdict(some, "tier.queue_ms") is Verdict.INCONCLUSIVE


def test_a_crossed_threshold_fails_the_head() -> None:
    """Thresholds apply independently of the base."""
    head = runs(40.0)
    assert "p95 response time is above its threshold of 5,000 ms" in compared(runs(40.0), head).reasons


def test_a_head_of_ab_is_not_accepted() -> None:
    """The report of `bench ab` does not suggest to accept the run."""
    head = runs(1.3)
    step = make_report(head[-1], compared(runs(1.0), head)).next_step
    assert "accept" not in step


def test_joined_recordings_are_consecutive() -> None:
    """Requests, resources and gaps are complete, each recording after the one before."""
    gaps = Histogram()
    gaps.add([5.0])
    cpu = (make_use(),)
    one = make_recording([make_sample(0)], elapsed_s=10.0, token_gaps={0: gaps}, resources=cpu)
    other = make_recording([make_sample(0, outcome=Outcome.TIMEOUT)], elapsed_s=5.0, token_gaps={0: gaps})
    whole = join_recordings([one, other])
    assert [row.scheduled_s for row in whole.samples] == [0.0, 10.0]
    assert (whole.elapsed_s, whole.planned_s, whole.token_gaps[0].count) == (15.0, 60.0, 2)
    assert [row.at_s for row in whole.resources] == [1.0, 11.0, 12.0]
    assert gaps.count == 1
