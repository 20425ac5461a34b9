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
_COMMENT = ord(":")  # the first byte of a line that is a comment
_COMMENT_LINES = re.compile(rb"^:.*(\n|$)", re.MULTILINE)
_NAMED = re.compile(rb"event: ?+([^\n]+)\ndata: ?([^\n]*)")  # the form of most events with a name
_LONGEST_QUOTE = 500  # bytes of lines that are too many
_MOST_LINES = 1000  # of one event, without comments, unless all of them are data
_EMPTY_FIELD = re.compile(rb"[a-z][a-z0-9_-]*:\s*")  # Flowise writes `message:` above its data
_FIELDS = {b"", b"data", b"event", b"id", b"retry"}  # a line without the name of a field is a comment
_FIELDS_WITHOUT_EVENT = _FIELDS - {b"data", b"event"}
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

    @property
    def waiting_bytes(self) -> int:
        """Number of bytes that no event contains yet."""
        ...


class SseDecoder:
    """Decodes server-sent events. Lines end with LF, CR or both; the last event needs no end."""

    def __init__(self) -> None:
        self._cutter = _Cutter(_END)
        self._held = b""
        self._bom = _BOM

    def feed(self, parts: Sequence[bytes], times_s: Sequence[float]) -> Events:
        """Return the events that these parts complete."""
        text = b"".join(parts)
        if self._held or b"\r" in text:
            parts = self._with_lf(parts)
            text = b"".join(parts)
        blocks, times_s = self._cutter.cut(text, parts, times_s)
        if blocks and self._bom:
            blocks[0] = blocks[0].removeprefix(self._bom)
            self._bom = b""
        return self._cutter.check(_sse_events(blocks, times_s))

    @property
    def waiting_bytes(self) -> int:
        """Number of bytes that no event contains yet."""
        return self._cutter.waiting_bytes

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
        blocks, times_s = self._cutter.cut(b"".join(parts), parts, times_s)
        lines = [*map(bytes.strip, blocks)]
        if not all(lines):
            times_s = [at_s for line, at_s in zip(lines, times_s, strict=True) if line]
            lines = [*filter(None, lines)]
        return self._cutter.check(Events(lines, times_s))

    @property
    def waiting_bytes(self) -> int:
        """Number of bytes that no line contains yet."""
        return self._cutter.waiting_bytes

    def end(self, at_s: float) -> Events:
        """Return the last line if it has no end."""
        line = self._cutter.rest.strip()
        return Events([line], [at_s]) if line else Events([], [])


class MessageDecoder:
    """Passes on the messages of a WebSocket: each part is a message."""

    waiting_bytes = 0
    """Number of bytes that no message contains yet."""

    def feed(self, parts: Sequence[bytes], times_s: Sequence[float]) -> Events:
        """Return the messages."""
        return Events(parts, times_s)

    def end(self, at_s: float) -> Events:  # noqa: ARG002 - see `EventDecoder`
        """Return no message: each one is complete."""
        return Events([], [])


