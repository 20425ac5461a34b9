import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from bench.core.config.load_override import LoadOverrides
from bench.core.report.report import Report, make_report
from bench.core.run.result import RunResult
from bench.core.samples.metric import Part
from bench.core.samples.sample import Outcome, Stop, StopCause
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Comparison, Decision, compare
from bench.core.verdict.verdict import MetricComparison, Verdict
from tests.core.figures import without_success
from tests.factories import (
    TIER_TIMES,
    make_baseline,
    make_fingerprint,
    make_provenance,
    make_recording,
    make_run,
    make_sample,
    make_scenario,
    make_spec,
    run_at,
)

MINUS = "\u2212"
LATENCY: dict[str, Any] = {"base": 640.0, "head": 832.0, "change": 192.0, "change_ratio": 0.3}


@cache
def ordinary_baseline() -> Baseline:
    """Return a baseline of ten ordinary runs."""
    return make_baseline()


def report(result: RunResult, baseline: Baseline | None = None) -> Report:
    """Return the report of a run compared with a baseline."""
    return make_report(result, compare(result, baseline))


def row(key: str, verdict: Verdict, part: Part = Part.DECIDES, **numbers: Any) -> MetricComparison:
    """Return one compared metric with these numbers."""
    return MetricComparison.model_validate({"key": key, "verdict": verdict, "part": part} | numbers)


def tier(name: str, verdict: Verdict, **numbers: Any) -> MetricComparison:
    """Return one compared tier time with these numbers."""
    return row(f"tier.{name}_ms", verdict, Part.LOCATES, **numbers)


def headline_of(decision: Decision, *metrics: MetricComparison, result: RunResult | None = None) -> str:
    """Return the headline of a report with these metrics."""
    comparison = Comparison(decision=decision, reasons=("this is why",), metrics=metrics)
    return make_report(result or run_at(), comparison).headline


def accept_step(result: RunResult, *more: str) -> str:
    """Return the command that accepts a run."""
    accept = f"bench baseline accept results/{result.provenance.run_id} --reason '…'"
    return " ".join([accept, *more]) + "."


ALLOW_REGRESSION = "--allow-regression"


def test_a_report_contains_the_run_and_its_comparison() -> None:
    """Renderers get the run, its comparison and two sentences."""
    result = run_at(1.3, 99)
    comparison = compare(result, ordinary_baseline())
    run_report = make_report(result, comparison)
    assert (run_report.result, run_report.comparison) == (result, comparison)
    assert run_report.decision is comparison.decision is Decision.FAIL


def test_a_report_survives_json() -> None:
    """A report that is written to JSON and read again is equal."""
    run_report = report(run_at(1.3, 99), ordinary_baseline())
    assert Report.model_validate_json(run_report.model_dump_json()) == run_report


def test_a_pass_names_the_smallest_detectable_change() -> None:
    """The headline has the change and the smallest detectable change; no next step is needed."""
    run_report = report(run_at(1.0, 99), ordinary_baseline())
    change = rf"{MINUS}0\.1 % \({MINUS}\d\.\d to \+\d\.\d %; detectable: \d+ %\)"
    assert re.fullmatch(rf"No change: response time {change}\.", run_report.headline)
    assert run_report.next_step == "Nothing to do."


def test_a_pass_without_a_detectable_change_does_not_name_one() -> None:
    """An unknown smallest detectable change is left out of the headline."""
    metrics = (
        row("success_ratio", Verdict.UNCHANGED, change=0.0),
        row("e2e_ms", Verdict.NEW, head=640.0),
        tier("agent", Verdict.UNCHANGED, change_ratio=0.5),
    )
    assert headline_of(Decision.PASS, *metrics) == "No change: response time –."  # noqa: RUF001 - the dash


def test_an_improvement_names_the_command_that_keeps_it() -> None:
    """The headline has the gain, and the next step is to accept the run."""
    result = run_at(0.7, 99)
    run_report = report(result, ordinary_baseline())
    assert run_report.headline == "Responses are 30 % faster (436 → 305 ms)."
    assert run_report.next_step == f"To keep the gain, run: {accept_step(result)}"


def test_an_improvement_of_success_keeps_the_headline_of_the_response_time() -> None:
    """Better success is worth accepting, but the headline is about the response time."""
    result = run_at()
    metrics = (
        row("success_ratio", Verdict.BETTER, base=0.9, head=1.0, change=0.1),
        row("e2e_ms", Verdict.UNCHANGED, change_ratio=0.012, detectable_ratio=0.15),
    )
    run_report = make_report(result, Comparison(decision=Decision.PASS, reasons=("…",), metrics=metrics))
    assert run_report.headline == "No change: response time +1.2 % (detectable: 15 %)."
    assert run_report.next_step == f"To keep the gain, run: {accept_step(result)}"


