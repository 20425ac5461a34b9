"""Results: `results/<run>/` holds the recording, the result, and the reports on it."""

import gzip
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError

from bench.core.run.recording import Recording, RecordingFile, recording_file, request_line
from bench.core.run.result import SCHEMA_VERSION, RunResult
from bench.core.samples.request import RequestSample
from bench.core.samples.samples import SampleLog, Samples
from bench.core.values.histogram import Histogram
from bench.errors import StoreError
from bench.store.files import read_model, write_chunks, write_text

RESULT = "result.json"
COMPARISON = "comparison.json"
BASE = "base.json"
"""The result of the base version, in the folder of the head version's run; only `bench ab` writes it."""
RECORDING = "recording.json"
SAMPLES = "samples.jsonl.gz"
# Largest result.json of unknown origin: a hundred times the usual size.
_MOST_BYTES = 20_000_000
# Number of requests that are in memory at once.
_PAGE = 4096
# Longest line of samples.jsonl.gz in bytes: a thousand times the usual length.
_LONGEST_LINE = 1_000_000
_REQUEST = TypeAdapter(RequestSample, config=ConfigDict(allow_inf_nan=False))
_FASTEST_COMPRESSION = 1
_GZIP_FORMAT = 31  # zlib's number for the largest window and a gzip header


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
    """Write the files of a run and return their folder.

    If the folder is not writable, for example because the disk is full, the run goes to the temporary folder
    of the system.

    Raises:
        MisplacedRunError: The folder is not writable; the message has the place of the stored run.
    """
    home = folder / result.provenance.run_id
    try:
        _write(result, recording, home)
    except StoreError as error:
        message, kept = _keep_elsewhere(result, recording, home)
        raise MisplacedRunError(f"{error.message}; {message}", error.hint, kept) from error
    return home


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
    return f"the run was stored in {fallback}", fallback


def load(path: Path) -> RunResult:
    """Return a result by its folder or file.

    Raises:
        StoreError: The file does not exist, or is not a result.
    """
    file = path / RESULT if path.is_dir() else path
    if not file.is_file():
        raise StoreError(f"there is no result at {path}", "bench run quick stores one below results/")
    return read_model(file, RunResult, SCHEMA_VERSION)


def folder_of(path: Path) -> Path:
    """Return the folder of a run, from the folder itself or from its result.json."""
    return path if path.is_dir() else path.parent


def requests(home: Path) -> Iterator[Samples]:
    """Yield the requests of a run in their order, a few thousand at a time.

    Raises:
        StoreError: The file does not exist, is incomplete, or has other content; the message has the place.
    """
    return (log.since(0) for log in _pages(home / SAMPLES))


def load_recording(home: Path) -> Recording | None:
    """Return the recording of a run by its folder; None if it was not stored.

    The calibration and the reference workload are in the result and not loaded.

    Raises:
        StoreError: The files are incomplete or have other content; the message has the place.
    """
    if not (home / RECORDING).is_file() or not (home / SAMPLES).is_file():
        return None
    stored = read_model(home / RECORDING, RecordingFile)
    log = SampleLog()
    for page in _pages(home / SAMPLES):
        log.extend(page)
    return Recording(
        planned_s=stored.planned_s,
        elapsed_s=stored.elapsed_s,
        samples=log.since(0),
        token_gaps={phase: Histogram.of(gaps) for phase, gaps in stored.token_gaps.items()},
        token_spans=stored.token_spans,
        resources=stored.resources,
        probes=stored.probes,
        gauges=stored.gauges,
        work=stored.work,
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
    write_chunks(home / SAMPLES, _compress(recording))
    write_text(home / RECORDING, recording_file(recording).model_dump_json() + "\n")
    write_text(home / RESULT, result.model_dump_json(indent=1) + "\n")


def _pages(file: Path) -> Iterator[SampleLog]:
    log = SampleLog()
    for number, line in enumerate(_read_lines(file), 1):
        try:
            log.append(_REQUEST.validate_json(line))
        except (ValidationError, OverflowError, TypeError) as error:
            raise StoreError(f"{file}: line {number} is not a request", "was it edited?") from error
        if len(log) == _PAGE:
            yield log
            log = SampleLog()
    if len(log):
        yield log


def _read_lines(file: Path) -> Iterator[bytes]:
    try:
        with gzip.open(file) as unpacked:
            while line := unpacked.readline(_LONGEST_LINE):
                yield line
    except FileNotFoundError as error:
        raise StoreError(
            f"there are no requests at {file}",
            "use the complete folder of the run; a copy of its result.json has no requests",
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise StoreError(f"{file} is not complete: {error}", "was it cut off? restore it") from error


def _compress(recording: Recording) -> Iterator[bytes]:
    """Yield the requests as compressed lines of JSON."""
    packer = zlib.compressobj(_FASTEST_COMPRESSION, wbits=_GZIP_FORMAT)
    for sample in recording.samples:
        yield packer.compress(orjson.dumps(request_line(sample), option=orjson.OPT_APPEND_NEWLINE))
    yield packer.flush()
