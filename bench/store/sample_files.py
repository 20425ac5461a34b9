"""The file of samples of a run: it grows during the run, and is readable up to the first damage."""

import os
import time
import weakref
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bench.core.run.recorded_values import RecordedValues
from bench.core.run.run_start import SCHEMA_VERSION, RunStart
from bench.core.samples.blocks import (
    ROWS_PER_BLOCK,
    Block,
    BlockKind,
    BrokenBlockError,
    encode_tiers,
    encode_values,
    read_block,
)
from bench.core.samples.samples import SampleLog, Samples
from bench.core.samples.stored_log import StoredLog
from bench.core.values import wording
from bench.errors import StoreError
from bench.store.files import read_model, write_text

SAMPLES = "samples.blocks"
"""Name of the file of samples, in the folder of a run."""
RUN = "run.json"
"""Name of the file that a run has while it is in progress, in its folder."""
# Time after a failed write before the next one: the disk may have room again.
_RETRY_S = 5.0
# Largest number of requests in a block, if the disk had no room for a while.
_MOST_ROWS = 8 * ROWS_PER_BLOCK
_NO_FILE = "there are no requests at {}"


def _open(owner: object, path: Path, flags: int) -> int:
    """Open a file, which is closed when its owner is no longer in use."""
    file = os.open(path, flags | os.O_CLOEXEC, 0o644)
    weakref.finalize(owner, os.close, file)
    return file