def test_a_regression_has_its_size_and_its_tier() -> None:
    """The headline has both values, the difference and the tier with most of it."""
    tier_times: Mapping[str, float] = TIER_TIMES | {"decode": 440.0}
    result = run_at(1.5, 99, tier_times=tier_times)
    run_report = report(result, make_baseline([1.0] * 10, tier_times=TIER_TIMES | {"decode": 250.0}))
    assert run_report.decision is Decision.FAIL
    assert run_report.headline == ("Responses are 50 % slower (436 → 653 ms), in `decode`.")
    advice = "Look at `decode`. If the change is intended, run: "
    assert run_report.next_step == f"{advice}{accept_step(result, ALLOW_REGRESSION)}"


def test_a_regression_names_each_tier_with_at_least_a_fifth() -> None:
    """Several tiers are listed, the largest first."""
    metrics = (
        row("e2e_ms", Verdict.WORSE, **LATENCY),
        tier("agent", Verdict.WITHIN_TOLERANCE, change=60.0),
        tier("decode", Verdict.WORSE, change=130.0),
        tier("auth", Verdict.WORSE, change=2.0),
    )
    assert headline_of(Decision.FAIL, *metrics) == (
        "Responses are 30 % slower (640 → 832 ms), in `decode` and `agent`."
    )


def test_a_regression_without_a_slower_tier_names_no_tier() -> None:
    """If no tier became slower, the headline ends with the size of the regression."""
    metrics = (row("e2e_ms", Verdict.WORSE, **LATENCY), tier("agent", Verdict.UNCHANGED, change=0.4))
    headline = "Responses are 30 % slower (640 → 832 ms)."
    assert headline_of(Decision.FAIL, *metrics) == headline


def test_a_regression_of_a_tier_alone_is_named_as_such() -> None:
    """The headline adds that the total response time did not regress."""
    metrics = (
        row("e2e_ms", Verdict.UNCHANGED, change=12.0),
        tier("agent", Verdict.WORSE, base=40.0, head=60.0, change=20.0, change_ratio=0.5),
        tier("queue", Verdict.WORSE, base=40.0, head=80.0, change=40.0, change_ratio=1.0),
    )
    assert headline_of(Decision.FAIL, *metrics) == (
        "The tier `queue` is 2.0 times as slow (40 → 80 ms); response time: no change."
    )


def test_a_regression_of_success_comes_first() -> None:
    """Failed requests matter more than slow ones, and more than crossed thresholds."""
    result = run_at(1.5, 99, failed=range(0, 100, 8))
    run_report = report(result, ordinary_baseline())
    assert run_report.headline == (
        "Fewer requests succeeded: 87 % of 100 requests, compared with 100 % of 1,000 requests."
    )
    assert any(threshold.crossed for threshold in result.thresholds)
    assert run_report.comparison.regressed(Part.DECIDES)[0].key == "e2e_ms"


def test_without_a_named_tier_the_next_step_is_the_requests() -> None:
    """The next step mentions a tier only if the headline names one."""
    result = run_at(1.0, 99, failed=range(0, 100, 8))
    advice = "Look at the failed requests and the services' logs. If the change is intended, run: "
    assert report(result, ordinary_baseline()).next_step == f"{advice}{accept_step(result, ALLOW_REGRESSION)}"


@pytest.mark.parametrize(
    ("metrics", "place"),
    [
        ((row("e2e_ms", Verdict.MISSING, base=640.0),), "the failed requests and the services' logs"),
        ((row("e2e_ms", Verdict.WORSE, **LATENCY),), "the slowest requests (bench export RUN)"),
        ((tier("auth", Verdict.MISSING, base=1.0),), "`auth`"),
        (
            (row("p95.e2e_ms", Verdict.MISSING, Part.TAILS, base=900.0),),
            "the failed requests and the services' logs",
        ),
        (
            (row("p95.e2e_ms", Verdict.WORSE, Part.TAILS, **LATENCY),),
            "the slowest requests (bench export RUN)",
        ),
    ],
)
def test_the_next_step_follows_from_the_failed_metrics(
    metrics: tuple[MetricComparison, ...], place: str
) -> None:
    """The metrics decide the next step, not the words of the headline or of the version name."""
    comparison = Comparison(decision=Decision.FAIL, reasons=("…",), metrics=metrics, base_name="Crept `p95`")
    assert make_report(run_at(), comparison).next_step == f"Look at {place}."


def test_a_crossed_threshold_of_a_tier_leads_to_the_tier() -> None:
    """The next step is to look at the tier, not at the failed requests."""
    spec = make_spec(make_scenario(thresholds={"tier.decode_ms": ["avg<1"]}))
    step = report(run_at(spec=spec)).next_step
    assert step.startswith("Look at `decode`. If the change is intended, run: ")