class _Cutter:
    """Cuts a stream into blocks and determines when each block was complete."""

    def __init__(self, separator: bytes) -> None:
        self._separator = separator
        self._waiting: list[bytes] = []  # texts without a separator; joined only when one arrives
        self.waiting_bytes = 0

    @property
    def rest(self) -> bytes:
        """Bytes without their separator."""
        return b"".join(self._waiting)

    def cut(
        self, text: bytes, parts: Sequence[bytes], times_s: Sequence[float]
    ) -> tuple[list[bytes], Sequence[float]]:
        """Return the blocks that these parts complete and their times, up to the first that is too long.

        Args:
            text: The parts, joined.
            parts: The parts.
            times_s: When each part arrived.
        """
        if self._waiting:
            if not self._completes(text):
                self._wait(text)
                return [], ()
            self._waiting.append(parts[0])
            parts = [self.rest, *parts[1:]]
            text = b"".join(parts)
        *blocks, rest = text.split(self._separator)
        self._waiting = []
        self.waiting_bytes = 0
        self._wait(rest)
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
        # An LF at the end of the rest may be half of a separator.
        if self.waiting_bytes > MAX_EVENT_BYTES and len(self.rest.removesuffix(b"\n")) > MAX_EVENT_BYTES:
            raise StreamError(f"one event is longer than {MAX_EVENT_BYTES} bytes", events)
        return events

    def _completes(self, text: bytes) -> bool:
        """Return whether a text completes a block. Half of the separator may be in the text before."""
        return self._separator in text or self._waiting[-1][-1:] + text[:1] == self._separator

    def _wait(self, text: bytes) -> None:
        if text:
            self._waiting.append(text)
            self.waiting_bytes += len(text)

    def _stop_at_too_long(self, blocks: list[bytes]) -> None:
        for index, block in enumerate(blocks):
            if len(block) > MAX_EVENT_BYTES:
                self._waiting = [block]
                self.waiting_bytes = len(block)
                del blocks[index:]
                return


def _sse_events(blocks: list[bytes], times_s: Sequence[float]) -> Events:
    """Return the events of blocks; a block without data is not an event."""
    events = _single_data(blocks, times_s)
    if events is not None:
        return events
    blocks, times_s = _drop_comments(blocks, times_s)
    return _single_data(blocks, times_s) or _mixed_events(blocks, times_s)


def _single_data(blocks: Sequence[bytes], times_s: Sequence[float]) -> Events | None:
    """Return the events of blocks if each block is one line of data."""
    lines = b"\n" + b"\n".join(blocks)
    if lines.count(b"\n") == len(blocks):  # each block is one line
        before, *datas = lines.split(b"\n" + _DATA)
        if len(datas) == len(blocks) and not before:
            return Events(datas, times_s)
    return None


def _drop_comments(blocks: Sequence[bytes], times_s: Sequence[float]) -> tuple[list[bytes], list[float]]:
    """Return the blocks that are neither empty nor one comment, with their times."""
    kept = []
    kept_times_s = []
    for block, at_s in zip(blocks, times_s, strict=True):
        if block and (block[0] != _COMMENT or b"\n" in block):
            kept.append(block)
            kept_times_s.append(at_s)
    return kept, kept_times_s


def _mixed_events(blocks: Sequence[bytes], times_s: Sequence[float]) -> Events:
    events_data = []
    events_times_s = []
    names: list[str | None] = []
    for block, at_s in zip(blocks, times_s, strict=True):
        match = _NAMED.fullmatch(block)
        if match:
            fields: Sequence[tuple[bytes, str | None]] = [(match[2], match[1].decode(errors="replace"))]
        elif b"\n" not in block:
            fields = _read_line(block)
        else:
            fields = _sse_fields(block)
        for data, name in fields:
            events_data.append(data)
            events_times_s.append(at_s)
            names.append(name)
    return Events(events_data, events_times_s, names)


def _read_line(line: bytes) -> Sequence[tuple[bytes, str | None]]:
    """Return data and name of the event of a block of one line, if it has any."""
    field, _, value = line.partition(b":")
    if field == b"data":
        return [(value.removeprefix(b" "), None)]
    return () if field in _FIELDS_WITHOUT_EVENT else _read_lines(line)


def _sse_fields(block: bytes) -> list[tuple[bytes, str | None]]:
    """Return data and name of the event of a block. Lines of other fields than those of events follow."""
    count = block.count(b"\n")
    if block.startswith(_DATA) and block.count(b"\n" + _DATA) == count:
        return [(block.removeprefix(_DATA).replace(b"\n" + _DATA, b"\n"), None)]
    if count > _MOST_LINES:
        block = _COMMENT_LINES.sub(b"", block)
        if block.count(b"\n") > _MOST_LINES:
            return [(block[:_LONGEST_QUOTE], PLAIN_TEXT)]
    return _read_lines(block)


def _read_lines(block: bytes) -> list[tuple[bytes, str | None]]:
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
