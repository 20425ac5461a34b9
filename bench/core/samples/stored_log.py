"""Requests in a file: a column is read when it is needed, so their number does not matter for the memory."""

from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import numpy as np

from bench.core.samples.arrays import Column
from bench.core.samples.blocks import (
    Block,
    BrokenBlockError,
    Layout,
    ReadAt,
    TextCounts,
    describe_requests,
    describe_tiers,
    encode_requests,
    layout_of_requests,
    milestone_column,
    tier_column,
)
from bench.core.samples.columns import TIER_CODE, unknown_times
from bench.core.samples.samples import SampleLog
from bench.errors import StoreError

MOST_CACHED_BYTES = 64 * 1024 * 1024
"""Size of the columns that stay in memory after they were read."""


class _Chunk(NamedTuple):
    """Columns of consecutive requests in the file."""

    first: int
    rows: int
    data_at: int
    layout: Layout


class _Chunks:
    """Columns of all requests in the file."""

    def __init__(self) -> None:
        self._chunks: list[_Chunk] = []
        self.rows = 0

    def add(self, rows: int, data_at: int, layout: Layout) -> None:
        """Add the columns of the next requests."""
        self._chunks.append(_Chunk(self.rows, rows, data_at, layout))
        self.rows += rows

    def read(self, read_at: ReadAt, name: str, first: int, last: int) -> list[Column]:
        """Return a column of the requests from `first` to before `last`, in pieces; NaN if it is missing."""
        pieces: list[Column] = []
        index = bisect_right(self._chunks, first, key=lambda chunk: chunk.first) - 1
        for chunk in self._chunks[max(0, index) :]:
            if chunk.first >= last:
                break
            begin = max(first - chunk.first, 0)
            count = min(last - chunk.first, chunk.rows) - begin
            if count > 0:
                pieces.append(_read_piece(read_at, chunk, name, begin, count))
        return pieces


def _read_piece(read_at: ReadAt, chunk: _Chunk, name: str, begin: int, count: int) -> Column:
    """Return a part of a column; NaN if the chunk does not have it."""
    if name not in chunk.layout:
        return np.full(count, np.nan, TIER_CODE)
    at, kind = chunk.layout.place(name, chunk.rows, begin)
    data = read_at(chunk.data_at + at, count * kind.itemsize)
    if len(data) < count * kind.itemsize:
        raise StoreError("the file of samples became shorter while it was read", "restore the file")
    return np.frombuffer(data, kind, count)


