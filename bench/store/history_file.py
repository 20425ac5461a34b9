"""Read a history file: its columns, which a cache keeps, and chosen lines."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydantic import ValidationError

from bench.core.history.history import SCHEMA_VERSION, HistoryPoint, history_key
from bench.core.history.history_columns import RunColumns, join_columns, make_columns
from bench.errors import StoreError
from bench.store import history_cache
from bench.store.files import parse_model
from bench.store.history_cache import CacheHeader, FileState, StoredColumns, make_digest

SUFFIX = ".jsonl"
LEAST_CACHED = 1_000_000
"""Size in bytes of the smallest file that has a cache; a smaller one is parsed in about 20 ms."""
_LINES_AT_ONCE = 500
_BYTES_AT_ONCE = 1_000_000
# A later change within the resolution of the file system's clock may not be visible in the state of a file.
_SETTLED_NS = 2_000_000_000


class HistoryFile:
    """A history file that is open for reading. If a writer replaces it, you continue to read the old one."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        self._state = _state_of(file)
        self._header = history_cache.read_header(path) if self._state.size >= LEAST_CACHED else None

    @cached_property
    def digest(self) -> str:
        """The digest of the content. An unchanged file with a cache is not read for it."""
        header = self._header
        if header is not None and header.state == self._state:
            return header.digest
        return self._digests[1]

    @property
    def columns(self) -> RunColumns:
        """The runs, in the order of the lines.

        Raises:
            StoreError: The file is empty, or a line is incomplete, invalid, of a newer version, of another
                history, or of a run that another line has; the message names the line.
        """
        return self._stored.columns

    @cached_property
    def order(self) -> list[int]:
        """Indices of the lines, the oldest run first; a merge of branches may have changed the order."""
        order: list[int] = self.columns.in_order().tolist()
        return order

    def read(self, indices: Iterable[int]) -> tuple[HistoryPoint, ...]:
        """Return the runs of some lines."""
        points = []
        for index in indices:
            begin = int(self._stored.ends[index - 1]) + 1 if index else 0
            self._file.seek(begin)
            line = self._file.read(int(self._stored.ends[index]) - begin)
            points.append(_parse_line(line, f"{self.path}:{index + 1}"))
        return tuple(points)

    def chunks(self) -> Iterator[bytes]:
        """Yield the content in parts; it ends with a line break."""
        self._file.seek(0)
        part = b""
        while following := self._file.read(_BYTES_AT_ONCE):
            part = following
            yield part
        if not part.endswith(b"\n"):
            yield b"\n"

    @cached_property
    def _content(self) -> bytes:
        self._file.seek(0)
        return self._file.read()

    @cached_property
    def _digests(self) -> tuple[str, str]:
        """Digests of the bytes that the cache was derived from, and of the content, in one pass."""
        content = memoryview(self._content)
        size = 0 if self._header is None else self._header.size
        digest = make_digest(content[:size])
        beginning = digest.hexdigest()
        digest.update(content[size:])
        return beginning, digest.hexdigest()

    @cached_property
    def _stored(self) -> StoredColumns:
        header = self._header
        if header is not None and header.state == self._state:
            cached = history_cache.read_columns(self.path, header)
            if cached is not None:
                return cached
        stored = self._parse()
        if self._state.size >= LEAST_CACHED and self._content.endswith(b"\n"):
            history_cache.write_columns(self.path, stored, self.digest, self._settled_state())
        return stored

    def _parse(self) -> StoredColumns:
        """Parse the lines that the cache does not have."""
        begin = 0
        parts: list[RunColumns] = []
        ends: list[int] = []
        cached = self._read_beginning(self._header)
        if cached is not None:
            begin = int(cached.ends[-1]) + 1
            parts.append(cached.columns)
            ends += cached.ends.tolist()
        lines_by_run = {}
        if cached is not None:
            lines_by_run = {run_id: number for number, run_id in enumerate(cached.columns.run_ids, start=1)}
        for points, own_ends in _parse_lines(self.path, self._content, begin, lines_by_run):
            parts.append(make_columns(points))
            ends += own_ends
        return StoredColumns(join_columns(parts), np.array(ends, dtype=np.int64))

    def _read_beginning(self, header: CacheHeader | None) -> StoredColumns | None:
        """Return the cached columns if the file still begins with the bytes that they were derived from."""
        if header is None or header.size > self._state.size:
            return None
        is_same = self._digests[0] == header.digest
        return history_cache.read_columns(self.path, header) if is_same else None

    def _settled_state(self) -> FileState | None:
        state = self._state
        newest_ns = max(state.modified_ns, state.changed_ns)
        return state if time.time_ns() - newest_ns > _SETTLED_NS else None


@contextmanager
def open_history(path: Path) -> Iterator[HistoryFile]:
    """Open a history file for reading.

    Raises:
        StoreError: The file does not exist, or is not readable.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
    with file:
        yield HistoryFile(path, file)


def _state_of(file: BinaryIO) -> FileState:
    status = os.fstat(file.fileno())
    return FileState(
        size=status.st_size,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
        inode=status.st_ino,
    )


def _parse_lines(
    path: Path, content: bytes, begin: int, lines_by_run: dict[str, int]
) -> Iterator[tuple[list[HistoryPoint], list[int]]]:
    """Yield the runs and the ends of the lines after `begin`, some hundred at once."""
    if content in (b"", b"\n"):
        raise StoreError(f"{path} is empty", "delete it, or restore it")
    points: list[HistoryPoint] = []
    ends: list[int] = []
    number = len(lines_by_run)
    while begin < len(content):
        end = content.find(b"\n", begin)
        end = len(content) if end < 0 else end
        number += 1
        point = _parse_line(content[begin:end], f"{path}:{number}")
        _check_place(point, path, number, lines_by_run)
        points.append(point)
        ends.append(end)
        begin = end + 1
        if len(points) == _LINES_AT_ONCE:
            yield points, ends
            points = []
            ends = []
    if points:
        yield points, ends


def _check_place(point: HistoryPoint, path: Path, number: int, lines_by_run: dict[str, int]) -> None:
    key = history_key(point)
    if not f"/{path.as_posix()}".endswith(f"/{key}{SUFFIX}"):
        raise StoreError(f"{path}:{number} belongs to {key}", f"move the line to {key}{SUFFIX}")
    first = lines_by_run.setdefault(point.run_id, number)
    if first != number:
        raise StoreError(
            f"{path}:{number} repeats run {point.run_id} of line {first}", "delete one of the lines"
        )


def _parse_line(line: bytes, where: str) -> HistoryPoint:
    """Parse a line; an invalid one is parsed again for an error that names the problem."""
    try:
        point = HistoryPoint.model_validate_json(line)
    except ValidationError:
        point = None
    if point is not None and point.schema_version == SCHEMA_VERSION:
        return point
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise StoreError(f"{where} is not text in UTF-8", "is this the right file?") from error
    return parse_model(text, where, HistoryPoint, SCHEMA_VERSION)
