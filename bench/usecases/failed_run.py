"""Store why a scenario was not measured, so that the verdict on its suite names the reason."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.core.report.not_measured import NotMeasured, explain_failure
from bench.errors import BenchError, MeasurementError, StoreError, TargetError
from bench.measure.run.provenance import workflow_attempt
from bench.store import failures


@contextmanager
def keep_reasons(scenarios: Sequence[str], folder: Path) -> Iterator[None]:
    """Store the error that ends the block, and remove the errors of earlier runs if there is none.

    Args:
        scenarios: Names of the scenarios that are measured, or the paths of their files.
        folder: Folder of the stored runs.
    """
    names = [Path(scenario).stem for scenario in scenarios]
    try:
        yield
    except (MeasurementError, TargetError) as error:
        for name in names:
            store_reason(name, error, folder)
        raise
    for name in names:
        failures.forget(name, folder)


def store_reason(scenario: str, error: BenchError, folder: Path) -> None:
    """Store why a scenario was not measured, if the folder is writable."""
    with suppress(StoreError):  # the error itself is more important
        failures.save(explain_error(scenario, error), folder)


def explain_error(scenario: str, error: BenchError) -> NotMeasured:
    """Return why a scenario was not measured, with the service that failed and this attempt of the workflow.

    Args:
        scenario: Name of the scenario.
        error: The error that ended its measurement.
    """
    failure = explain_failure(scenario, error.message)
    changes: dict[str, object] = {"workflow": workflow_attempt()}
    if isinstance(error, TargetError) and error.service is not None:
        changes["service"] = error.service[:200]
        changes["exit_code"] = error.service_exit_code
    return failure.model_copy(update=changes)
