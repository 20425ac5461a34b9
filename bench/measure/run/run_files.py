"""The files of a run: its start, its samples and its logs, below the folder of all runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Stack
from bench.core.run.run_start import RunStart, hide_secrets
from bench.core.run.run_store import RunStore
from bench.measure.run.conditions import Conditions
from bench.measure.run.provenance import fingerprint, provenance
from bench.measure.run.subject import Subject, list_secrets
from bench.owners.process import Owner


def make_start(
    spec: RunSpec, stack: Stack, conditions: Conditions, subject: Subject, run_id: str
) -> RunStart:
    """Return the start of a run, which `bench recover` needs if the run is killed."""
    return RunStart(
        owner=str(Owner.current()),
        spec=hide_secrets(spec),
        provenance=provenance(run_id, dict(conditions.injections)),
        fingerprint=fingerprint(spec, stack, conditions.urls, subject.parts),
        limits=stack.alerts,
        workers=conditions.workers,
        machine_limits=subject.machine_limits,
        remainder=subject.tiers.remainder,
    )


@contextmanager
def open_store(
    spec: RunSpec, start: RunStart, conditions: Conditions, folder: Path
) -> Iterator[RunStore | None]:
    """Open the store of a run. If the block fails before the first request, its files are deleted.

    Args:
        spec: The scenario, with its secrets.
        start: The start of the run.
        conditions: Settings of the measurement.
        folder: Folder of the run, below that of all runs.
    """
    if conditions.open_store is None or conditions.results is None:
        yield None
        return
    store = conditions.open_store(conditions.results / folder, start, list_secrets(spec))
    try:
        yield store
    except BaseException:
        store.drop_if_empty()
        raise


def log_folder(conditions: Conditions, run_id: str) -> Path | None:
    """Return the folder for the logs of a run; `None` if they are not kept."""
    if conditions.results is None:
        return None
    try:
        conditions.results.mkdir(parents=True, exist_ok=True)
    except OSError:  # a folder that is not writable loses no run: its result is stored elsewhere
        return None
    return conditions.results / run_id / "logs"
