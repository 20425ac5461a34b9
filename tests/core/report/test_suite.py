from collections.abc import Sequence
from typing import Any

import pytest

from bench.core.report.not_measured import NO_RESULT, explain_failure
from bench.core.report.report import Report, make_report
from bench.core.report.suite import FEWEST_TOGETHER, SuiteReport, judge_suite
from bench.core.report.verdict_line import describe_run
from bench.core.run.result import RunResult
from bench.core.run.validity import Validity
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Comparison, Decision, compare
from bench.core.verdict.levels import pin
from bench.core.verdict.verdict import Verdict
from tests.factories import (
    MACHINES,
    NO_WORKLOAD,
    NOON,
    machines_baseline,
    make_baseline,
    make_scenario,
    make_spec,
    run_at,
    run_on_machine,
)
from tests.render.reports import make_row

NAMES = ("quick", "medium", "heavy", "extreme", "spike", "rampup", "timeout", "stream", "cases", "steps")


def with_name(run: RunResult, name: str) -> RunResult:
    """Return the same run with another scenario name."""
    return run.model_copy(update={"scenario": run.scenario.model_copy(update={"name": name})})


def reports(factors: Sequence[float], baseline: Baseline, **parts: Any) -> list[Report]:
    """Return one report for each factor; its run takes that many times as long."""
    return [
        make_report(with_name(run_at(factor, **parts), name), compare(run_at(factor, **parts), baseline))
        for name, factor in zip(NAMES, factors, strict=False)
    ]


def real_suite(factors: Sequence[float], workload_factor: float | None) -> SuiteReport:
    """Return the suite of runs on a real machine, with or without a reference workload."""
    workload_factors = NO_WORKLOAD if workload_factor is None else MACHINES
    baseline = machines_baseline(workload_factors=workload_factors)
    run_reports = [
        make_report(
            with_name(run_on_machine(factor, workload_factor), name),
            compare(run_on_machine(factor, workload_factor), baseline),
        )
        for name, factor in zip(NAMES, factors, strict=False)
    ]
    return judge_suite(run_reports)


def test_a_suite_of_passes_passes() -> None:
    """A suite without a regression passes without reasons."""
    suite = judge_suite(reports([1.0, 1.01, 0.99], make_baseline()))
    assert suite.decision is Decision.PASS
    assert suite.headline.startswith(
        "No change in 3 scenarios, least certain in medium: response time +0.9 % ("
    )
    assert suite.reasons == ()


def test_one_scenario_is_counted_in_the_singular() -> None:
    """The headline of a suite with one scenario names it, and counts none."""
    headline = judge_suite(reports([1.0], make_baseline())).headline
    assert headline.startswith("No change in quick: response time −0.1 % (")  # noqa: RUF001 - the minus


def test_the_worst_scenario_decides_and_comes_first() -> None:
    """One certain regression fails the suite, even if all other scenarios pass."""
    suite = judge_suite(reports([1.0, 2.0, 0.99], make_baseline()))
    assert suite.decision is Decision.FAIL
    assert suite.headline.startswith("Worse in medium (1 of 3 scenarios): ")
    assert suite.lead is suite.reports[0]
    assert suite.reports[0].result.scenario.name == "medium"


def test_one_slower_scenario_of_many_may_be_chance() -> None:
    """A regression of one scenario alone can be chance among seven, and is inconclusive then."""
    baseline = make_baseline((1.0, 1.06, 0.95, 1.04, 0.96, 1.05, 0.94, 1.02, 0.98, 1.0))
    worse = next(
        factor
        for factor in (1.11 + 0.005 * step for step in range(40))
        if compare(run_at(factor), baseline).decision is Decision.FAIL
    )
    alone = judge_suite(reports([worse], baseline))
    assert (alone.decision, alone.reasons) == (Decision.FAIL, ())
    among = judge_suite(reports([worse, *[1.0] * 6], baseline))
    assert among.decision is Decision.INCONCLUSIVE
    expected = "Cannot tell in quick (1 of 7 scenarios): by chance, one of 7 scenarios is as slow as this."
    assert among.headline == expected
    alone_line = "Cannot tell in quick: by chance, one of 7 scenarios is as slow as this."
    assert describe_run(among.reports[0], among.excused["quick"]) == alone_line
    assert among.reasons == ("quick: by chance, one of 7 scenarios is as slow as this",)


