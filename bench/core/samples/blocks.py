"""The blocks of a file of samples: requests in columns, and other recorded values, each with a checksum.

A block has a head, a description in JSON, and the columns as they are in memory, in little-endian order. The
head has the lengths and the CRC-32 of all three. A block is complete or it does not count, so a file that
was cut off or damaged is readable up to the damage.
"""

import json
import struct
import sys
import zlib
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
from pydantic import ValidationError

from bench.core.samples.arrays import Column
from bench.core.samples.columns import COLUMNS, CULPRITS, OUTCOMES, TIER_CODE
from bench.core.samples.samples import SampleLog, Samples
from bench.core.values.record import Count, Record

ROWS_PER_BLOCK = 65_536
"""Largest number of requests in a block."""
MOST_BLOCK_BYTES = 128 * 1024 * 1024
"""Size of the largest block that is read: a foreign file must not fill the memory."""
_MAGIC = b"BNB1"
_HEAD = struct.Struct("<4sBxxxIQI")
ReadAt = Callable[[int, int], bytes]
"""Return bytes of a file, given their place and their number; fewer at its end."""
Description = TypeVar("Description", bound=Record)


class BlockKind(IntEnum):
    """The content of a block."""

    REQUESTS = 1
    """Columns of requests, and the texts that are new in them."""
    VALUES = 2
    """Other recorded values, in the description."""
    TIERS = 3
    """Tier times that replace those of all requests before it."""


class Block(NamedTuple):
    """A block that was read and whose checksum is right."""

    kind: BlockKind
    description: bytes
    data_at: int
    """Place of the data in the file."""
    data: bytes
    end: int
    """Place after the block."""


class BrokenBlockError(ValueError):
    """A block is incomplete, damaged, or not one of `bench`. The message has the reason."""


class RequestsDescription(Record):
    """The description of a block of requests."""

    rows: Count
    """Number of requests."""
    columns: dict[str, str]
    """Type of each column by its name, in the codes of `array.array`; the data has them in this order."""
    tiers: tuple[str, ...] = ()
    """Tiers whose times follow the columns."""
    milestones: tuple[str, ...] = ()
    """Milestones whose times follow those of the tiers."""
    prompts: tuple[str, ...] = ()
    """Ids of messages that the blocks before do not have; their numbers follow."""
    details: tuple[str | None, ...] = ()
    """Details, likewise."""
    steps: tuple[str | None, ...] = ()
    """Steps, likewise."""


class TiersDescription(Record):
    """The description of a block of tier times."""

    rows: Count
    """Number of requests."""
    tiers: tuple[str, ...]
    """Tiers with times in the data."""


@dataclass(frozen=True, slots=True)
class TextCounts:
    """Number of texts that the blocks before have. The number of no detail and of no step is always 0."""

    prompts: int = 0
    details: int = 1
    steps: int = 1

    @classmethod
    def of(cls, log: SampleLog) -> "TextCounts":
        """Return the numbers of texts of a log."""
        return cls(len(log.prompts), len(log.details), len(log.steps))


_CODES = {column.name: column.code or "" for column in COLUMNS}


def encode_requests(log: SampleLog, earlier: TextCounts) -> bytes:
    """Return the block of all requests of a log.

    Args:
        log: At most `ROWS_PER_BLOCK` requests.
        earlier: Numbers of the texts that the blocks before have.
    """
    description = {
        "rows": len(log),
        "columns": _CODES,
        "tiers": [*log.tier_times],
        "milestones": [*log.milestone_times],
        "prompts": _list_new(log.prompts, earlier.prompts),
        "details": _list_new(log.details, earlier.details),
        "steps": _list_new(log.steps, earlier.steps),
    }
    columns = [*log.columns.values(), *log.tier_times.values(), *log.milestone_times.values()]
    return _encode(BlockKind.REQUESTS, json.dumps(description).encode(), columns)


def encode_samples(samples: Samples, rows_per_block: int = ROWS_PER_BLOCK) -> Iterator[bytes]:
    """Yield the blocks of some samples."""
    earlier = TextCounts()
    for first in range(0, len(samples), rows_per_block):
        log = samples[first : first + rows_per_block].to_log()
        yield encode_requests(log, earlier)
        earlier = TextCounts.of(log)


def encode_values(values: bytes) -> bytes:
    """Return the block of other recorded values, in JSON."""
    return _encode(BlockKind.VALUES, values, ())


def encode_tiers(samples: Samples, rows_per_block: int = ROWS_PER_BLOCK) -> Iterator[bytes]:
    """Yield the blocks that replace the tier times of all requests by those of these samples."""
    tiers = samples.tiers
    for first in range(0, max(1, len(samples)), rows_per_block):
        page = samples[first : first + rows_per_block]
        description = json.dumps({"rows": len(page), "tiers": tiers}).encode()
        columns = [array(TIER_CODE, page.tier_time(tier).astype(TIER_CODE).tobytes()) for tier in tiers]
        yield _encode(BlockKind.TIERS, description, columns)


def read_block(read_at: ReadAt, at: int, size: int) -> Block:
    """Return the block at a place of a file.

    Args:
        read_at: Reads the file.
        at: Place of the block.
        size: Size of the file.

    Raises:
        BrokenBlockError: There is no complete and undamaged block.
    """
    head = read_at(at, _HEAD.size)
    if len(head) < _HEAD.size:
        raise BrokenBlockError("the last block is incomplete")
    magic, kind, described, length, checksum = _HEAD.unpack(head)
    if magic != _MAGIC:
        raise BrokenBlockError("no block begins there")
    if described + length > MOST_BLOCK_BYTES:
        raise BrokenBlockError("a block is too large")
    if at + _HEAD.size + described + length > size:
        raise BrokenBlockError("the last block is incomplete")
    content = read_at(at + _HEAD.size, described + length)
    if zlib.crc32(content, zlib.crc32(head[: -_CHECKSUM.size])) != checksum:
        raise BrokenBlockError("the checksum of a block is wrong")
    if kind not in {*BlockKind}:
        raise BrokenBlockError(f"a block is of kind {kind}, which this version of bench does not know")
    data_at = at + _HEAD.size + described
    return Block(BlockKind(kind), content[:described], data_at, content[described:], data_at + length)


