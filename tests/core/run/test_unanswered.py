from typing import Any

import pytest

from bench.core.limits.judge import judge
from bench.core.run.result import RunResult
from bench.core.run.unanswered import describe_unanswered
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.watch.alerts import Rule
from tests.factories import make_recording, make_run, make_sample, make_scenario, make_spec


def _cut_off(seq: int, waited_s: float, **changes: Any) -> RequestSample:
    sample = make_sample(seq, outcome=Outcome.CUT_OFF, detail="the phase ended", tier_times={}, **changes)
    return sample._replace(finished_s=sample.scheduled_s + waited_s)


def _run(samples: list[RequestSample], **scenario: Any) -> RunResult:
    content = {"thresholds": {}} | scenario
    return make_run(make_recording(samples, elapsed_s=65.0), spec=make_spec(make_scenario(**content)))


# Four answers of 40 s, and ten requests that waited 33.6 s.
MOSTLY_CUT_OFF = [make_sample(seq, at_s=0.0, latency_ms=40_000.0) for seq in range(4)] + [
    _cut_off(seq, 33.6, at_s=28.0) for seq in range(4, 14)
]


def test_requests_that_were_cut_off_are_not_successful() -> None:
    """Success, failed requests and goodput count them."""
    summary = _run(MOSTLY_CUT_OFF, objectives={"e2e_ms": 50_000}).summary
    assert (summary.requests, summary.ok, summary.failed) == (14, 4, 10)
    assert summary.metrics["success_ratio"].mean == pytest.approx(4 / 14)
    assert summary.goodput is not None
    assert summary.goodput.ratio == pytest.approx(4 / 14)
    assert summary.outcomes == {Outcome.CUT_OFF: 10, Outcome.OK: 4}


def test_the_report_names_how_many_waited_how_long() -> None:
    """Each outcome has a sentence with its denominator and the range of the waits."""
    summary = _run([*MOSTLY_CUT_OFF, _cut_off(14, 12.0)._replace(outcome=Outcome.TIMEOUT)]).summary
    assert set(describe_unanswered(summary.unanswered, summary.requests)) == {
        "10 of 15 requests were cut off by the end of the run: longer than 33.6 s",
        "1 of 15 requests timed out: longer than 12.0 s",
    }
    waits = [make_sample(0), _cut_off(1, 1.0), _cut_off(2, 33.6)]
    summary = _run(waits).summary
    (sentence,) = describe_unanswered(summary.unanswered, summary.requests)
    assert sentence.endswith("longer than 1,000 ms to 33.6 s")


def test_quantiles_beyond_the_answers_are_lower_bounds() -> None:
    """Three quick answers and seven requests without one have a median of more than their wait."""
    samples = [make_sample(seq, at_s=0.0, latency_ms=500.0) for seq in range(3)]
    samples += [_cut_off(seq, 33.6, at_s=0.0) for seq in range(3, 10)]
    row = _run(samples).summary.metrics["e2e_ms"]
    assert (row.count, row.censored) == (10, 7)
    assert row.p50 == pytest.approx(33_600.0)
    assert {"p50", "p90", "mean", "typical"} <= set(row.lower_bounds)
    assert row.figures
    assert set(row.bounded_figures) == set(row.figures)


def test_later_answers_take_the_weight_of_short_waits() -> None:
    """A request that was cut off early says nothing about a median that later answers have.

    It may have been the slowest, so only the maximum is a lower bound.
    """
    samples = [make_sample(seq, at_s=0.0, latency_ms=1000.0) for seq in range(10)]
    row = _run([*samples, _cut_off(10, 0.1)]).summary.metrics["e2e_ms"]
    assert row.p50 == pytest.approx(1000.0)
    assert row.censored == 1
    assert row.max == pytest.approx(1000.0)
    assert row.lower_bounds == ("max",)


def test_a_first_token_before_the_end_counts() -> None:
    """A request that was cut off within its answer has a time to first token; one before it only waited."""
    streamed = make_sample(0, at_s=0.0, first_token_s=0.2)
    begun = _cut_off(1, 30.0, at_s=0.0, first_token_s=0.4)
    silent = _cut_off(2, 30.0, at_s=0.0)
    row = _run([streamed, begun, silent]).summary.metrics["ttft_ms"]
    assert (row.count, row.censored) == (3, 1)
    assert row.p50 == pytest.approx(400.0)
    assert "ttft_ms" not in _run([make_sample(0), silent]).summary.metrics