def test_a_slowdown_of_all_scenarios_is_an_environment_shift() -> None:
    """Without a reference workload, a slowdown of all scenarios is inconclusive."""
    suite = real_suite([*[1.3] * FEWEST_TOGETHER, 1.0], None)
    assert suite.decision is Decision.INCONCLUSIVE
    assert "4 of 5 scenarios are slower, with a median of 29.4 %" in suite.reasons[0]


def test_a_common_cause_needs_more_than_seven_of_ten_slower_scenarios() -> None:
    """Exactly 70 % slower scenarios fail as regressions; more of them are an environment shift."""
    at_the_limit = real_suite([*[2.0] * 7, *[1.0] * 3], None)
    assert at_the_limit.decision is Decision.FAIL
    assert not at_the_limit.excused
    beyond_the_limit = real_suite([*[2.0] * 8, *[1.0] * 2], None)
    assert beyond_the_limit.decision is Decision.INCONCLUSIVE
    assert len(beyond_the_limit.excused) == 8
    assert "8 of 10 scenarios are slower" in beyond_the_limit.reasons[0]


def test_a_common_cause_needs_at_least_four_scenarios() -> None:
    """Four slower scenarios are an environment shift; three are three regressions."""
    four = real_suite([2.0] * 4, None)
    assert (four.decision, len(four.excused)) == (Decision.INCONCLUSIVE, 4)
    three = real_suite([2.0] * 3, None)
    assert (three.decision, three.excused) == (Decision.FAIL, {})


def test_a_scenario_is_slower_above_five_percent() -> None:
    """Scenarios with a change of at most 5 % do not count as slower."""
    slightly = real_suite([*[2.0] * 7, *[1.03] * 3], None)
    assert (slightly.decision, slightly.excused) == (Decision.FAIL, {})
    slower = real_suite([*[2.0] * 7, *[1.2] * 3], None)
    assert slower.decision is Decision.INCONCLUSIVE


def test_few_slower_scenarios_are_no_environment_shift() -> None:
    """Three scenarios that are slower together are three regressions."""
    assert real_suite([1.4, 1.4, 1.4], None).decision is Decision.FAIL


def test_a_reference_workload_excludes_an_environment_shift() -> None:
    """All scenarios are slower at the same machine speed, so the version is slower."""
    assert real_suite([1.4] * 5, 1.0).decision is Decision.FAIL


def test_a_simulated_stack_has_no_environment_shift() -> None:
    """A simulated stack takes its times from a clock, which no machine slows down."""
    assert judge_suite(reports([1.4] * 5, make_baseline())).decision is Decision.FAIL


def test_half_of_the_scenarios_are_no_environment_shift() -> None:
    """If only some scenarios are slower, the suite fails."""
    assert real_suite([1.6, 1.6, 1.6, 1.0, 1.0, 1.0], None).decision is Decision.FAIL


@pytest.mark.parametrize("kind", ["threshold", "missing", "drifted"])
def test_chance_and_the_machine_excuse_only_changed_metrics(kind: str) -> None:
    """A crossed threshold, a vanished metric and drift fail a suite of any size."""
    baseline, run = make_baseline(), run_at(1.0)
    if kind == "threshold":
        run = run_at(1.0, spec=make_spec(make_scenario(thresholds={"e2e_ms": ["p(95)<100"]})))
    elif kind == "missing":
        run = run_at(1.0, tier_times={"agent": 1.0})
    else:
        pinned = pin(baseline, reason="release 2.0", by="Tess Ter", at=NOON).pinned
        baseline = make_baseline([1.24] * 6).model_copy(update={"pinned": pinned})
        run = run_at(1.25)
    failed_report = make_report(run, compare(run, baseline))
    assert failed_report.decision is Decision.FAIL
    others = [other for other in reports([1.0] * 7, make_baseline()) if other.result.scenario.name != "quick"]
    assert judge_suite([failed_report, *others]).decision is Decision.FAIL


