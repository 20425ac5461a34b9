"""Decodes streams of events without I/O: bytes in, events out, the same for every split of the bytes.

Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
Newline-delimited JSON: one document per line.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, repeat
from typing import NamedTuple, Protocol

MAX_EVENT_BYTES = 1024 * 1024
"""Largest size of one event."""
NO_NAMES: Iterable[None] = repeat(None)
"""The names of events without names."""
PLAIN_TEXT = ""
"""The name of lines that are no event; they have no place in a stream of events."""
_BOM = b"\xef\xbb\xbf"
_DATA = b"data: "
_EMPTY_FIELD = re.compile(rb"[a-z][a-z0-9_-]*:\s*")  # Flowise writes `message:` above its data
_FIELDS = {b"", b"data", b"event", b"id", b"retry"}  # a line without the name of a field is a comment
_END = b"\n\n"


class Events(NamedTuple):
    """Some events of a stream, in order."""

    data: Sequence[bytes]
    """Data of each event."""
    times_s: Sequence[float]
    """When each event was complete: the time of the part that ended it."""
    names: Iterable[str | None] = NO_NAMES
    """Name of each event, or `None`. Without names it is the endless iterator `NO_NAMES`. Lines with a field
    `error` are an event of this name."""

    def split_last(self) -> tuple["Events", "Events"]:
        """Return all events but the last, and the last."""
        first_names = last_names = self.names
        if self.names is not NO_NAMES:
            names = [*self.names]
            first_names = names[:-1]
            last_names = names[-1:]
        first = Events(self.data[:-1], self.times_s[:-1], first_names)
        return first, Events(self.data[-1:], self.times_s[-1:], last_names)


class StreamError(Exception):
    """The bytes are not a valid stream. The message is the reason.

    Attributes:
        events: The events before the error.
    """

    def __init__(self, message: str, events: Events) -> None:
        super().__init__(message)
        self.events = events


class EventDecoder(Protocol):
    """Turns the parts of a stream into events. Many parts in one call cost less than many calls."""

    def feed(self, parts: Sequence[bytes], times_s: Sequence[float]) -> Events:
        """Return the events that these parts complete. Each part has the time at which it arrived.

        Raises:
            StreamError: One event is longer than `MAX_EVENT_BYTES`. The decoder cannot be used afterwards.
        """
        ...

    def end(self, at_s: float) -> Events:
        """Return the events that the end of the stream completes, as if their last byte arrived at `at_s`.

        The decoder stays as it is: the stream may go on.
        """
        ...


class SseDecoder:
    """Decodes server-sent events. Lines end with LF, CR or both; the last event needs no end."""

    def __init__(self) -> None:
        self._cutter = _Cutter(_END)
        self._held = b""
        self._bom = _BOM

    def feed(self, parts: Sequence[bytes], times_s: Sequence[float]) -> Events:
        """Return the events that these parts complete."""
        if self._held or b"\r" in b"".join(parts):
            parts = self._with_lf(parts)
        blocks, times_s = self._cutter.cut(parts, times_s)
        if blocks and self._bom:
            blocks[0] = blocks[0].removeprefix(self._bom)
            self._bom = b""
        return self._cutter.check(_sse_events(blocks, times_s))

    def end(self, at_s: float) -> Events:
        """Return the event that the end of the stream completes."""
        rest = self._cutter.rest.removeprefix(self._bom)
        return _sse_events([rest], [at_s]) if rest else Events([], [])

    def _with_lf(self, parts: Sequence[bytes]) -> list[bytes]:
        """Return the parts with LF as the end of each line. A CR at the end waits for its LF."""
        changed = []
        for part in parts:
            text = self._held + part
            self._held = text[-1:] if text.endswith(b"\r") else b""
            changed.append(text.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        return changed


class NdjsonDecoder:
    """Decodes one document per line; the last line needs no end."""

    def __init__(self) -> None:
        self._cutter = _Cutter(b"\n")

    def feed(self, parts: Sequence[bytes], times_s: Sequence[float]) -> Events:
        """Return the documents that these parts complete."""
        blocks, times_s = self._cutter.cut(parts, times_s)
        lines = [*map(bytes.strip, blocks)]
        if not all(lines):
            times_s = [at_s for line, at_s in zip(lines, times_s, strict=True) if line]
            lines = [*filter(None, lines)]
        return self._cutter.check(Events(lines, times_s))

    def end(self, at_s: float) -> Events:
        """Return the last line if it has no end."""
        line = self._cutter.rest.strip()
        return Events([line], [at_s]) if line else Events([], [])


class _Cutter:
    """Cuts a stream into blocks and determines when each block was complete."""

    def __init__(self, separator: bytes) -> None:
        self._separator = separator
        self.rest = b""  # bytes without their separator

    def cut(self, parts: Sequence[bytes], times_s: Sequence[float]) -> tuple[list[bytes], Sequence[float]]:
        """Return the blocks that these parts complete and their times, up to the first that is too long."""
        if self.rest:
            parts = [self.rest + parts[0], *parts[1:]]
        text = b"".join(parts)
        *blocks, self.rest = text.split(self._separator)
        if len(text) > MAX_EVENT_BYTES:
            self._stop_at_too_long(blocks)
        width = len(self._separator)
        block_lengths = [len(block) + width for block in blocks]
        part_lengths = [*map(len, parts)]
        if block_lengths == part_lengths:  # each part is one block: most servers send them so
            return blocks, times_s
        part_ends = [*accumulate(part_lengths)]
        return blocks, [times_s[bisect_left(part_ends, end)] for end in accumulate(block_lengths)]

    def check(self, events: Events) -> Events:
        """Return these events.

        Raises:
            StreamError: A block that is too long follows them.
        """
        rest = self.rest
        # An LF at the end of the rest may be half of a separator.
        if len(rest) > MAX_EVENT_BYTES and len(rest.removesuffix(b"\n")) > MAX_EVENT_BYTES:
            raise StreamError(f"one event is longer than {MAX_EVENT_BYTES} bytes", events)
        return events

    def _stop_at_too_long(self, blocks: list[bytes]) -> None:
        for index, block in enumerate(blocks):
            if len(block) > MAX_EVENT_BYTES:
                self.rest = block
                del blocks[index:]
                return


def _sse_events(blocks: list[bytes], times_s: Sequence[float]) -> Events:
    """Return the events of blocks; a block without data is not an event."""
    lines = b"\n" + b"\n".join(blocks)
    if lines.count(b"\n") == len(blocks):  # each block is one line
        before, *datas = lines.split(b"\n" + _DATA)
        if len(datas) == len(blocks) and not before:
            return Events(datas, times_s)
    events_data = []
    events_times_s = []
    names: list[str | None] = []
    for block, at_s in zip(blocks, times_s, strict=True):
        if block.startswith(_DATA) and b"\n" not in block:
            events_data.append(block.removeprefix(_DATA))
            events_times_s.append(at_s)
            names.append(None)
            continue
        for data, name in _sse_fields(block):
            events_data.append(data)
            events_times_s.append(at_s)
            names.append(name)
    return Events(events_data, events_times_s, names)


def _sse_fields(block: bytes) -> list[tuple[bytes, str | None]]:
    """Return data and name of the event of a block. Lines of other fields than those of events follow."""
    fields: dict[bytes, list[bytes]] = {}
    other_lines = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field in _FIELDS:
            fields.setdefault(field, []).append(value.removeprefix(b" "))
        elif field.lower() == b"error":
            fields.setdefault(b"error", []).append(value.removeprefix(b" "))
        elif line.strip() and not _EMPTY_FIELD.fullmatch(line):
            other_lines.append(line)
    name = fields.get(b"event", [b""])[-1].decode(errors="replace")
    events: list[tuple[bytes, str | None]] = []
    if b"data" in fields or name:
        events.append((b"\n".join(fields.get(b"data", ())), name or None))
    if b"error" in fields:
        events.append((b"\n".join(fields[b"error"]), "error"))
    if other_lines:
        events.append((b"\n".join(other_lines), PLAIN_TEXT))
    return events
