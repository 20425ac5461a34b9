from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from bench.core.report.report import Report, make_report
from bench.core.run.result import RunResult
from bench.core.samples.metric import Part
from bench.core.samples.sample import Stop, StopCause
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Comparison, Decision, compare
from bench.core.verdict.verdict import MetricComparison, Verdict
from tests.core.figures import without_success
from tests.factories import (
    TIER_TIMES,
    make_baseline,
    make_provenance,
    make_recording,
    make_run,
    make_scenario,
    make_spec,
    run_at,
)

MINUS = "\u2212"
LATENCY: dict[str, Any] = {"base": 640.0, "head": 832.0, "change": 192.0, "change_ratio": 0.3}


@cache
def usual() -> Baseline:
    """Ten ordinary runs."""
    return make_baseline()


def report(result: RunResult, baseline: Baseline | None = None) -> Report:
    """The report on a run beside a baseline."""
    return make_report(result, compare(result, baseline))


def row(key: str, verdict: Verdict, part: Part = Part.DECIDES, **numbers: Any) -> MetricComparison:
    """One compared metric; numbers by name."""
    return MetricComparison.model_validate({"key": key, "verdict": verdict, "part": part} | numbers)


def tier(name: str, verdict: Verdict, **numbers: Any) -> MetricComparison:
    """One compared tier; numbers by name."""
    return row(f"tier.{name}_ms", verdict, Part.LOCATES, **numbers)


def said(decision: Decision, *metrics: MetricComparison, result: RunResult | None = None) -> str:
    """The headline over these metrics."""
    comparison = Comparison(decision=decision, reasons=("this is why",), metrics=metrics)
    return make_report(result or run_at(), comparison).headline


def accept_step(result: RunResult, *more: str) -> str:
    """The command that accepts a run."""
    accept = f"bench baseline accept results/{result.provenance.run_id} --reason '…'"
    return " ".join([accept, *more]) + "."


WORSE = "--allow-regression"


def test_a_report_holds_what_it_speaks_of() -> None:
    """Renderers get the run and its comparison with the two sentences."""
    result = run_at(1.3, 99)
    comparison = compare(result, usual())
    made = make_report(result, comparison)
    assert (made.result, made.comparison) == (result, comparison)
    assert made.decision is comparison.decision is Decision.FAIL


def test_a_report_survives_json() -> None:
    """A report that is written and read again is the same."""
    made = report(run_at(1.3, 99), usual())
    assert Report.model_validate_json(made.model_dump_json()) == made


def test_a_run_that_passes_says_what_would_have_been_seen() -> None:
    """A pass says the change, and the smallest that would not have passed unseen; nothing is to be done."""
    made = report(run_at(1.0, 99), usual())
    assert made.headline == (f"No regression: response time {MINUS}0.1 % (detectable: +14 %).")
    assert made.next_step == "Nothing to do."


def test_a_pass_without_a_smallest_change_promises_nothing() -> None:
    """Where it is not known what could have been seen nothing is said of it."""
    metrics = (
        row("success_ratio", Verdict.UNCHANGED, change=0.0),
        row("e2e_ms", Verdict.NEW, head=640.0),
        tier("agent", Verdict.UNCHANGED, change_ratio=0.5),
    )
    assert said(Decision.PASS, *metrics) == "No regression: response time –."  # noqa: RUF001 - the dash


def test_an_improvement_is_said_and_how_to_hold_it() -> None:
    """A gain is the headline, and accepting the run makes it what is expected from now on."""
    result = run_at(0.7, 99)
    made = report(result, usual())
    assert made.headline == f"Improved: response time {MINUS}30 %."
    assert made.next_step == f"To keep the gain, run: {accept_step(result)}"


def test_an_improvement_of_success_is_no_share_of_a_share() -> None:
    """Success that grew is worth accepting, and the headline stays with the response time."""
    result = run_at()
    metrics = (
        row("success_ratio", Verdict.IMPROVED, base=0.9, head=1.0, change=0.1),
        row("e2e_ms", Verdict.UNCHANGED, change_ratio=0.012, mde_ratio=0.15),
    )
    made = make_report(result, Comparison(decision=Decision.PASS, reasons=("…",), metrics=metrics))
    assert made.headline == "No regression: response time +1.2 % (detectable: +15 %)."
    assert made.next_step == f"To keep the gain, run: {accept_step(result)}"


def test_a_regression_is_said_with_its_size_and_place() -> None:
    """The headline names both values, the difference and the tier that most of it is in."""
    tier_times: Mapping[str, float] = TIER_TIMES | {"decode": 550.0}
    result = run_at(1.5, 99, tier_times=tier_times)
    made = report(result, make_baseline([1.0] * 10, tier_times=TIER_TIMES | {"decode": 250.0}))
    assert made.decision is Decision.FAIL
    assert made.headline == (
        "Response time regressed: 436 ms → 654 ms (+218 ms, +50 %), most of it in `decode` (+300 ms)."
    )
    named = "Look at the tier named above. If the change is intended, run: "
    assert made.next_step == f"{named}{accept_step(result, WORSE)}"