def test_a_crossed_threshold_is_reported_with_the_measured_value() -> None:
    """Without a regression the headline is the first crossed threshold and the measured value."""
    thresholds = {"success_ratio": ["rate>0.5"], "e2e_ms": ["max<5000", "med<100", "avg<1"]}
    spec = make_spec(make_scenario(thresholds=thresholds))
    expected = "Threshold crossed: e2e_ms med<100, measured 450 ms."
    for baseline in (None, ordinary_baseline()):
        run_report = report(run_at(1.0, 99, spec=spec), baseline)
        assert (run_report.decision, run_report.headline) == (Decision.FAIL, expected)


@pytest.mark.parametrize(
    ("limits", "measured"),
    [
        ({"success_ratio": ["rate>0.99"]}, "success_ratio rate>0.99, measured 95 % of 100 requests"),
        ({"requests": ["count>500"]}, "requests count>500, measured 100"),
        ({"tier.cache_ms": ["avg<5"]}, "tier.cache_ms avg<5, measured –"),  # noqa: RUF001 - the dash
    ],
)
def test_a_crossed_threshold_has_the_unit_of_its_metric(limits: dict[str, Any], measured: str) -> None:
    """Shares are per cent, counts are numbers, and an unmeasured value is a dash."""
    result = run_at(spec=make_spec(make_scenario(thresholds=limits)), failed=range(5))
    assert report(result).headline == f"Threshold crossed: {measured}."


def test_vanished_metrics_are_named() -> None:
    """The headline names metrics that the baseline has and the run lacks, unless something else failed."""
    tier_times = {name: value for name, value in TIER_TIMES.items() if name not in ("auth", "agent")}
    run_report = report(run_at(1.0, 99, tier_times=tier_times), ordinary_baseline())
    assert run_report.headline == (
        "`agent` and `auth` vanished: present in the baseline, missing in this run."
    )


def test_a_vanished_tier_comes_before_the_tiers_that_it_slows() -> None:
    """The time of a vanished tier moves to other tiers, so the headline names the vanished one."""
    metrics = (
        row("e2e_ms", Verdict.UNCHANGED, change=0.0),
        tier("agent", Verdict.WORSE, base=40.0, head=80.0, change=40.0, change_ratio=1.0),
        tier("queue", Verdict.MISSING, base=40.0),
        row("tier.unattributed_ms", Verdict.MISSING, Part.EXPLAINS, base=5.0),
    )
    headline = "`queue` vanished: present in the baseline, missing in this run."
    assert headline_of(Decision.FAIL, *metrics) == headline


def test_without_a_baseline_the_next_step_is_to_accept_the_run() -> None:
    """A run without a baseline is inconclusive and can become the baseline."""
    result = run_at()
    run_report = report(result)
    assert run_report.headline == "Cannot tell: there is no baseline for this scenario and environment yet."
    assert run_report.next_step == f"If this run is correct, run: {accept_step(result)}"


def test_an_inconclusive_run_asks_for_more_or_longer_runs() -> None:
    """A baseline with too much noise needs more runs or longer runs."""
    run_report = report(run_at(1.0, 99), make_baseline([0.7, 1.43] * 5))
    assert run_report.decision is Decision.INCONCLUSIVE
    assert run_report.headline.startswith("Cannot tell: response time: a change of ")
    assert run_report.headline.endswith(" is possible, and a pass excludes 25 %.")
    assert (
        run_report.next_step
        == "Accept more runs into the baseline, or measure longer, to detect smaller changes."
    )


def test_a_run_with_another_load_is_not_accepted() -> None:
    """It cannot be compared with the runs of its scenario, so no command adds it to their baseline."""
    spec = make_spec().with_load(LoadOverrides(vus=5, duration=60.0))
    run = make_run(spec=spec, fingerprint=make_fingerprint(work_digest="c" * 64))
    for baseline in (None, ordinary_baseline()):
        next_step = report(run, baseline).next_step
        assert "accept" not in next_step
        assert "without --vus 5 and --duration 1m" in next_step


def test_an_invalid_run_is_not_judged() -> None:
    """The headline has the first reason, and the next step is to measure again."""
    stop = Stop(cause=StopCause.INTERRUPT, reason="Ctrl-C")
    run_report = report(make_run(make_recording(stop=stop)), ordinary_baseline())
    assert run_report.headline == "Invalid run: the run ended early: Ctrl-C."
    assert run_report.next_step == "Remove this cause and measure again. This run was not judged."


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.3])
@pytest.mark.parametrize("failed", [(), range(0, 100, 7), range(100)])
def test_every_report_has_two_complete_sentences(factor: float, failed: range | tuple[()]) -> None:
    """The headline and the next step end with a full stop, and contain neither None nor nan."""
    for baseline in (None, ordinary_baseline(), without_success()):
        run_report = report(run_at(factor, 99, failed=failed), baseline)
        for text in (run_report.headline, run_report.next_step):
            assert text.endswith(".")
            assert "None" not in text
            assert "nan" not in text


