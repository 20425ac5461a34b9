"""The confirmation run of a suspect run, usable or not."""

import pytest

from bench.core.report.report import make_report
from bench.core.run.result import RunResult
from bench.core.run.validity import Validity
from bench.core.samples.sample import Stop, StopCause
from bench.core.verdict.compare import Comparison, Decision, compare
from tests.factories import TIER_TIMES, make_baseline, make_scenario, run_at

LATE = {"validity": Validity(valid=False, reasons=("the load generator was late",))}
STOPPED = {"stop": Stop(cause=StopCause.THRESHOLD, reason="e2e_ms p(95)<5000")}


def second(**changes: object) -> RunResult:
    """A run as slow as the first, with other properties."""
    return run_at(1.4, 1).model_copy(update=changes)


def slower(confirmation: RunResult | None) -> Comparison:
    """The decision on a run that is 40 % slower, with this second run."""
    return compare(run_at(1.4), make_baseline(), confirmation)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (LATE, "the confirmation run is invalid: the load generator was late"),
        (STOPPED, "the confirmation run ended early: e2e_ms p(95)<5000"),
    ],
)
def test_a_suspect_run_without_a_usable_second_run_is_not_measured(
    changes: dict[str, object], reason: str
) -> None:
    """A regression needs two valid runs: without the second, the version does not pass."""
    comparison = slower(second(**changes))
    assert comparison.decision is Decision.INVALID
    assert comparison.reasons[0] == reason
    assert comparison.metrics == ()
    assert reason in make_report(run_at(1.4), comparison).headline


def test_one_run_is_enough_without_a_confirmation_run() -> None:
    """Without a second run, and with a second run that agrees, the same run fails."""
    assert slower(None).decision is Decision.FAIL
    assert slower(second()).decision is Decision.FAIL


def test_certain_failures_need_no_confirmation() -> None:
    """A crossed threshold and a vanished tier are certain after one run."""
    without = {tier: row for tier, row in TIER_TIMES.items() if tier != "queue"}
    vanished = compare(run_at(1.4, tier_times=without), make_baseline(), second(**LATE))
    assert vanished.decision is Decision.FAIL
    assert vanished.vanished == ("tier.queue_ms",)
    crossing = run_at(40.0)
    assert crossing.scenario.thresholds == make_scenario().thresholds
    assert compare(crossing, make_baseline(), second(**LATE)).decision is Decision.FAIL
