"""Columns that were derived from a history file, in `.cache` of the folder of histories.

The lines are the source of truth. A file of the cache states which bytes it was derived from, and by which
program. It is used only if all of that and its own digest are right, and may be deleted at any time.
"""

import hashlib
import io
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from bench.core.history.history import HistoryPoint
from bench.core.history.history_columns import Integers, RunColumns
from bench.core.values.record import Record
from bench.owners.temporary import replace_file
from bench.store.own_code import columns_code

FOLDER = ".cache"
_SUFFIX = ".columns"
_READABLE = 0o644
_IGNORE_ALL = "# Derived from the histories; delete it at any time.\n*\n"


class FileState(Record):
    """What the file system knows of a file. A changed file has another state."""

    size: int
    """Size in bytes."""
    modified_ns: int
    """Time of the last change of the content."""
    changed_ns: int
    """Time of the last change of the content or of the file's properties, which programs cannot set."""
    inode: int
    """Number of the file."""


class CacheHeader(Record):
    """The origin of cached columns."""

    code: str
    """Digest of the program that derived them."""
    state: FileState | None
    """State of the history file; null if the file was so new that a later change may keep the state."""
    size: int
    """Number of bytes of the history file that the columns contain."""
    digest: str
    """Digest of these bytes."""
    payload: str
    """Digest of the columns."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredColumns:
    """The runs of a history file as columns, with the place of each line."""

    columns: RunColumns
    """The runs, in the order of the lines."""
    ends: Integers
    """End of each line in bytes, without its line break; the next line begins one byte later."""


def make_digest(content: bytes | memoryview = b"") -> hashlib.blake2b:
    """Return the digest of bytes, to which more bytes can be added."""
    return hashlib.blake2b(content, digest_size=32)


def read_header(history: Path) -> CacheHeader | None:
    """Return the origin of a history's cached columns; None without valid ones of this program."""
    with suppress(OSError, ValueError, ValidationError), _place(history).open("rb") as file:
        line = file.readline()
        header = CacheHeader.model_validate_json(line[33:])
        if line[:32].decode() == _sign(line[33:]) and header.code == columns_code():
            return header
    return None


def read_columns(history: Path, header: CacheHeader) -> StoredColumns | None:
    """Return a history's cached columns; None if they are damaged or of another origin."""
    with suppress(OSError, ValueError, KeyError, ValidationError):
        head, _, payload = _place(history).read_bytes().partition(b"\n")
        if CacheHeader.model_validate_json(head[33:]) == header and _sign(payload) == header.payload:
            return _unpack(payload)
    return None


def write_columns(history: Path, stored: StoredColumns, digest: str, state: FileState | None) -> None:
    """Store a history's columns; a folder that is not writable has no cache."""
    payload = _pack(stored)
    size = int(stored.ends[-1]) + 1
    header = CacheHeader(code=columns_code(), state=state, size=size, digest=digest, payload=_sign(payload))
    head = header.model_dump_json().encode() + b"\n"
    place = _place(history)
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        ignore = history.parents[2] / FOLDER / ".gitignore"
        if not ignore.exists():
            replace_file(ignore, [_IGNORE_ALL.encode()], _READABLE, is_durable=False)
        chunks = [_sign(head).encode(), b" ", head, payload]
        replace_file(place, chunks, _READABLE, is_durable=False)


def _place(history: Path) -> Path:
    folder = history.parents[2]
    return folder / FOLDER / history.relative_to(folder).with_suffix(_SUFFIX)


def _sign(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _pack(stored: StoredColumns) -> bytes:
    columns = stored.columns
    examples = [example.model_dump_json() for example in columns.examples]
    texts = [list(columns.run_ids), list(columns.commits), list(columns.figures), examples]
    integers = [stored.ends, columns.started_us, columns.ok, columns.failed, columns.conditions]
    buffer = io.BytesIO()
    np.savez(
        buffer,
        allow_pickle=False,
        texts=np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8),
        integers=np.stack(integers),
        figures=np.array(list(columns.figures.values()), dtype=np.float64),
    )
    return buffer.getvalue()


def _unpack(payload: bytes) -> StoredColumns:
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        run_ids, commits, keys, examples = json.loads(arrays["texts"].tobytes())
        ends, started_us, ok, failed, conditions = arrays["integers"]
        figures = arrays["figures"]
    columns = RunColumns(
        run_ids=tuple(run_ids),
        commits=tuple(commits),
        started_us=started_us,
        ok=ok,
        failed=failed,
        figures=dict(zip(keys, figures, strict=True)),
        conditions=conditions,
        examples=tuple(map(HistoryPoint.model_validate_json, examples)),
    )
    return StoredColumns(columns, ends)