class FileBytes:
    """Reads bytes of a file. A file that another program makes shorter while it is read is harmless.

    Args:
        path: The file.

    Raises:
        OSError: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _open(self, path, os.O_RDONLY)

    @property
    def size(self) -> int:
        """Size of the file."""
        return os.fstat(self._file).st_size

    def __call__(self, at: int, count: int) -> bytes:
        """Return bytes at a place of the file; fewer at its end."""
        parts: list[bytes] = []
        while count > 0:
            part = os.pread(self._file, count, at)
            if not part:
                break
            parts.append(part)
            at += len(part)
            count -= len(part)
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class StoredSamples:
    """The content of a file of samples."""

    samples: Samples
    """The requests. Their columns are read when they are needed."""
    values: tuple[RecordedValues, ...]
    """The other values, in their order."""
    problem: str | None
    """Why the rest of the file was not read; `None` if the file is complete."""


def read_samples(path: Path) -> StoredSamples:
    """Return the content of a file of samples, up to the first damage.

    Raises:
        StoreError: The file does not exist or is not readable.
    """
    try:
        source = FileBytes(path)
        return _read(source)
    except FileNotFoundError as error:
        hint = "use the complete folder of the run; a copy of its result.json has no requests"
        raise StoreError(_NO_FILE.format(path), hint) from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error


def _read(source: FileBytes) -> StoredSamples:
    log = StoredLog(source)
    values: list[RecordedValues] = []
    size = source.size
    at = 0
    problem = None
    while at < size and problem is None:
        try:
            block = read_block(source, at, size)
            _add_block(block, log, values)
            at = block.end
        except BrokenBlockError as error:
            kept = wording.counted(len(log), "request")
            problem = f"{source.path} ends at byte {at} of {size}: {error}; {kept} before it"
    return StoredSamples(Samples(log, slice(0, len(log))), tuple(values), problem)


def _add_block(block: Block, log: StoredLog, values: list[RecordedValues]) -> None:
    match block.kind:
        case BlockKind.REQUESTS:
            log.add_requests(block)
        case BlockKind.TIERS:
            log.add_tiers(block)
        case BlockKind.VALUES:
            try:
                values.append(RecordedValues.model_validate_json(block.description))
            except ValidationError as error:
                raise BrokenBlockError("the values of a block are wrong") from error


def is_stored(samples: Samples, path: Path) -> bool:
    """Return whether a file has these requests already."""
    log = samples.log
    if not isinstance(log, StoredLog) or len(log.tail) or not samples.is_whole_log:
        return False
    return isinstance(log.read_at, FileBytes) and log.read_at.path == path and path.exists()


class FileStore:
    """Writes a run to its file of samples while it goes on.

    Requests and values that cannot be written stay in memory, and are written when the disk has room again.

    Args:
        home: Folder of the run.
        start: The start of the run.
        secrets: Texts that details must not contain.
    """

    def __init__(self, home: Path, start: RunStart, secrets: Collection[str] = ()) -> None:
        self._home = home
        self._log = StoredLog(lambda _at, _count: b"", SampleLog(secrets))
        self._replaced: Samples | None = None
        self._new_values: list[RecordedValues] = []
        self._places: list[int] = []
        self._file: int | None = None
        self._size = 0
        self._retry_s = 0.0
        # If the folder is not writable, the run goes on; its result is stored elsewhere with the reason.
        with suppress(OSError, StoreError):
            write_start(home, start)
            self._file = _open(self, home / SAMPLES, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            self._log.read_at = FileBytes(home / SAMPLES)

    def add(self, log: SampleLog) -> None:
        """Add requests that ended."""
        self._log.tail.extend(log)
        self._write_all()

    def note(self, values: RecordedValues) -> None:
        """Add other values."""
        self._new_values.append(values)
        self._write_all()

    def replace_tiers(self, samples: Samples) -> None:
        """Replace the tier times of all requests by those of these samples."""
        self._replaced = samples
        self._retry_s = 0.0
        self._write_all()

    def read_samples(self) -> Samples:
        """Return all requests so far."""
        return self._replaced or Samples(self._log, slice(0, len(self._log)))

    def read_values(self) -> Iterator[RecordedValues]:
        """Yield all values so far."""
        for at in self._places:
            block = read_block(self._log.read_at, at, self._size)
            yield RecordedValues.model_validate_json(block.description)
        yield from self._new_values

    def drop_if_empty(self) -> None:
        """Delete the files of a run that failed before its first request."""
        if len(self._log):
            return
        with suppress(OSError):
            for name in (SAMPLES, RUN):
                (self._home / name).unlink(missing_ok=True)
            self._home.rmdir()

    def _write_all(self) -> None:
        """Write everything that is not written yet. After an error, it stays in memory for the next time."""
        if self._file is None or time.monotonic() < self._retry_s:
            return
        try:
            self._write_requests()
            self._write_values()
            self._write_tiers()
        except OSError:
            self._retry_s = time.monotonic() + _RETRY_S
            with suppress(OSError):
                os.ftruncate(self._file, self._size)

    def _write_requests(self) -> None:
        if 0 < len(self._log.tail) <= _MOST_ROWS:
            block = self._log.encode_tail()
            self._log.note_tail(self._append(block), block)

    def _write_values(self) -> None:
        while self._new_values:
            content = self._new_values[0].model_dump_json(exclude_defaults=True)
            self._places.append(self._append(encode_values(content.encode())))
            del self._new_values[0]

    def _write_tiers(self) -> None:
        if self._replaced is None or len(self._log.tail):
            return
        places = [self._append(block) for block in encode_tiers(self._replaced)]
        for at in places:
            self._log.add_tiers(read_block(self._log.read_at, at, self._size))
        self._replaced = None

    def _append(self, block: bytes) -> int:
        """Write a block at the end of the complete blocks, and return its place."""
        assert self._file is not None  # noqa: S101 - callers check it
        written = 0
        while written < len(block):
            written += os.pwrite(self._file, block[written:], self._size + written)
        at = self._size
        self._size += len(block)
        return at


def read_start(home: Path) -> RunStart:
    """Return the start of a run in progress.

    Raises:
        StoreError: The file does not exist, or has other content.
    """
    return read_model(home / RUN, RunStart, SCHEMA_VERSION)


def write_start(home: Path, start: RunStart) -> None:
    """Write the start of a run.

    Raises:
        StoreError: The folder is not writable.
    """
    write_text(home / RUN, start.model_dump_json() + "\n")
