from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.run.costs import costs_of
from bench.core.run.figures import figures_of
from bench.core.run.result import RunResult
from bench.core.run.tails import tails_of
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric
from bench.core.samples.sample import Outcome, Stop, StopCause
from bench.core.verdict.baseline import MIN_RUNS, Baseline, baseline_json
from bench.core.verdict.levels import MAX_RUNS, accept, start_level
from bench.errors import ConfigError, MeasurementError
from tests.factories import (
    NOON,
    make_baseline,
    make_fingerprint,
    make_provenance,
    make_recording,
    make_run,
    make_sample,
    run_at,
)

LATER = NOON + timedelta(days=1)


def accept_usual(result: RunResult, baseline: Baseline | None = None, **changes: Any) -> Baseline:
    """The baseline with one more accepted run; options by name."""
    options: dict[str, Any] = {"reason": "usual", "by": "Tess Ter", "at": LATER}
    return accept(baseline, result, **options | changes)


def test_the_first_run_begins_a_baseline() -> None:
    """A baseline has a scenario, a stack, an environment, and the reason of each acceptance."""
    run = run_at(failed=(3, 4))
    baseline = accept_usual(run, reason="  new model \n", by="Ada")
    assert (baseline.scenario, baseline.stack, baseline.environment) == ("quick", "embedded", "simulated")
    (only,) = baseline.runs
    assert (only.run_id, only.started_at) == (run.provenance.run_id, NOON)
    assert (only.commit, only.tool_version) == ("c" * 40, "0.1.0")
    assert (only.accepted_at, only.accepted_by, only.reason) == (LATER, "Ada", "new model")
    assert only.fingerprint == make_fingerprint()
    assert (only.ok, only.failed) == (98, 2)


def test_a_real_machine_has_its_own_environment() -> None:
    """If time is real, the environment of a baseline is the machine."""
    baseline = accept_usual(run_at(fingerprint=make_fingerprint(simulated=False)))
    assert baseline.environment == "linux-x86_64-2cpu"


def test_figures_are_those_of_compared_metrics() -> None:
    """A baseline stores deciding metrics and tiers by prompt, and p95."""
    run = run_at()
    (only,) = accept_usual(run).runs
    expected = {
        key
        for key, row in run.summary.metrics.items()
        if metric(key).part is not Part.INFORMS and key != "success_ratio"
    }
    assert set(only.figures) == expected | {"p95.e2e_ms"}
    assert list(only.figures) == sorted(only.figures)
    assert only.figures["tier.decode_ms"].keys() == run.summary.metrics["tier.decode_ms"].figures.keys()


def test_figures_are_rounded_to_a_hundredth_of_a_millisecond() -> None:
    """Two digits are readable in a diff, and no more precision is lost."""
    run = run_at(1.0 / 3.0)
    (only,) = accept_usual(run).runs
    for key, figures in only.figures.items():
        measured = figures_of(run.summary)[key]
        for prompt, value in figures.items():
            assert value == round(value, 2)
            assert value == pytest.approx(measured[prompt], abs=0.005)


def test_a_cancelled_request_is_no_failure() -> None:
    """Cancelled requests are neither successes nor failures."""
    samples = [*(make_sample(seq) for seq in range(9)), make_sample(9, outcome=Outcome.CANCELLED)]
    (only,) = accept_usual(make_run(make_recording(samples))).runs
    assert (only.ok, only.failed) == (9, 0)


def test_a_run_without_success_is_refused() -> None:
    """A run of failures only has no values for a comparison."""
    with pytest.raises(MeasurementError, match="has no successful request to compare with"):
        accept_usual(run_at(failed=range(100)))


def test_a_run_older_than_a_full_baseline_is_refused() -> None:
    """A run that would be removed at once is an error."""
    full = make_baseline([1.0] * MAX_RUNS)
    before = make_provenance("older", started_at=NOON - timedelta(days=1))
    with pytest.raises(ConfigError, match="is older than the 20 runs of the newest level"):
        accept(full, run_at(1.0, provenance=before), reason="x", by="y", at=NOON)


@pytest.mark.parametrize("reason", ["", "  ", "\n\t"])
def test_an_acceptance_needs_a_reason(reason: str) -> None:
    """The reader of a diff needs the reason, so an empty one is refused."""
    with pytest.raises(ConfigError, match="the reason for accepting a run is missing") as caught:
        accept_usual(run_at(), reason=reason)
    assert caught.value.hint == "--reason 'faster model'"


def test_a_run_with_injected_faults_is_refused() -> None:
    """A run with injections is an experiment, and the error names its knobs."""
    provenance = make_provenance("r1", injections={"model.slowdown": 1.3, "agent.delay_ms": 50.0})
    with pytest.raises(ConfigError) as caught:
        accept_usual(run_at(provenance=provenance))
    assert caught.value.message == "run r1 has injected faults (model.slowdown, agent.delay_ms)"
    assert caught.value.hint == "use a run without --inject"


def test_an_invalid_run_is_refused() -> None:
    """The error has the reasons of the invalid run."""
    stop = Stop(cause=StopCause.INTERRUPT, reason="Ctrl-C")
    samples = [make_sample(seq, sent_s=seq * 0.3 + 0.2) for seq in range(20)]
    with pytest.raises(MeasurementError) as caught:
        accept_usual(make_run(make_recording(samples, stop=stop), provenance=make_provenance("r1")))
    said = "run r1 is invalid: the run ended early: Ctrl-C; the load generator was late: "
    assert caught.value.message.startswith(said)
    assert caught.value.hint == "measure again: bench run"


