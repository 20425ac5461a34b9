"""A second run of what looked worse: what it can say, and what is said when it says nothing."""

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
    """A run as slow as the first, of which something else is to be said."""
    return run_at(1.4, 1).model_copy(update=changes)


def slower(again: RunResult | None) -> Comparison:
    """A run that is two fifths slower, and this second one."""
    return compare(run_at(1.4), make_baseline(), again)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (LATE, "the confirmation run is invalid: the load generator was late"),
        (STOPPED, "the confirmation run ended early: e2e_ms p(95)<5000"),
    ],
)
def test_a_second_run_that_is_none_confirms_nothing(changes: dict[str, object], said: str) -> None:
    """A regression needs two runs that can be believed: without the second nothing is decided."""
    comparison = slower(second(**changes))
    assert comparison.decision is Decision.INCONCLUSIVE
    assert comparison.reasons[0] == said
    assert comparison.confirmed_by is None
    assert make_report(run_at(1.4), comparison).headline == f"Cannot tell: {said}."


def test_one_run_is_enough_where_nobody_asked_for_a_second() -> None:
    """Without a second run, and with one that agrees, the same run fails."""
    assert slower(None).decision is Decision.FAIL
    assert slower(second()).decision is Decision.FAIL


def test_what_needs_no_second_run_fails_without_it() -> None:
    """A crossed threshold and a tier that vanished are seen in one run."""
    without = {tier: each for tier, each in TIER_TIMES.items() if tier != "queue"}
    gone = compare(run_at(1.4, tier_times=without), make_baseline(), second(**LATE))
    assert gone.decision is Decision.FAIL
    assert gone.vanished == ("tier.queue_ms",)
    crossing = run_at(40.0)
    assert crossing.scenario.thresholds == make_scenario().thresholds
    assert compare(crossing, make_baseline(), second(**LATE)).decision is Decision.FAIL
