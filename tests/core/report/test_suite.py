import math
from collections.abc import Sequence
from typing import Any

import pytest

from bench.core.report.report import Report, make_report
from bench.core.report.suite import FEWEST_TOGETHER, SuiteReport, judge_suite, longest_minutes
from bench.core.run.result import RunResult
from bench.core.run.validity import Validity
from bench.core.verdict.baseline import Baseline, pin
from bench.core.verdict.compare import Decision, compare
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

NAMES = ("quick", "medium", "heavy", "extreme", "spike", "rampup", "timeout", "stream", "cases", "steps")


def named(run: RunResult, name: str) -> RunResult:
    """The same run of a scenario of another name."""
    return run.model_copy(update={"scenario": run.scenario.model_copy(update={"name": name})})


def reports(factors: Sequence[float], baseline: Baseline, **parts: Any) -> list[Report]:
    """A scenario for each factor that its run took longer by."""
    return [
        make_report(named(run_at(factor, **parts), name), compare(run_at(factor, **parts), baseline))
        for name, factor in zip(NAMES, factors, strict=False)
    ]


def real(factors: Sequence[float], workload_factor: float | None) -> SuiteReport:
    """The suite of runs on a real machine, beside a baseline with a control or without."""
    workload_factors = NO_WORKLOAD if workload_factor is None else MACHINES
    baseline = machines_baseline(workload_factors=workload_factors)
    judged = [
        make_report(
            named(run_on_machine(factor, workload_factor), name),
            compare(run_on_machine(factor, workload_factor), baseline),
        )
        for name, factor in zip(NAMES, factors, strict=False)
    ]
    return judge_suite(judged)


def test_nothing_regressed() -> None:
    """A suite of passes passes."""
    suite = judge_suite(reports([1.0, 1.01, 0.99], make_baseline()))
    assert (suite.decision, suite.headline) == (Decision.PASS, "No regression in 3 scenarios.")
    assert suite.reasons == ()


def test_one_scenario_is_named_as_one() -> None:
    """Who runs one scenario reads of one."""
    assert judge_suite(reports([1.0], make_baseline())).headline == "No regression in 1 scenario."


def test_the_worst_decides_and_stands_first() -> None:
    """One scenario that surely regressed fails the suite, whatever the others do."""
    suite = judge_suite(reports([1.0, 2.0, 0.99], make_baseline()))
    assert suite.decision is Decision.FAIL
    assert suite.headline == "1 of 3 scenarios failed: medium."
    assert suite.reports[0].result.scenario.name == "medium"


def test_among_many_scenarios_one_is_bad_by_chance() -> None:
    """What is a regression of one scenario alone may be chance among seven, and then is inconclusive."""
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
    assert among.headline == "Cannot tell for 1 of 7 scenarios: quick."
    assert among.reasons == ("quick: one of 7 scenarios does as badly as this by chance",)


def test_what_slows_all_scenarios_is_an_environment_shift() -> None:
    """Where no control tells the machine from the version, all scenarios slower together decide nothing."""
    suite = real([*[1.3] * FEWEST_TOGETHER, 1.0], None)
    assert suite.decision is Decision.INCONCLUSIVE
    assert "4 of 5 scenarios are slower, with a median of 29.2 %" in suite.reasons[0]


def test_a_common_cause_needs_more_than_seven_of_ten_slower_scenarios() -> None:
    """Exactly 70 % slower scenarios fail as regressions; more of them are an environment shift."""
    at_the_limit = real([*[2.0] * 7, *[1.0] * 3], None)
    assert at_the_limit.decision is Decision.FAIL
    assert not at_the_limit.excused
    beyond_the_limit = real([*[2.0] * 8, *[1.0] * 2], None)
    assert beyond_the_limit.decision is Decision.INCONCLUSIVE
    assert len(beyond_the_limit.excused) == 8
    assert "8 of 10 scenarios are slower" in beyond_the_limit.reasons[0]


def test_a_common_cause_needs_at_least_four_scenarios() -> None:
    """Four slower scenarios without any other are an environment shift, three are regressions."""
    four = real([2.0] * 4, None)
    assert (four.decision, len(four.excused)) == (Decision.INCONCLUSIVE, 4)
    three = real([2.0] * 3, None)
    assert (three.decision, three.excused) == (Decision.FAIL, {})