def test_a_regression_names_each_tier_with_a_fifth_of_it() -> None:
    """Several tiers are listed, the largest first."""
    metrics = (
        row("e2e_ms", Verdict.REGRESSED, **LATENCY),
        tier("agent", Verdict.UNCHANGED, change=60.0),
        tier("decode", Verdict.REGRESSED, change=130.0),
        tier("auth", Verdict.UNCHANGED, change=2.0),
    )
    assert said(Decision.FAIL, *metrics) == (
        "Response time regressed: 640 ms → 832 ms (+192 ms, +30 %), "
        "most of it in `decode` (+130 ms) and `agent` (+60 ms)."
    )


def test_a_regression_without_tiers_names_none() -> None:
    """Where no tier grew the headline ends with the size."""
    metrics = (row("e2e_ms", Verdict.REGRESSED, **LATENCY), tier("agent", Verdict.UNCHANGED, change=0.4))
    headline = "Response time regressed: 640 ms → 832 ms (+192 ms, +30 %)."
    assert said(Decision.FAIL, *metrics) == headline


def test_a_tier_that_regressed_alone_is_said_so() -> None:
    """A slower tier that the whole does not show is the headline, with that caveat."""
    metrics = (
        row("e2e_ms", Verdict.UNCHANGED, change=12.0),
        tier("agent", Verdict.REGRESSED, base=40.0, head=60.0, change=20.0, change_ratio=0.5),
        tier("queue", Verdict.REGRESSED, base=40.0, head=80.0, change=40.0, change_ratio=1.0),
    )
    assert said(Decision.FAIL, *metrics) == (
        "The tier `queue` regressed: 40 ms → 80 ms (+40 ms, +100 %); "
        "the total response time shows no regression."
    )


def test_success_that_regressed_stands_before_everything() -> None:
    """Failing requests matter more than slow ones, whatever else regressed or was crossed."""
    result = run_at(1.5, 99, failed=range(0, 100, 8))
    made = report(result, usual())
    assert made.headline == "Success regressed from 100 % to 87 %."
    assert any(each.crossed for each in result.thresholds)
    assert made.comparison.regressed(Part.DECIDES)[0].key == "e2e_ms"


def test_where_no_tier_is_named_one_looks_at_the_requests() -> None:
    """The next step speaks of a tier only where the headline names one."""
    result = run_at(1.0, 99, failed=range(0, 100, 8))
    elsewhere = "Look at the failed requests and the services' logs. If the change is intended, run: "
    assert report(result, usual()).next_step == f"{elsewhere}{accept_step(result, WORSE)}"


@pytest.mark.parametrize(
    ("metrics", "place"),
    [
        ((row("e2e_ms", Verdict.MISSING, base=640.0),), "the failed requests and the services' logs"),
        ((row("e2e_ms", Verdict.REGRESSED, **LATENCY),), "the failed requests and the services' logs"),
        ((tier("auth", Verdict.MISSING, base=1.0),), "the tier named above"),
        (
            (row("p95.e2e_ms", Verdict.MISSING, Part.TAILS, base=900.0),),
            "the failed requests and the services' logs",
        ),
        (
            (row("p95.e2e_ms", Verdict.REGRESSED, Part.TAILS, **LATENCY),),
            "the slowest requests in samples.jsonl.gz",
        ),
    ],
)
def test_where_to_look_follows_from_what_failed(metrics: tuple[MetricComparison, ...], place: str) -> None:
    """It is decided by the metrics, whatever words the headline has, such as a version's name."""
    comparison = Comparison(decision=Decision.FAIL, reasons=("…",), metrics=metrics, base_name="Crept `p95`")
    assert make_report(run_at(), comparison).next_step == f"Look at {place}."


def test_the_limit_of_a_tier_leads_to_the_tier() -> None:
    """Where a tier's own limit was crossed one looks at the tier, and not at requests that failed."""
    spec = make_spec(make_scenario(thresholds={"tier.decode_ms": ["avg<1"]}))
    step = report(run_at(spec=spec)).next_step
    assert step.startswith("Look at the tier named above. If the change is intended, run: ")


def test_a_crossed_threshold_is_said_with_what_was_measured() -> None:
    """Where nothing regressed the first limit that was crossed is the headline, with the measured value."""
    thresholds = {"success_ratio": ["rate>0.5"], "e2e_ms": ["max<5000", "med<100", "avg<1"]}
    spec = make_spec(make_scenario(thresholds=thresholds))
    expected = "Threshold crossed: e2e_ms med<100, measured 450 ms."
    for baseline in (None, usual()):
        made = report(run_at(1.0, 99, spec=spec), baseline)
        assert (made.decision, made.headline) == (Decision.FAIL, expected)


