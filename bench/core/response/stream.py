"""Decodes streams of events without any I/O: bytes in, events out, the same for every split of the bytes.

Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
Newline-delimited JSON: one document a line.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, repeat
from typing import NamedTuple, Protocol

MAX_EVENT_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_DATA, _END = b"data: ", b"\n\n"
NO_NAMES: Iterable[None] = repeat(None)


class Events(NamedTuple):
    """Some events of a stream, in their order.

    Attributes:
        data: Of each.
        times_s: When each was whole: the time of the part that ended it.
        names: Of each, None for those without; without end where none has one.
    """

    data: Sequence[bytes]
    times_s: Sequence[float]
    names: Iterable[str | None] = NO_NAMES


class StreamError(Exception):
    """The bytes are no such stream; the message says why.

    Attributes:
        events: Those that came before.
    """

    def __init__(self, message: str, events: Events) -> None:
        super().__init__(message)
        self.events = events


class Decoder(Protocol):
    """Turns parts of a stream into events; many parts at once cost less than one after the other."""

    def feed(self, parts: Sequence[bytes], times_s: Sequence[float]) -> Events:
        """The events that these parts complete; each part has the time at which it came.

        Raises:
            StreamError: One event is longer than a megabyte. Nothing may follow.
        """
        ...

    def end(self, at_s: float) -> Events:
        """The event that the end of the stream completes, if any."""
        ...


class SseDecoder:
    """Server-sent events. Lines end with LF, CR or both; an event that the end cuts off is dropped."""

    def __init__(self) -> None:
        self._cutter = _Cutter(_END)
        self._held = b""
        self._bom = _BOM

    def feed(self, parts: Sequence[bytes], times_s: Sequence[float]) -> Events:
        """The events that these parts complete."""
        if self._held or b"\r" in b"".join(parts):
            parts = self._with_lf(parts)
        blocks, times_s = self._cutter.cut(parts, times_s)
        if blocks and self._bom:
            blocks[0], self._bom = blocks[0].removeprefix(self._bom), b""
        return self._cutter.checked(_sse_events(blocks, times_s))

    def end(self, at_s: float) -> Events:
        """The event that a CR as the very last byte completes."""
        return self.feed([b"\n"], [at_s]) if self._held else Events([], [])

    def _with_lf(self, parts: Sequence[bytes]) -> list[bytes]:
        """The parts with LF as the end of each line; a CR that ends a part waits for the LF it may have."""
        changed = []
        for part in parts:
            text = self._held + part
            self._held = text[-1:] if text.endswith(b"\r") else b""
            changed.append(text.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        return changed


class NdjsonDecoder:
    """One document a line; the last line needs no end."""

    def __init__(self) -> None:
        self._cutter = _Cutter(b"\n")

    def feed(self, parts: Sequence[bytes], times_s: Sequence[float]) -> Events:
        """The events that these parts complete."""
        blocks, times_s = self._cutter.cut(parts, times_s)
        lines = [*map(bytes.strip, blocks)]
        if not all(lines):
            times_s = [at_s for line, at_s in zip(lines, times_s, strict=True) if line]
            lines = [*filter(None, lines)]
        return self._cutter.checked(Events(lines, times_s))

    def end(self, at_s: float) -> Events:
        """The last line, when it has no end."""
        return self.feed([b"\n"], [at_s])


class _Cutter:
    """Cuts a stream into blocks, and knows when each was whole."""

    def __init__(self, separator: bytes) -> None:
        self._separator = separator
        self._rest = b""

    def cut(self, parts: Sequence[bytes], times_s: Sequence[float]) -> tuple[list[bytes], Sequence[float]]:
        """The blocks that these parts complete, up to the first that is too long, and their times."""
        if self._rest:
            parts = [self._rest + parts[0], *parts[1:]]
        text = b"".join(parts)
        *blocks, self._rest = text.split(self._separator)
        if len(text) > MAX_EVENT_BYTES:
            self._stop_at_too_long(blocks)
        width = len(self._separator)
        block_lengths, part_lengths = [len(block) + width for block in blocks], [*map(len, parts)]
        if block_lengths == part_lengths:  # a block in each part, as most servers send
            return blocks, times_s
        part_ends = [*accumulate(part_lengths)]
        return blocks, [times_s[bisect_left(part_ends, end)] for end in accumulate(block_lengths)]

    def checked(self, events: Events) -> Events:
        """These events, unless a block that is too long follows.

        Raises:
            StreamError: It does.
        """
        rest = self._rest
        # An LF as the rest's last byte may be half of a separator.
        if len(rest) > MAX_EVENT_BYTES and len(rest.removesuffix(b"\n")) > MAX_EVENT_BYTES:
            raise StreamError(f"one event is longer than {MAX_EVENT_BYTES} bytes", events)
        return events

    def _stop_at_too_long(self, blocks: list[bytes]) -> None:
        for index, block in enumerate(blocks):
            if len(block) > MAX_EVENT_BYTES:
                self._rest = block
                del blocks[index:]
                return


def _sse_events(blocks: list[bytes], times_s: Sequence[float]) -> Events:
    """The events of blocks; those without data are none."""
    lines = b"\n" + b"\n".join(blocks)
    if lines.count(b"\n") == len(blocks):  # a line in each block
        before, *data = lines.split(b"\n" + _DATA)
        if len(data) == len(blocks) and not before:
            return Events(data, times_s)
    fields = [_sse_fields(block) for block in blocks]
    found = [(lines, at_s, name) for (lines, name), at_s in zip(fields, times_s, strict=True) if lines]
    return Events(
        [b"\n".join(lines) for lines, _, _ in found],
        [at_s for _, at_s, _ in found],
        [name for _, _, name in found],
    )


def _sse_fields(block: bytes) -> tuple[list[bytes], str | None]:
    """The lines of data of an event, and its name."""
    lines, name = [], None
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value.decode(errors="replace") or None
    return lines, name
