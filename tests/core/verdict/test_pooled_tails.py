"""The 95th percentile, if there are enough requests."""

import pytest

from bench.core.limits.tolerance import Tolerance
from bench.core.report.report import make_report
from bench.core.run.figures import TAIL_REQUESTS, figures_of
from bench.core.run.result import RunResult
from bench.core.samples.metric import Part
from bench.core.samples.metrics import METRICS, metric, metric_of_tail, tail_key
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Comparison, Decision, compare
from bench.core.verdict.verdict import Verdict
from bench.render.document.document import make_document
from tests.factories import (
    USUAL_FACTORS,
    make_baseline,
    make_recording,
    make_run,
    make_sample,
    run_at,
    with_runs,
)

TAIL = "p95.e2e_ms"
AUTH = {"auth": 1.0}


def slow_tail(number: int = 0, share: int = 15, requests: int = 200) -> RunResult:
    """A usual run, with one request in `share` that takes three times as long."""
    usual_ms = (300.0, 400.0, 500.0, 600.0)
    samples = [
        make_sample(seq, latency_ms=usual_ms[seq % 4] * (3.0 if seq % share == 0 else 1.0), tier_times=AUTH)
        for seq in range(requests)
    ]
    made = make_run(make_recording(samples))
    return made.model_copy(
        update={"provenance": made.provenance.model_copy(update={"run_id": f"tail-{number}"})}
    )


def usual(requests: int = 200) -> Baseline:
    """Ten runs whose one tier always takes the same time."""
    return make_baseline(USUAL_FACTORS, tier_times=AUTH, requests=requests)


def verdict_on(comparison: Comparison, key: str = TAIL) -> Verdict:
    """The verdict on one metric."""
    return next(item.verdict for item in comparison.metrics if item.key == key)


def test_only_deciding_latencies_have_a_tail() -> None:
    """Response time and time to first token have a tail; success, informing metrics and tiers do not."""
    assert {key for key in METRICS if metric_of_tail(tail_key(key))} == {"e2e_ms", "ttft_ms"}
    for key in ("e2e_ms", "p95.tier.agent_ms", "p95.colour", "tier.p95_ms"):
        assert metric_of_tail(key) is None
    row = metric(TAIL)
    assert (row.label, row.part) == ("p95 response time", Part.TAILS)
    assert row.resolution == METRICS["e2e_ms"].resolution


def test_few_requests_have_no_compared_tail() -> None:
    """With fewer than a hundred requests, the percentile is shown and not compared."""
    assert figures_of(run_at(requests=TAIL_REQUESTS).summary)[TAIL].keys() == {"all"}
    assert TAIL not in figures_of(run_at(requests=TAIL_REQUESTS - 1).summary)


def test_a_slower_tail_fails_with_a_nearly_unchanged_mean() -> None:
    """One slow request of fifteen is a regression of the 95th percentile."""
    run = slow_tail()
    comparison = compare(run, usual())
    assert comparison.decision is Decision.FAIL
    assert verdict_on(comparison) is Verdict.WORSE
    assert comparison.suspect
    report = make_report(run, comparison)
    assert report.headline.startswith("p95 response time is ")
    assert report.next_step.startswith("Look at the slowest requests (bench export RUN)")
    rows = [row[0] for row in make_document(report).judged[0].rows]
    assert rows == ["success", "response time", "p95 response time"]


def test_a_usual_tail_passes() -> None:
    """A run like its baseline has a similar 95th percentile."""
    comparison = compare(run_at(1.0, 50, tier_times=AUTH, requests=200), usual())
    assert (comparison.decision, verdict_on(comparison)) == (Decision.PASS, Verdict.UNCHANGED)


def test_failures_do_not_make_a_tail_vanish() -> None:
    """A run with too few successes for a percentile is judged by its success ratio."""
    comparison = compare(run_at(1.0, 50, tier_times=AUTH, failed=[3]), usual(requests=100))
    assert verdict_on(comparison) is Verdict.INCONCLUSIVE
    assert comparison.vanished == ()
    assert comparison.decision is Decision.PASS


def test_a_baseline_without_tails_judges_all_other_metrics() -> None:
    """Accepted runs without the longest durations have no percentile to compare with."""
    old = usual()
    runs = [run.model_copy(update={"tails": {}}) for run in old.runs]
    rows = {row.key: row.verdict for row in compare(slow_tail(), with_runs(old, runs)).metrics}
    assert TAIL not in rows
    assert rows["e2e_ms"] in {Verdict.UNCHANGED, Verdict.WITHIN_TOLERANCE}


def test_a_tail_has_its_own_margin() -> None:
    """A scenario can tolerate more change of a tail than of other metrics."""
    run, scenario = slow_tail(), slow_tail().scenario
    tolerant = scenario.model_validate(scenario.model_dump() | {"tolerances": {TAIL: Tolerance(ratio=9.0)}})
    comparison = compare(run.model_copy(update={"scenario": tolerant}), usual())
    assert verdict_on(comparison) is Verdict.WITHIN_TOLERANCE


@pytest.mark.parametrize(("requests", "expected"), [(60, Verdict.WORSE), (20, Verdict.INCONCLUSIVE)])
def test_ab_compares_tails(requests: int, expected: Verdict) -> None:
    """`bench ab` detects a slower tail of all pairs together, and tells when they have too few requests."""
    base = [run_at(1.0, number, tier_times=AUTH, requests=requests) for number in range(6)]
    head = [slow_tail(number, requests=requests) for number in range(6)]
    comparison = compare_pairs(base, head, head[-1], "base")
    row = next(row for row in comparison.metrics if row.key == TAIL)
    assert row.verdict is expected
    too_few = "120 requests are too few for a 95th percentile, 130 are needed"
    assert row.doubt == (too_few if requests == 20 else None)


def test_failures_do_not_hide_a_tail_in_ab() -> None:
    """A head with a failed request still has the 95th percentile of all pairs."""
    base = [run_at(1.0, number, tier_times=AUTH) for number in range(6)]
    head = [run_at(1.0, 10 + number, tier_times=AUTH, failed=[7]) for number in range(6)]
    assert verdict_on(compare_pairs(base, head, head[-1], "base")) is Verdict.UNCHANGED
