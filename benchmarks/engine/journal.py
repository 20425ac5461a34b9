"""The journal of the server in C: its settings, its counters, and its own times of each streamed chat."""

import mmap
import struct
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

_COUNTERS = struct.Struct("7q")
_SETTINGS = struct.Struct("5q")
_ENTRY = struct.Struct("qiii4x")
_ENTRIES_AT = _COUNTERS.size + _SETTINGS.size
_RECEIVED = -1


class Counters(NamedTuple):
    """What the server counted since the last reset; times are CLOCK_MONOTONIC."""

    requests: int
    responses: int
    first_ns: int
    """When the kernel received the first request."""
    last_ns: int
    """When the last response was written."""
    streams: int
    entries: int
    written: int
    """Events of `/flood` and `/writes`."""


class Timing(NamedTuple):
    """How the server streams its chats: each stream waits for `first_us`, and up to `spread_us` more."""

    tokens: int = 40
    first_us: int = 200_000
    spread_us: int = 20_000
    gap_us: int = 25_000
    awake: bool = False
    """Whether the server never sleeps, so that its client need not wake it."""


@dataclass
class Stream:
    """The server's own times of one streamed chat, in nanoseconds."""

    user: int
    """Number in the field `user` of the request; -1 without it."""
    received_ns: int
    written_ns: list[int] = field(default_factory=list)

    @property
    def first_token_ms(self) -> float:
        """Time from the request to the first token."""
        return (self.written_ns[0] - self.received_ns) / 1e6

    @property
    def total_ms(self) -> float:
        """Time from the request to the last token."""
        return (self.written_ns[-1] - self.received_ns) / 1e6


class Journal:
    """A file in memory that the server shares."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._memory.close()

    def reset(self, timing: Timing | None = None) -> None:
        """Set all counters to zero, and the times of the chats."""
        _SETTINGS.pack_into(self._memory, _COUNTERS.size, *(timing or Timing()))
        _COUNTERS.pack_into(self._memory, 0, *[0] * 7)

    def counters(self) -> Counters:
        """Return the present counters."""
        return Counters(*_COUNTERS.unpack_from(self._memory))

    def arrivals_ns(self) -> list[int]:
        """Return when the kernel received each request for `/arrivals`, and each streamed chat, sorted."""
        times_ns: list[int] = []
        for index in range(self.counters().entries):
            at_ns, _, _, token = _ENTRY.unpack_from(self._memory, _ENTRIES_AT + index * _ENTRY.size)
            if token == _RECEIVED:
                times_ns.append(at_ns)
        return sorted(times_ns)

    def streams(self) -> list[Stream]:
        """Return all complete streams, in the order of their requests."""
        streams = dict[int, Stream]()
        written = defaultdict[int, list[int]](list)
        for index in range(self.counters().entries):
            at_ns, number, user, token = _ENTRY.unpack_from(self._memory, _ENTRIES_AT + index * _ENTRY.size)
            if token == _RECEIVED:
                streams[number] = Stream(user, at_ns, written[number])
            else:
                written[number].append(at_ns)
        return [stream for stream in streams.values() if stream.written_ns]