def test_a_run_that_a_threshold_stopped_is_refused() -> None:
    """A valid run that ended early has other values than a complete one."""
    stop = Stop(cause=StopCause.THRESHOLD, reason="threshold e2e_ms avg<1 was crossed (550)")
    run = make_run(make_recording(stop=stop), provenance=make_provenance("r1"))
    assert run.validity.valid
    with pytest.raises(MeasurementError) as caught:
        accept_usual(run)
    assert caught.value.message == "run r1 is invalid: threshold e2e_ms avg<1 was crossed (550)"


def test_accepting_a_run_twice_changes_no_baseline() -> None:
    """A baseline has a run once, also if the second reason differs."""
    once = make_baseline()
    for number in range(len(once.runs)):
        assert accept_usual(run_at(number=number), once, reason="again", by="Ada") is once


def test_a_baseline_keeps_the_last_twenty_runs() -> None:
    """The twenty-first run removes the oldest."""
    baseline = make_baseline([1.0] * MAX_RUNS)
    assert len(baseline.runs) == MAX_RUNS == 20
    longer = accept_usual(run_at(number=20), baseline)
    assert longer.runs[:-1] == baseline.runs[1:]
    assert longer.runs[-1].run_id == run_at(number=20).provenance.run_id


@given(st.permutations(range(8)))
def test_the_order_of_acceptance_does_not_matter(order: list[int]) -> None:
    """Runs are sorted by their start."""
    baseline = None
    for number in order:
        baseline = accept_usual(run_at(number=number, requests=4), baseline)
    assert baseline is not None
    assert [run.started_at for run in baseline.runs] == [NOON + timedelta(hours=row) for row in range(8)]


def test_runs_of_different_zones_are_sorted_by_time() -> None:
    """The time counts, not the local clock."""
    india = timezone(timedelta(hours=5, minutes=30))
    early = make_provenance("early", started_at=datetime(2026, 1, 5, 13, tzinfo=india))
    late = make_provenance("late", started_at=datetime(2026, 1, 5, 12, tzinfo=UTC))
    baseline = accept_usual(make_run(provenance=late))
    baseline = accept_usual(make_run(provenance=early), baseline)
    assert [run.run_id for run in baseline.runs] == ["early", "late"]


def test_accepting_keeps_the_other_runs() -> None:
    """Older runs keep their reason and the person who accepted them."""
    baseline = make_baseline()
    longer = accept_usual(run_at(number=50), baseline, reason="faster", by="Ada")
    assert longer.runs[:-1] == baseline.runs
    assert (longer.runs[-1].reason, longer.runs[-1].accepted_by) == ("faster", "Ada")


def test_a_run_keeps_its_messages_its_tail_and_its_costs() -> None:
    """Later verdicts need the requests of each message, the slowest requests, and what the services used."""
    run = run_at()
    (only,) = accept_usual(run).runs
    assert only.messages == run.summary.messages
    assert only.tails == tails_of(run.summary)
    assert only.tails["e2e_ms"].total == 100
    assert only.costs.keys() == costs_of(run.summary).keys()


def test_a_baseline_survives_json() -> None:
    """A baseline that is written and read again is equal, with all of its levels."""
    baseline = start_level(make_baseline(), run_at(1.4, 40), reason="new model", by="Ada", at=LATER)
    outlier = baseline.newest.runs[0].model_copy(update={"outlier": "response time +41 %"})
    newest = baseline.newest.model_copy(update={"runs": (outlier,)})
    baseline = baseline.model_copy(update={"levels": (*baseline.levels[:-1], newest)})
    assert Baseline.model_validate_json(baseline_json(baseline)) == baseline
    assert [len(level.counted) for level in baseline.levels] == [10, 0]


def test_a_full_baseline_keeps_the_reasons_of_five_levels() -> None:
    """The oldest runs are removed first, and each of the newest five levels keeps its last run."""
    baseline = None
    for number in range(60):
        add = start_level if number % 8 == 0 else accept
        baseline = add(baseline, run_at(number=number), reason=f"number {number}", by="Ada", at=LATER)
    assert baseline is not None
    assert [level.reason for level in baseline.levels] == [
        f"number {number}" for number in (24, 32, 40, 48, 56)
    ]
    assert [len(level.runs) for level in baseline.levels] == [1, 1, 6, 8, 4]
    assert len(baseline.runs) == MAX_RUNS
    assert baseline.levels[0].runs[0].run_id == run_at(number=31).provenance.run_id


def test_a_new_level_is_newer_than_the_runs_before() -> None:
    """A run from before the newest level cannot start the next one."""
    with pytest.raises(ConfigError, match="is older than the newest level 'usual'"):
        start_level(make_baseline(), run_at(number=-1), reason="x", by="y", at=NOON)


def test_a_full_baseline_has_enough_runs() -> None:
    """A full baseline has more runs than a decision needs."""
    assert 2 < MIN_RUNS <= MAX_RUNS


def test_an_outlier_is_kept_and_marked_until_it_is_none() -> None:
    """The mark follows from all runs of the level: it appears with the runs that make the run unusual."""
    baseline = accept_usual(run_at(1.8))
    for number in range(1, 5):
        baseline = accept_usual(run_at(1.0, number), baseline)
    outlier = baseline.newest.runs[0]
    assert outlier.outlier is not None
    assert outlier.outlier.startswith("response time +")
    assert outlier not in baseline.newest.counted
    assert len(baseline.newest.counted) == 4
    for number in range(5, 9):
        baseline = accept_usual(run_at(1.8, number), baseline)
    assert baseline.newest.runs[0].outlier is None