def test_a_run_that_accept_refuses_is_never_advised() -> None:
    """The next step never accepts a run that was stopped or made slower on purpose."""
    stopped = make_recording(stop=Stop(cause=StopCause.THRESHOLD, reason="threshold crossed"))
    injected = make_provenance(injections={"model.slowdown": 1.3})
    crossed = make_spec(make_scenario(thresholds={"e2e_ms": ["avg<1"]}))
    for run in (
        make_run(stopped),
        make_run(stopped, spec=crossed),
        run_at(1.4, 99, provenance=injected),
        run_at(0.6, 99, provenance=injected),
    ):
        for baseline in (None, ordinary_baseline()):
            assert "baseline accept" not in report(run, baseline).next_step


def test_less_unattributed_time_is_no_gain() -> None:
    """An improvement of a metric that only explains needs no next step."""
    unattributed = row("tier.unattributed_ms", Verdict.BETTER, Part.EXPLAINS)
    comparison = Comparison(decision=Decision.PASS, reasons=(), metrics=(unattributed,))
    assert make_report(run_at(), comparison).next_step == "Nothing to do."


def test_no_success_as_before_is_a_complete_headline() -> None:
    """The headline states that no request succeeded, in the run and in its baseline."""
    failed = run_at(failed=range(100), spec=make_spec(make_scenario(thresholds={})))
    run_report = report(failed, without_success())
    assert run_report.headline == "No change. No request succeeded, as before."


def test_a_run_without_success_is_never_advised() -> None:
    """The next step never accepts a run without a successful request."""
    for spec in (make_spec(), make_spec(make_scenario(thresholds={}))):
        for baseline in (None, ordinary_baseline()):
            failed = run_at(1.0, 99, failed=range(100), spec=spec)
            assert "baseline accept" not in report(failed, baseline).next_step


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (
            make_run(provenance=make_provenance(injections={"model.slowdown": 1.3})),
            "Measure again without --inject model.slowdown=1.3.",
        ),
        (
            make_run(make_recording(stop=Stop(cause=StopCause.THRESHOLD, reason="success is below 95 %"))),
            "Measure again to the end: success is below 95 %.",
        ),
        (
            make_run(make_recording([make_sample(0, outcome=Outcome.TIMEOUT)])),
            "Measure again when requests are answered.",
        ),
    ],
)
def test_the_next_step_names_only_the_obstacle_of_this_run(result: RunResult, words: str) -> None:
    """A run that no baseline accepts has one reason; others would send the reader to wrong places."""
    comparison = Comparison(decision=Decision.INCONCLUSIVE, reasons=("there is no baseline",))
    assert make_report(result, comparison).next_step.startswith(words)


COMMITS = re.compile(r"git log [0-9a-f]{9}\.\.[0-9a-f]{9}")


@pytest.mark.parametrize(
    ("base", "head", "has_command"),
    [
        ("a" * 40, "b" * 40, True),
        ("a" * 40, "a" * 40, False),
        ("$(reboot)", "b" * 40, False),
        ("a" * 40, "--output=x", False),
        (None, "b" * 40, False),
    ],
)
def test_the_next_step_lists_the_commits(base: str | None, head: str, *, has_command: bool) -> None:
    """Both commits are known and differ; a text that is no commit never enters a command."""
    result = run_at()
    provenance = result.provenance.model_copy(update={"commit": head})
    comparison = Comparison(
        decision=Decision.FAIL,
        reasons=("…",),
        metrics=(row("e2e_ms", Verdict.WORSE, **LATENCY),),
        newest_baseline_commit=base,
    )
    step = make_report(result.model_copy(update={"provenance": provenance}), comparison).next_step
    assert (COMMITS.search(step) is not None) == has_command
    assert "reboot" not in step
    assert "--output" not in step


def test_a_fault_that_was_made_on_purpose_is_no_reason_to_search() -> None:
    """The next step of a run with an injected fault is to measure without it."""
    result = run_at()
    provenance = result.provenance.model_copy(update={"injections": {"model.slowdown": 1.3}})
    metrics = (row("e2e_ms", Verdict.WORSE, **LATENCY),)
    comparison = Comparison(decision=Decision.FAIL, reasons=("…",), metrics=metrics)
    step = make_report(result.model_copy(update={"provenance": provenance}), comparison).next_step
    assert step == "The fault was made on purpose. Measure again without --inject model.slowdown=1.3."