def describe_requests(block: Block, log: SampleLog) -> RequestsDescription:
    """Return the description of a block of requests, whose data fits it.

    Args:
        block: The block.
        log: Has the texts of the blocks before.

    Raises:
        BrokenBlockError: The description is wrong, or the data does not fit it.
    """
    described = _parse(block, RequestsDescription)
    if described.columns != _CODES or [*described.columns] != [*_CODES]:
        raise BrokenBlockError("the requests have other fields than those of this version of bench")
    layout = layout_of_requests(described.tiers, described.milestones)
    _check_size(block, described.rows, layout)
    counts = {
        "outcome": len(OUTCOMES),
        "culprit": len(CULPRITS) - 1,
        "prompt": _count_texts(log.prompts, described.prompts),
        "detail": _count_texts(log.details, described.details),
        "step": _count_texts(log.steps, described.steps),
    }
    for name in _CODES:
        _check_column(name, layout.read(block.data, name, described.rows), counts.get(name))
    return described


def describe_tiers(block: Block) -> TiersDescription:
    """Return the description of a block of tier times, whose data fits it.

    Raises:
        BrokenBlockError: The description is wrong, or the data does not fit it.
    """
    described = _parse(block, TiersDescription)
    _check_size(block, described.rows, Layout(dict.fromkeys(described.tiers, TIER_CODE)))
    return described


class Layout:
    """The order of columns in the data of a block.

    Args:
        codes: Type of each column, in the codes of `array.array`, in their order.
    """

    def __init__(self, codes: Mapping[str, str]) -> None:
        self._places: dict[str, tuple[int, np.dtype[Any]]] = {}
        self.row_bytes = 0
        for name, code in codes.items():
            kind = np.dtype(code).newbyteorder("<")
            self._places[name] = (self.row_bytes, kind)
            self.row_bytes += kind.itemsize

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def place(self, name: str, rows: int, first: int) -> tuple[int, np.dtype[Any]]:
        """Return where the value of a request begins in the data, and the type of the column."""
        bytes_before, kind = self._places[name]
        return rows * bytes_before + first * kind.itemsize, kind

    def read(self, data: bytes, name: str, rows: int) -> Column:
        """Return a column of the data."""
        at, kind = self.place(name, rows, 0)
        return np.frombuffer(data, kind, rows, at)


def layout_of_requests(tiers: Sequence[str], milestones: Sequence[str]) -> Layout:
    """Return the order of columns in the data of a block of requests."""
    codes = dict(_CODES)
    codes |= {tier_column(tier): TIER_CODE for tier in tiers}
    codes |= {milestone_column(milestone): TIER_CODE for milestone in milestones}
    return Layout(codes)


def tier_column(tier: str) -> str:
    """Return the name of the column of a tier's times."""
    return f"tier {tier}"


def milestone_column(milestone: str) -> str:
    """Return the name of the column of the times to a milestone."""
    return f"milestone {milestone}"


_CHECKSUM = struct.Struct("<I")
_ALWAYS_KNOWN = frozenset(column.name for column in COLUMNS if column.type is float and not column.optional)


def _encode(kind: BlockKind, description: bytes, columns: Sequence["array[Any]"]) -> bytes:
    if sys.byteorder == "big":
        columns = [column[:] for column in columns]
        for column in columns:
            column.byteswap()
    data = b"".join(column.tobytes() for column in columns)
    head = _HEAD.pack(_MAGIC, kind, len(description), len(data), 0)[: -_CHECKSUM.size]
    checksum = zlib.crc32(data, zlib.crc32(description, zlib.crc32(head)))
    return b"".join([head, _CHECKSUM.pack(checksum), description, data])


def _list_new(texts: Mapping[Any, int], earlier: int) -> list[str | None]:
    return [*islice(texts, earlier, None)]


def _count_texts(earlier: Collection[str | None], new: Sequence[str | None]) -> int:
    """Return the number of texts; each has one number, so it must be new."""
    count = len({*earlier, *new})
    if count != len(earlier) + len(new):
        raise BrokenBlockError("a block repeats a text of the blocks before")
    return count


def _parse(block: Block, model: type[Description]) -> Description:
    try:
        return model.model_validate_json(block.description)
    except ValidationError as error:
        raise BrokenBlockError("the description of a block is wrong") from error


def _check_size(block: Block, rows: int, layout: Layout) -> None:
    if len(block.data) != rows * layout.row_bytes:
        raise BrokenBlockError("the size of a block does not fit its description")


def _check_column(name: str, column: Column, count: int | None) -> None:
    """Check the values of a column.

    Args:
        name: Name of the column.
        column: The values.
        count: Number of texts or choices; None if the values are no numbers of texts or choices.
    """
    if not len(column):
        return
    if column.dtype.kind == "f":
        is_wrong = bool(np.isinf(column).any()) or (name in _ALWAYS_KNOWN and bool(np.isnan(column).any()))
    else:
        smallest = -1 if name == "culprit" else 0
        is_wrong = count is not None and not smallest <= int(column.min()) <= int(column.max()) < count
    if is_wrong:
        raise BrokenBlockError(f"a request has an impossible value of `{name}`")
