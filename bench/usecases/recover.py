"""Finish runs whose process was killed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core.run.recorded_values import add_values
from bench.core.run.result import RunResult, make_result
from bench.core.run.run_start import begin_recording
from bench.core.samples.sample import Stop, StopCause
from bench.errors import ConfigError, StoreError
from bench.measure.run.conditions import Listener
from bench.owners.process import Owner
from bench.store import results, sample_files
from bench.store.folders import RESULTS
from bench.usecases.options import QUIET
from bench.usecases.recover_search import join_stored_trials
from bench.usecases.unfinished import list_unfinished

_STOP = Stop(cause=StopCause.INTERRUPT, reason="the process of the run was killed")


@dataclass(frozen=True, slots=True)
class RecoveredRun:
    """A run that was finished later."""

    result: RunResult
    """The result. Its `stop` is set if the load had not ended."""
    folder: Path
    """The run's folder."""


def recover(
    run: Path | str | None = None, *, results: Path | str = RESULTS, listener: Listener = QUIET
) -> list[RecoveredRun]:
    """Finish the runs whose process was killed, and return them, the oldest first.

    Each gets the files of a run that was interrupted, with all requests that it stored.

    Args:
        run: The folder of a run; default: all unfinished runs.
        results: Folder of the stored runs.
        listener: Receives warnings.

    Raises:
        ConfigError: The run is finished, or still in progress.
        StoreError: A file of the run cannot be read or written.
    """
    homes = list_unfinished(Path(results)) if run is None else _list_runs(Path(run))
    # A search needs the results of its trials, whose folders are below its own.
    innermost_first = sorted(homes, key=lambda home: -len(home.parts))
    return [_finish(home, listener) for home in innermost_first]


def _list_runs(home: Path) -> Sequence[Path]:
    """Return a run with those below it, or the unfinished runs of a comparison of two versions."""
    if not home.is_dir():
        raise StoreError(f"there is no run at {home}", "name the folder of a run: results/RUN")
    if (home / sample_files.RUN).is_file():
        owner = Owner.parse(sample_files.read_start(home).owner)
        if owner is not None and Owner.of(owner.pid) == owner:
            raise ConfigError(f"the run in {home} is still in progress", "wait for its end, or end it first")
        return [home, *(path for path in list_unfinished(home.parent) if path.parent.parent == home)]
    runs = [path for path in list_unfinished(home.parent) if path.is_relative_to(home)]
    if not runs:
        raise ConfigError(f"the run in {home} is finished", f"bench report {home}")
    return runs


def _finish(home: Path, listener: Listener) -> RecoveredRun:
    start = sample_files.read_start(home)
    search = join_stored_trials(home, start, _STOP)
    if search is not None:
        results.save_in(*search, home)
        return RecoveredRun(search[0], home)
    stored = results.open_samples(home)
    begun = begin_recording(start.spec, stored.samples, start.workers, start.machine_limits, start.remainder)
    recording = add_values(begun, stored.values)
    if not any(values.is_end for values in stored.values):
        recording = replace(recording, stop=_STOP)
    if stored.problem is not None:
        listener.warning(stored.problem)
        recording = replace(recording, warnings=(*recording.warnings, stored.problem))
    result = make_result(start.spec, recording, start.provenance, start.fingerprint, start.limits)
    results.save_in(result, recording, home)
    return RecoveredRun(result, home)
