"""The newest attempt of each scenario decides."""

from bench.core.report.attempts import keep_newest
from bench.core.report.not_measured import NotMeasured
from bench.core.run.origin import WorkflowAttempt
from bench.core.run.result import RunResult
from tests.factories import make_provenance, make_scenario, make_spec, run_at


def _run(attempt: int | None, name: str = "quick", run: str = "9") -> RunResult:
    workflow = None if attempt is None else WorkflowAttempt(run=run, attempt=attempt)
    origin = make_provenance(f"{name}-{run}-{attempt}", workflow=workflow)
    return run_at(spec=make_spec(make_scenario(name=name)), provenance=origin)


def _failure(attempt: int) -> NotMeasured:
    return NotMeasured(scenario="quick", workflow=WorkflowAttempt(run="9", attempt=attempt))


def test_a_newer_result_replaces_older_ones_and_older_failures() -> None:
    """A confirmation run has the attempt of its first run."""
    first, again = _run(3), _run(3)
    assert keep_newest([_run(1), first, _run(2), again], [_failure(2)]) == ([first, again], [])


def test_a_newer_failure_replaces_an_older_result() -> None:
    """A re-run that fails is not hidden by the result before it."""
    assert keep_newest([_run(1)], [_failure(2)]) == ([], [_failure(2)])


def test_a_scenario_that_was_not_measured_again_keeps_its_result() -> None:
    """GitHub can repeat only the failed jobs of a run."""
    kept = [_run(1, "timeout"), _run(2)]
    assert keep_newest([*kept, _run(1)], [])[0] == kept


def test_a_later_workflow_run_is_newer_than_each_attempt_of_an_earlier_one() -> None:
    """Numbers of runs are compared as numbers; runs outside of workflows are the oldest."""
    newest = _run(1, run="10")
    assert keep_newest([_run(2, run="9"), newest, _run(None)], [])[0] == [newest]
    local = [_run(None), _run(None)]
    assert keep_newest(local, [])[0] == local