class StoredLog:
    """The requests of a file of samples, and those that are not written yet.

    Args:
        read_at: Reads the file.
        tail: Requests that are not written yet; it has the texts of all requests.

    Attributes:
        read_at: Reads the file.
        tail: Requests that are not written yet.
    """

    def __init__(self, read_at: ReadAt, tail: SampleLog | None = None) -> None:
        self.tail = SampleLog() if tail is None else tail
        self.read_at = read_at
        self._requests = _Chunks()
        self._replaced = _Chunks()
        self._layouts: dict[tuple[tuple[str, ...], tuple[str, ...]], Layout] = {}
        self._tiers: set[str] = set()
        self._replaced_tiers: set[str] | None = None
        self._milestones: set[str] = set()
        self._written = TextCounts()
        self._cache: dict[tuple[str, int], Column] = {}

    def __len__(self) -> int:
        return self._requests.rows + len(self.tail)

    @property
    def prompts(self) -> dict[str, int]:
        """The number of each message's id."""
        return self.tail.prompts

    @property
    def details(self) -> dict[str | None, int]:
        """The number of each detail."""
        return self.tail.details

    @property
    def steps(self) -> dict[str | None, int]:
        """The number of each step of a journey."""
        return self.tail.steps

    @property
    def tiers(self) -> Collection[str]:
        """Names of the tiers that have a time in any request."""
        tiers = self._replaced_tiers if self._are_tiers_replaced else self._tiers
        return {*(tiers or ()), *self.tail.tiers}

    @property
    def milestones(self) -> Collection[str]:
        """Names of the milestones that any response reached."""
        return {*self._milestones, *self.tail.milestones}

    def column(self, name: str, first: int, last: int) -> Column:
        """Return a field of the requests from `first` to before `last`, as it is stored."""
        end = self._requests.rows
        tail = self.tail.column(name, max(0, first - end), max(0, last - end))
        return self._read(self._requests, name, first, last, tail)

    def tier_time(self, tier: str, first: int, last: int) -> Column:
        """Return the times of a tier in milliseconds, likewise."""
        tail = self._read_tail(self.tail.tier_times.get(tier), first, last)
        chunks = self._replaced if self._are_tiers_replaced else self._requests
        return self._read(chunks, tier_column(tier), first, last, tail)

    def milestone_time(self, milestone: str, first: int, last: int) -> Column:
        """Return the times to a milestone in milliseconds, likewise."""
        tail = self._read_tail(self.tail.milestone_times.get(milestone), first, last)
        return self._read(self._requests, milestone_column(milestone), first, last, tail)

    def encode_tail(self) -> bytes:
        """Return the block of the requests that are not written yet."""
        return encode_requests(self.tail, self._written)

    def add_requests(self, block: Block) -> None:
        """Add a block of requests from the file.

        Raises:
            BrokenBlockError: The block is wrong.
        """
        described = describe_requests(block, self.tail)
        _add_texts(self.tail.prompts, described.prompts)
        _add_texts(self.tail.details, described.details)
        _add_texts(self.tail.steps, described.steps)
        self._add(described.rows, block.data_at, described.tiers, described.milestones)

    def note_tail(self, at: int, block: bytes) -> None:
        """Note that the block of the tail was written at this place, and remove the requests from memory."""
        tiers = tuple(self.tail.tier_times)
        milestones = tuple(self.tail.milestone_times)
        rows = len(self.tail)
        self.tail.clear()
        layout = self._layout(tiers, milestones)
        self._add(rows, at + len(block) - rows * layout.row_bytes, tiers, milestones)

    def add_tiers(self, block: Block) -> None:
        """Replace the tier times of the next requests.

        Raises:
            BrokenBlockError: The block is wrong.
        """
        described = describe_tiers(block)
        if self._replaced.rows + described.rows > len(self):
            raise BrokenBlockError("there are more tier times than requests")
        layout = Layout({tier_column(tier): TIER_CODE for tier in described.tiers})
        self._replaced.add(described.rows, block.data_at, layout)
        self._replaced_tiers = (self._replaced_tiers or set()) | {*described.tiers}
        self._cache.clear()

    @property
    def _are_tiers_replaced(self) -> bool:
        """Whether all tier times were replaced; a file that was cut off can have a part of them."""
        return self._replaced_tiers is not None and self._replaced.rows == self._requests.rows

    def _add(self, rows: int, data_at: int, tiers: tuple[str, ...], milestones: tuple[str, ...]) -> None:
        self._requests.add(rows, data_at, self._layout(tiers, milestones))
        self._written = TextCounts.of(self.tail)
        self._tiers |= {*tiers}
        self._milestones |= {*milestones}

    def _layout(self, tiers: tuple[str, ...], milestones: tuple[str, ...]) -> Layout:
        """Return the layout of a block; most blocks share one."""
        key = (tiers, milestones)
        if key not in self._layouts:
            self._layouts[key] = layout_of_requests(tiers, milestones)
        return self._layouts[key]

    def _read_tail(self, times_ms: "array[float] | None", first: int, last: int) -> Column:
        """Return times of the requests that are not written yet; NaN where they are unknown."""
        end = self._requests.rows
        begin = max(0, first - end)
        count = max(0, last - end) - begin
        return np.array(unknown_times(count) if times_ms is None else times_ms[begin : begin + count])

    def _read(self, chunks: _Chunks, name: str, first: int, last: int, tail: Column) -> Column:
        """Return a column of requests in the file and in memory. A complete column is read once."""
        key = (name, last)
        if first == 0 and key in self._cache:
            return self._cache[key]
        column = np.concatenate([*chunks.read(self.read_at, name, first, last), tail])
        if first == 0 and last == len(self):
            self._keep(key, column)
        return column

    def _keep(self, key: tuple[str, int], column: Column) -> None:
        """Keep a column in memory, and forget the oldest ones if there are too many."""
        column.flags.writeable = False
        self._cache[key] = column
        while sum(kept.nbytes for kept in self._cache.values()) > MOST_CACHED_BYTES:
            del self._cache[next(iter(self._cache))]


def _add_texts(texts: dict[Any, int], new: Iterable[str | None]) -> None:
    for text in new:
        texts[text] = len(texts)
