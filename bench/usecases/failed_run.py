"""Store why a scenario was not measured, so that the verdict on its suite names the reason."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.core.report.not_measured import explain_failure
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
    except (MeasurementError, TargetError) as error:
        with suppress(StoreError):  # the error itself is more important
            failures.save(explain_failure(name, error.message), folder)
        raise
    failures.forget(name, folder)