@pytest.mark.parametrize(
    ("limit", "crossed"),
    [("p(50)<60000", True), ("p(50)>30000", False), ("p(50)>40000", True), ("min<600", False)],
)
def test_a_lower_bound_keeps_no_upper_limit(limit: str, crossed: bool) -> None:
    """A median that is longer than 33.6 s is not shown to be below 60 s; a known minimum is exact."""
    samples = [make_sample(0, at_s=0.0)] + [_cut_off(seq, 33.6) for seq in range(1, 4)]
    limits = make_scenario(thresholds={"e2e_ms": [limit]}).thresholds
    (result,) = judge(limits, Samples.of(samples), 60.0)
    assert result.crossed is crossed
    if limit.startswith("p"):
        assert result.measured == "> 33.6 s"


def test_a_rate_names_its_denominator() -> None:
    """A threshold of a rate shows the number of requests, failures included."""
    limits = make_scenario(thresholds={"success_ratio": ["rate>0.9"]}).thresholds
    (result,) = judge(limits, Samples.of(MOSTLY_CUT_OFF), 60.0)
    assert result.measured == "28.6 % of 14 requests"


def test_failed_requests_count_as_not_intercepted() -> None:
    """The interception rate is a share of all requests, not of the answers."""
    samples = [make_sample(seq, intercepted=seq < 3) for seq in range(20)]
    failed = [make_sample(seq, outcome=Outcome.HTTP_ERROR, intercepted=None) for seq in range(20, 40)]
    row = _run([*samples, *failed]).summary.metrics["interception_ratio"]
    assert row.count == 40
    assert row.mean == pytest.approx(3 / 40)
    assert "interception_ratio" not in _run([make_sample(0), failed[0]]).summary.metrics


def test_requests_that_waited_raise_the_alert_slow() -> None:
    """A request that was cut off counts with its wait."""
    samples = [make_sample(seq) for seq in range(20)] + [_cut_off(20, 400.0)]
    result = _run(samples)
    assert result.alerts is not None
    (slow,) = [alert for alert in result.alerts if alert.rule is Rule.SLOW]
    assert slow.value == pytest.approx(400.0)


def _reasons(samples: list[RequestSample], **scenario: Any) -> tuple[str, ...]:
    return _run(samples, **scenario).validity.reasons


def _phase(**changes: Any) -> dict[str, Any]:
    return {"executor": "constant-vus", "vus": 10, "duration_s": 30} | changes


def test_a_run_that_is_too_short_names_a_duration() -> None:
    """The answer time and the duration of the scenario lead to a duration with five answers per VU."""
    (reason,) = _reasons(MOSTLY_CUT_OFF)
    assert reason == "the stack answers in 40 s, this scenario lasts 30 s: use --duration 5m"


def test_a_run_without_answers_knows_a_lower_bound_only() -> None:
    """The longest wait stands for the unknown answer time."""
    (reason,) = _reasons([_cut_off(seq, 55.0) for seq in range(5)])
    assert reason == "the stack takes longer than 55 s, this scenario lasts 30 s: use --duration 5m"


def test_few_quick_answers_do_not_stand_for_the_others() -> None:
    """The answer time is the median of all requests, not of those that had an answer before the end."""
    quick = [make_sample(seq, at_s=0.0, latency_ms=500.0) for seq in range(4)]
    (reason,) = _reasons([*quick, *(_cut_off(seq, 33.6, at_s=0.0) for seq in range(4, 14))])
    assert reason == "the stack takes longer than 33.6 s, this scenario lasts 30 s: use --duration 5m"


def test_several_phases_need_other_advice() -> None:
    """`--duration` changes a single phase, so the advice is to change the file."""
    (reason,) = _reasons(MOSTLY_CUT_OFF, phases=[_phase(), _phase()])
    assert reason.endswith("use phases of 5m")


def test_an_overloaded_stack_needs_less_load() -> None:
    """A run that was long enough for its answers must not become longer."""
    (reason,) = _reasons(MOSTLY_CUT_OFF, phases=[_phase(duration_s=3600)])
    assert reason == "the stack answers in 40 s and cannot keep up with this load: use fewer --vus"


def test_half_of_the_answers_make_a_run_valid() -> None:
    """A run is invalid only if most of its requests were cut off."""
    samples = [make_sample(seq, latency_ms=40_000.0) for seq in range(5)]
    assert _reasons([*samples, *(_cut_off(seq, 33.6) for seq in range(5, 10))]) == ()
