"""Store why a scenario was not measured, so that the verdict on its suite names the reason."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.core.report.not_measured import NotMeasured, explain_failure
from bench.errors import BenchError, MeasurementError, StoreError, TargetError
from bench.measure.run.provenance import workflow_attempt
from bench.store import failures


@contextmanager
def keep_reason(scenario: str, folder: Path) -> Iterator[None]:
    """Store the error that ends the block, and remove the error of an earlier run if there is none.

    Args:
        scenario: Name of a scenario, or the path of its file.
        folder: Folder of the stored runs.
    """
    name = Path(scenario).stem
    try:
        yield
    except (MeasurementError, TargetError) as error:
        with suppress(StoreError):  # the error itself is more important
            failures.save(explain_error(name, error), folder)
        raise
    failures.forget(name, folder)


def explain_error(scenario: str, error: BenchError) -> NotMeasured:
    """Return why a scenario was not measured, with the service that failed and this attempt of the workflow.

    Args:
        scenario: Name of the scenario.
        error: The error that ended its measurement.
    """
    failure = explain_failure(scenario, error.message)
    changes: dict[str, object] = {"workflow": workflow_attempt()}
    if isinstance(error, TargetError):
        changes["service"] = None if error.service is None else error.service[:200]
        changes["exit_code"] = error.service_exit_code
    return failure.model_copy(update=changes)
