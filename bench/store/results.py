"""Results: `results/<run>/` holds the recording, the result, and the reports on it."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import starmap
from pathlib import Path

from bench.core.run.contradictions import find_contradictions
from bench.core.run.recording import Recording, RecordingFile, recording_file
from bench.core.run.result import SCHEMA_VERSION, RunResult
from bench.core.samples.blocks import encode_samples
from bench.core.samples.sample import Stall
from bench.core.samples.samples import Samples
from bench.core.values.histogram import Histogram
from bench.errors import StoreError
from bench.store.files import read_model, write_chunks, write_text
from bench.store.sample_files import RUN, SAMPLES, StoredSamples, is_stored, read_samples

RESULT = "result.json"
COMPARISON = "comparison.json"
RECORDING = "recording.json"
# Largest result.json of unknown origin: a hundred times the usual size.
_MOST_BYTES = 20_000_000
# Number of requests that are in memory at once.
_PAGE = 4096


class MisplacedRunError(StoreError):
    """A run could not be stored in its folder.

    Args:
        message: The problem, and the place of the stored run.
        hint: The next step.
        folder: Folder that has the run, or would have it if the disk were not full.
    """

    def __init__(self, message: str, hint: str | None, folder: Path) -> None:
        super().__init__(message, hint)
        self.folder = folder


def save(result: RunResult, recording: Recording, folder: Path) -> Path:
    """Write the files of a run and return its folder, as `save_in` for the folder that its id names."""
    home = folder / result.provenance.run_id
    save_in(result, recording, home)
    return home


def save_in(result: RunResult, recording: Recording, home: Path) -> None:
    """Write the files of a run. The requests that its folder has already are not written again.

    If the folder is not writable, for example because the disk is full, the run goes to the temporary folder
    of the system.

    Raises:
        MisplacedRunError: The folder is not writable; the message has the place of the stored run.
    """
    try:
        _write(result, recording, home)
    except StoreError as error:
        message, kept = _keep_elsewhere(result, recording, home)
        raise MisplacedRunError(f"{error.message}; {message}", error.hint, kept) from error


def save_anywhere(
    result: RunResult, recording: Recording, folder: Path
) -> tuple[Path, MisplacedRunError | None]:
    """Write the files of a run; return their folder, and the error if it is another one than asked for."""
    try:
        return save(result, recording, folder), None
    except MisplacedRunError as error:
        return error.folder, error


def _keep_elsewhere(result: RunResult, recording: Recording, home: Path) -> tuple[str, Path]:
    """Write a run to the temporary folder of the system. Return what happened, and the run's folder."""
    try:
        fallback = Path(tempfile.gettempdir()) / "bench-kept" / result.provenance.run_id
    except OSError as error:
        return f"the run is not stored: {error.strerror or error}", home
    try:
        _write(result, recording, fallback)
    except StoreError as error:
        return f"also not in {fallback.parent}: {error.message}", home
    _finish(home)
    return f"the run was stored in {fallback}", fallback


def load(path: Path) -> RunResult:
    """Return a result by its folder or file.

    Raises:
        StoreError: The file does not exist, or is not a result.
    """
    file = path / RESULT if path.is_dir() else path
    if not file.is_file():
        raise StoreError(f"there is no result at {path}", "bench run quick stores one below results/")
    result = read_model(file, RunResult, SCHEMA_VERSION)
    contradictions = find_contradictions(result)
    if contradictions:
        raise StoreError(
            f"{file}: its numbers contradict each other: {contradictions[0]}",
            "restore the file that bench wrote, or measure again",
        )
    return result


def folder_of(path: Path) -> Path:
    """Return the folder of a run, from the folder itself or from its result.json."""
    return path if path.is_dir() else path.parent


def requests(home: Path) -> Iterator[Samples]:
    """Yield the requests of a run in their order, a few thousand at a time, up to the first damage.

    Raises:
        StoreError: The file does not exist, or has no request although it is not empty.
    """
    samples = open_samples(home).samples
    for start in range(0, len(samples), _PAGE):
        yield samples[start : start + _PAGE]


def open_samples(home: Path) -> StoredSamples:
    """Return the requests and other samples of a run, up to the first damage.

    Raises:
        StoreError: The file does not exist, or nothing in it is readable.
    """
    stored = read_samples(home / SAMPLES)
    if stored.problem is not None and not len(stored.samples) and not stored.values:
        raise StoreError(stored.problem, "is this the right file? restore it")
    return stored


def load_recording(home: Path) -> Recording | None:
    """Return the recording of a run by its folder; None if it was not stored.

    The calibration and the reference workload are in the result and not loaded. If the requests are damaged,
    those before the damage are loaded, and the recording has a warning.

    Raises:
        StoreError: The files have other content; the message has the place.
    """
    if not (home / RECORDING).is_file() or not (home / SAMPLES).is_file():
        return None
    stored = read_model(home / RECORDING, RecordingFile)
    opened = open_samples(home)
    return Recording(
        planned_s=stored.planned_s,
        elapsed_s=stored.elapsed_s,
        samples=opened.samples,
        token_gaps={phase: Histogram.of(gaps) for phase, gaps in stored.token_gaps.items()},
        token_spans=stored.token_spans,
        resources=stored.resources,
        probes=stored.probes,
        gauges=stored.gauges,
        work=stored.work,
        faults=stored.faults,
        remainder=stored.remainder,
        traced_loads=stored.traced_loads,
        pauses=tuple(starmap(Stall, stored.pauses)),
        warnings=() if opened.problem is None else (opened.problem,),
    )


def load_foreign(path: Path) -> RunResult:
    """Return a result of unknown origin. Links and very large files are refused.

    Raises:
        StoreError: The file does not exist, is a link, is too large, or is not a result.
    """
    file = path / RESULT if path.is_dir() else path
    if path.is_symlink() or file.is_symlink():
        raise StoreError(f"{file} is a link, and results must be files")
    if file.is_file() and file.stat().st_size > _MOST_BYTES:
        size_mb = file.stat().st_size / 1e6
        raise StoreError(f"{file} has {size_mb:.0f} MB; at most {_MOST_BYTES / 1e6:.0f} MB are allowed")
    return load(path)


def _write(result: RunResult, recording: Recording, home: Path) -> None:
    # The recording comes first, because everything else can be calculated from it.
    if not is_stored(recording.samples, home / SAMPLES):
        write_chunks(home / SAMPLES, encode_samples(recording.samples))
    write_text(home / RECORDING, recording_file(recording).model_dump_json() + "\n")
    write_text(home / RESULT, result.model_dump_json(indent=1) + "\n")
    _finish(home)


def _finish(home: Path) -> None:
    """Remove the file of a run in progress."""
    with suppress(OSError):
        (home / RUN).unlink(missing_ok=True)
