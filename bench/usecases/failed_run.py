"""Store why a scenario was not measured, so that the verdict on its suite names the reason."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.core.report.not_measured import NotMeasured, explain_failure
from bench.errors import MeasurementError, StoreError, TargetError
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
    except TargetError as error:
        _save(explain_failure(name, error.message, error.service, error.service_exit_code), folder)
        raise
    except MeasurementError as error:
        _save(explain_failure(name, error.message), folder)
        raise
    failures.forget(name, folder)


def _save(failure: NotMeasured, folder: Path) -> None:
    with suppress(StoreError):  # the error itself is more important
        failures.save(failure, folder)
