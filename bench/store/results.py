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
from bench.errors import StoreError
from bench.store.files import read_model, write_chunks, write_text

FOLDER = Path("results")
RESULT, RECORDING, SAMPLES = "result.json", "recording.json", "samples.jsonl.gz"
# Of a result.json; a hundred times what one has.
_MOST_BYTES = 20_000_000
_PAGE = 4096  # requests that are in memory at once
_LONGEST_LINE = 1_000_000  # bytes; a thousand times what a request has
_REQUEST = TypeAdapter(RequestSample, config=ConfigDict(allow_inf_nan=False))
_FAST, _GZIP = 1, 31  # a level of compression, and the form that zlib calls by a number


def save(result: RunResult, recording: Recording, folder: Path) -> Path:
    """Write a run's files and return their folder.

    What was measured is not lost to a full disk: it goes to the system's temporary folder instead, and the
    error says so.

    Raises:
        StoreError: The folder could not be written; the message says where the run was kept.
    """
    home = folder / result.provenance.run_id
    try:
        _write(result, recording, home)
    except StoreError as error:
        refuge = Path(tempfile.gettempdir()) / "bench-kept" / result.provenance.run_id
        try:
            _write(result, recording, refuge)
        except StoreError as second:
            raise StoreError(
                f"{error.message}; nor in {refuge.parent}: {second.message}", error.hint
            ) from error
        raise StoreError(f"{error.message}; the run was kept in {refuge}", error.hint) from error
    return home


def load(path: Path) -> RunResult:
    """A result by its folder or file.

    Raises:
        StoreError: There is none, or it cannot be read as a result.
    """
    file = path / RESULT if path.is_dir() else path
    if not file.is_file():
        raise StoreError(f"there is no result at {path}", "bench run quick makes one under results/")
    return read_model(file, RunResult, SCHEMA_VERSION)


def folder_of(path: Path) -> Path:
    """The folder of a run, by that or by its result.json."""
    return path if path.is_dir() else path.parent


def requests(home: Path) -> Iterator[Samples]:
    """The requests of a run, in their order, some at a time: a million are never in memory at once.

    Raises:
        StoreError: They are not there, cut off, or not what they should be; the message says where.
    """
    return (log.since(0) for log in _pages(home / SAMPLES))


def load_recording(home: Path) -> Recording | None:
    """What was measured in a run, by its folder; None where that was not kept.

    Gaps between tokens, the certificate and the control are in the result, and not read again.

    Raises:
        StoreError: It cannot be read; the message says where.
    """
    if not (home / RECORDING).is_file() or not (home / SAMPLES).is_file():
        return None
    kept, log = read_model(home / RECORDING, RecordingFile), SampleLog()
    for page in _pages(home / SAMPLES):
        log.extend(page)
    return Recording(
        planned_s=kept.planned_s,
        elapsed_s=kept.elapsed_s,
        samples=log.since(0),
        resources=kept.resources,
        probes=kept.probes,
        gauges=kept.gauges,
        work=kept.work,
    )


def load_foreign(path: Path) -> RunResult:
    """A result that somebody else wrote: of a size that results have, and no link to another file.

    Raises:
        StoreError: It is not there, is more than a result, or cannot be read as one.
    """
    file = path / RESULT if path.is_dir() else path
    if path.is_symlink() or file.is_symlink():
        raise StoreError(f"{file} is a link, which no result is")
    if file.is_file() and file.stat().st_size > _MOST_BYTES:
        most = f"a result has at most {_MOST_BYTES / 1e6:.0f}"
        raise StoreError(f"{file} has {file.stat().st_size / 1e6:.0f} MB, and {most}")
    return load(path)


def _write(result: RunResult, recording: Recording, home: Path) -> None:
    # The recording first: from it everything else can be made again.
    write_chunks(home / SAMPLES, _lines(recording))
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
            "a run is kept with them; a copy of its result.json is not enough",
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise StoreError(f"{file} is not whole: {error}", "was it cut off? restore it") from error


def _lines(recording: Recording) -> Iterator[bytes]:
    """The requests, a line of JSON each, packed."""
    packer = zlib.compressobj(_FAST, wbits=_GZIP)
    for sample in recording.samples:
        yield packer.compress(orjson.dumps(request_line(sample), option=orjson.OPT_APPEND_NEWLINE))
    yield packer.flush()