@pytest.mark.parametrize(
    ("limits", "measured"),
    [
        ({"success_ratio": ["rate>0.99"]}, "success_ratio rate>0.99, measured 95 %"),
        ({"requests": ["count>500"]}, "requests count>500, measured 100"),
        ({"tier.cache_ms": ["avg<5"]}, "tier.cache_ms avg<5, measured –"),  # noqa: RUF001 - the dash
    ],
)
def test_a_crossed_threshold_is_measured_in_its_unit(limits: dict[str, Any], measured: str) -> None:
    """Shares are per cent, counts are numbers, and what was not measured is a dash."""
    result = run_at(spec=make_spec(make_scenario(thresholds=limits)), failed=range(5))
    assert report(result).headline == f"Threshold crossed: {measured}."


def test_what_vanished_is_named() -> None:
    """Metrics that the baseline has and the run has not are the headline when nothing else failed."""
    tier_times = {name: value for name, value in TIER_TIMES.items() if name not in ("auth", "agent")}
    made = report(run_at(1.0, 99, tier_times=tier_times), usual())
    assert made.headline == ("`agent` and `auth` vanished: present in the baseline, missing in this run.")


def test_what_vanished_stands_before_the_tiers_that_it_shifts() -> None:
    """A tier that is gone leaves its time to others, so that it is gone is the headline."""
    metrics = (
        row("e2e_ms", Verdict.UNCHANGED, change=0.0),
        tier("agent", Verdict.REGRESSED, base=40.0, head=80.0, change=40.0, change_ratio=1.0),
        tier("queue", Verdict.MISSING, base=40.0),
        row("tier.unattributed_ms", Verdict.MISSING, Part.EXPLAINS, base=5.0),
    )
    headline = "`queue` vanished: present in the baseline, missing in this run."
    assert said(Decision.FAIL, *metrics) == headline


def test_an_undecided_run_without_a_baseline_can_become_one() -> None:
    """Where there is nothing to compare with, the next step is to accept the run."""
    result = run_at()
    made = report(result)
    assert made.headline == "Cannot tell: there is no baseline for this scenario and environment yet."
    assert made.next_step == f"If this run is correct, run: {accept_step(result)}"


def test_an_undecided_run_beside_noise_asks_for_more() -> None:
    """Where metrics were compared and could not be told apart, more runs or longer ones help."""
    made = report(run_at(1.0, 99), make_baseline([0.7, 1.43] * 5))
    assert made.decision is Decision.INCONCLUSIVE
    assert made.headline.startswith("Cannot tell: response time: only a change of ")
    assert (
        made.next_step == "Accept more runs into the baseline, or measure longer, to detect smaller changes."
    )


def test_an_invalid_run_is_no_measurement() -> None:
    """A run that cannot be believed is said to be none, with the first reason; it is measured again."""
    stop = Stop(cause=StopCause.INTERRUPT, reason="Ctrl-C")
    made = report(make_run(make_recording(stop=stop)), usual())
    assert made.headline == "Invalid run: the run ended early: Ctrl-C."
    assert made.next_step == "Measure again on a quieter machine. This run was not judged."


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.3])
@pytest.mark.parametrize("failed", [(), range(0, 100, 7), range(100)])
def test_every_report_is_a_sentence_and_a_step(factor: float, failed: range | tuple[()]) -> None:
    """Whatever happened both sentences are whole: they end, and hold no None and no nan."""
    for baseline in (None, usual(), without_success()):
        made = report(run_at(factor, 99, failed=failed), baseline)
        for text in (made.headline, made.next_step):
            assert text.endswith(".")
            assert "None" not in text
            assert "nan" not in text


def test_nothing_that_would_be_refused_is_advised() -> None:
    """A run that was stopped, or made worse on purpose, is never to be accepted."""
    stopped = make_recording(stop=Stop(cause=StopCause.THRESHOLD, reason="threshold crossed"))
    worse = make_provenance(injections={"model.slowdown": 1.3})
    crossed = make_spec(make_scenario(thresholds={"e2e_ms": ["avg<1"]}))
    for run in (
        make_run(stopped),
        make_run(stopped, spec=crossed),
        run_at(1.4, 99, provenance=worse),
        run_at(0.6, 99, provenance=worse),
    ):
        for baseline in (None, usual()):
            assert "baseline accept" not in report(run, baseline).next_step


def test_what_only_explains_is_no_gain() -> None:
    """Where only what no tier claims became less there is nothing to hold."""
    network = row("tier.unattributed_ms", Verdict.IMPROVED, Part.EXPLAINS)
    comparison = Comparison(decision=Decision.PASS, reasons=(), metrics=(network,))
    assert make_report(run_at(), comparison).next_step == "Nothing to do."


def test_nothing_succeeded_as_before_is_a_whole_sentence() -> None:
    """Where neither the run nor its baseline has a success, the headline says so."""
    failed = run_at(failed=range(100), spec=make_spec(make_scenario(thresholds={})))
    made = report(failed, without_success())
    assert made.headline == "No regression. No request succeeded, as before."


def test_a_run_without_success_is_not_to_be_accepted() -> None:
    """What `accept` refuses is not advised, whatever the decision."""
    for spec in (make_spec(), make_spec(make_scenario(thresholds={}))):
        for baseline in (None, usual()):
            failed = run_at(1.0, 99, failed=range(100), spec=spec)
            assert "baseline accept" not in report(failed, baseline).next_step
