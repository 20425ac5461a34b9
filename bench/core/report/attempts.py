"""The newest attempt of each scenario: a re-run of a workflow replaces older results and older failures."""

from collections.abc import Sequence

from bench.core.report.not_measured import NotMeasured
from bench.core.run.origin import WorkflowAttempt
from bench.core.run.result import RunResult

_LOCAL = (0, 0)  # a run outside of a workflow is older than each attempt


def keep_newest(
    runs: Sequence[RunResult], failed: Sequence[NotMeasured]
) -> tuple[list[RunResult], list[NotMeasured]]:
    """Return the runs and the failures of the newest attempt of each scenario, in their order."""
    newest: dict[str, tuple[int, int]] = {}
    for run in runs:
        name = run.scenario.name
        newest[name] = max(newest.get(name, _LOCAL), _order(run.provenance.workflow))
    for failure in failed:
        name = failure.scenario
        newest[name] = max(newest.get(name, _LOCAL), _order(failure.workflow))
    kept = [run for run in runs if _order(run.provenance.workflow) == newest[run.scenario.name]]
    return kept, [failure for failure in failed if _order(failure.workflow) == newest[failure.scenario]]


def _order(workflow: WorkflowAttempt | None) -> tuple[int, int]:
    return _LOCAL if workflow is None else workflow.order