def test_a_suite_with_an_invalid_run_is_invalid() -> None:
    """An invalid run makes the suite invalid, unless another scenario failed."""
    invalid = run_at(1.0).model_copy(update={"validity": Validity(valid=False, reasons=("it was late",))})
    invalid_report = make_report(invalid, compare(invalid, make_baseline()))
    others = [
        other for other in reports([1.0, 1.0], make_baseline()) if other.result.scenario.name != "quick"
    ]
    suite = judge_suite([*others, invalid_report])
    assert (suite.decision, suite.headline) == (
        Decision.INVALID,
        "Invalid in quick (1 of 2 scenarios): it was late.",
    )


def test_a_missing_scenario_makes_a_suite_invalid() -> None:
    """A scenario without a report makes the suite invalid, unless another scenario failed."""
    passed = reports([1.0, 1.0], make_baseline())
    suite = judge_suite(passed, ["quick", "medium", "spike", "timeout"])
    assert (suite.decision, suite.headline) == (
        Decision.INVALID,
        f"Not measured: 2 of 4 scenarios, first spike: {NO_RESULT}.",
    )
    assert suite.reasons == (f"spike was not measured: {NO_RESULT}", f"timeout was not measured: {NO_RESULT}")
    failed_suite = judge_suite(reports([2.0], make_baseline()), ["quick", "spike"])
    assert failed_suite.decision is Decision.FAIL
    assert failed_suite.reasons == (f"spike was not measured: {NO_RESULT}",)
    assert judge_suite(passed, ["quick"]).decision is Decision.PASS


def test_a_suite_without_a_result_is_invalid_and_names_the_reason() -> None:
    """Each scenario that did not run has its reason, also one that was not expected."""
    failed = explain_failure("extra", "service 'agent' did not start; the end of its log:\n  one\n  two")
    suite = judge_suite([], ["quick"], failed=[failed])
    assert (suite.decision, suite.reports) == (Decision.INVALID, ())
    expected = "Not measured: 2 of 2 scenarios, first extra: service 'agent' did not start."
    assert (suite.headline, suite.lead) == (expected, None)
    assert suite.not_measured[0].log == ("one", "two")
    with pytest.raises(ValueError, match="needs a run"):
        judge_suite([])


def test_a_measured_scenario_needs_no_reason() -> None:
    """A job that failed and was repeated has a result, so the reason of its first attempt does not matter."""
    suite = judge_suite(reports([1.0], make_baseline()), failed=[explain_failure("quick", "refused")])
    assert (suite.decision, suite.not_measured) == (Decision.PASS, ())


@pytest.mark.parametrize(
    ("message", "reason", "code"),
    [
        (
            "head: service 'app' did not start: it ended with code 1; the end of its log:\n  no database",
            None,
            1,
        ),
        (
            "service 'app' ended with code -1: no heap; its log is results/x/logs/app.log",
            "service 'app' ended with code -1: no heap",
            -1,
        ),
        (
            "service 'app' ended by signal SIGKILL; 17 requests are kept in /r; the end of its log:\n x",
            "service 'app' ended by signal SIGKILL",
            None,
        ),
    ],
)
def test_the_reason_names_the_service_and_no_file(message: str, reason: str | None, code: int | None) -> None:
    """The name and the exit code come from the error; a reader elsewhere has no file of the runner."""
    failure = explain_failure("quick", message)
    assert (failure.service, failure.exit_code) == ("app", code)
    assert failure.reason == (reason or message.partition(";")[0])


@pytest.mark.parametrize("is_first", [True, False])
def test_a_tolerated_pass_has_the_direction_of_the_headline(*, is_first: bool) -> None:
    """Of two tolerated changes, the word and the sentence are those of the same run, in every order."""
    rows = {
        "slower": make_row("e2e_ms", Verdict.WITHIN_TOLERANCE, 600.0, 0.05),
        "fewer": make_row("safe_load", Verdict.WITHIN_TOLERANCE, 40.0, -0.02),
    }
    run_reports = []
    for name, row in rows.items():
        comparison = Comparison(decision=Decision.PASS, reasons=(), metrics=(row,), baseline_runs=10)
        run_reports.append(make_report(with_name(run_at(1.0), name), comparison))
    suite = judge_suite(run_reports if is_first else run_reports[::-1])
    assert suite.headline.startswith("Slower, within tolerance, in slower")
    assert suite.word.text == "pass, but slower"