def test_a_scenario_is_slower_above_five_percent() -> None:
    """Scenarios with a change of at most 5 % do not count as slower."""
    slightly = real([*[2.0] * 7, *[1.03] * 3], None)
    assert (slightly.decision, slightly.excused) == (Decision.FAIL, {})
    slower = real([*[2.0] * 7, *[1.2] * 3], None)
    assert slower.decision is Decision.INCONCLUSIVE


def test_fewer_scenarios_say_nothing_of_all() -> None:
    """Three that are slower together are three that are slower."""
    assert real([1.4, 1.4, 1.4], None).decision is Decision.FAIL


def test_a_control_tells_a_slower_version_from_a_shift() -> None:
    """All scenarios slower on a machine that is as fast as ever: that is the version."""
    assert real([1.4] * 5, 1.0).decision is Decision.FAIL


def test_a_simulated_stack_has_no_shift() -> None:
    """What takes its time from a clock is not slowed by a machine."""
    assert judge_suite(reports([1.4] * 5, make_baseline())).decision is Decision.FAIL


def test_half_of_the_scenarios_are_not_all() -> None:
    """Scenarios of which some are slower and some are not were not moved by one thing."""
    assert real([1.6, 1.6, 1.6, 1.0, 1.0, 1.0], None).decision is Decision.FAIL


@pytest.mark.parametrize("kind", ["threshold", "missing", "drifted"])
def test_chance_and_machines_excuse_only_changes(kind: str) -> None:
    """A crossed threshold, a metric that vanished and creep fail among however many scenarios."""
    baseline, run = make_baseline(), run_at(1.0)
    if kind == "threshold":
        run = run_at(1.0, spec=make_spec(make_scenario(thresholds={"e2e_ms": ["p(95)<100"]})))
    elif kind == "missing":
        run = run_at(1.0, tier_times={"agent": 1.0})
    else:
        pinned = pin(baseline, reason="release 2.0", by="Tess Ter", at=NOON).pinned
        baseline = make_baseline([1.24] * 6).model_copy(update={"pinned": pinned})
        run = run_at(1.25)
    worst = make_report(run, compare(run, baseline))
    assert worst.decision is Decision.FAIL
    others = [each for each in reports([1.0] * 7, make_baseline()) if each.result.scenario.name != "quick"]
    assert judge_suite([worst, *others]).decision is Decision.FAIL


def test_what_could_not_be_measured_is_no_pass() -> None:
    """A suite with an invalid run is invalid, unless something failed."""
    broken = run_at(1.0).model_copy(update={"validity": Validity(valid=False, reasons=("it was late",))})
    report = make_report(broken, compare(broken, make_baseline()))
    others = [each for each in reports([1.0, 1.0], make_baseline()) if each.result.scenario.name != "quick"]
    suite = judge_suite([*others, report])
    assert (suite.decision, suite.headline) == (
        Decision.INVALID,
        "1 of 2 scenarios could not be measured: quick.",
    )


def test_a_scenario_that_was_not_measured_is_no_pass() -> None:
    """What should have been there and is not makes the suite invalid, unless something failed."""
    good = reports([1.0, 1.0], make_baseline())
    suite = judge_suite(good, ["quick", "medium", "spike", "timeout"])
    assert (suite.decision, suite.headline) == (
        Decision.INVALID,
        "2 of 4 scenarios are missing: spike and timeout.",
    )
    assert suite.reasons == ("spike was not measured", "timeout was not measured")
    worse = judge_suite(reports([2.0], make_baseline()), ["quick", "spike"])
    assert worse.decision is Decision.FAIL
    assert worse.reasons == ("spike was not measured",)
    assert judge_suite(good, ["quick"]).decision is Decision.PASS


def test_a_job_has_time_for_two_runs() -> None:
    """Twice the scenario with its time-outs, and setting up, in whole minutes."""
    assert longest_minutes(make_scenario()) == 20 + math.ceil(2 * (30 + 30 + 120) / 60)
