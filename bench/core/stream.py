"""Decodes streams of events without any I/O: bytes in, events out, the same for every split of the bytes.

Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
Newline-delimited JSON: one document a line.
"""

from dataclasses import dataclass
from typing import Protocol

MAX_EVENT_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class StreamError(Exception):
    """The bytes are no such stream; the message says why."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its data, and its name where the stream has names."""

    data: bytes
    name: str | None = None


class Decoder(Protocol):
    """Turns parts of a stream into events."""

    def feed(self, part: bytes) -> list[Event]:
        """The events that this part completes.

        Raises:
            StreamError: One event is longer than a megabyte.
        """
        ...

    def end(self) -> list[Event]:
        """The event that the end of the stream completes, if any."""
        ...


class SseDecoder:
    """Server-sent events. Lines end with LF, CR or both; an event that the end cuts off is dropped."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False

    def feed(self, part: bytes) -> list[Event]:
        """The events that this part completes."""
        text = self._rest + part
        if not self._begun:
            if len(text) < len(_BOM) and _BOM.startswith(text):
                self._rest = text
                return []
            self._begun = True
            text = text.removeprefix(_BOM)
        held = b""
        if b"\r" in text:
            if text.endswith(b"\r"):  # the LF that belongs to it may come with the next part
                text, held = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *blocks, rest = text.split(b"\n\n")
        self._rest = rest + held
        _check_length(*blocks, self._rest)
        return [event for block in blocks if (event := _sse_event(block)) is not None]

    def end(self) -> list[Event]:
        """The event that a CR as the very last byte completes."""
        text = self._rest.replace(b"\r", b"\n")
        self._rest = b""
        event = _sse_event(text) if text.endswith(b"\n\n") else None
        return [event] if event else []


class NdjsonDecoder:
    """One document a line; the last line needs no end."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, part: bytes) -> list[Event]:
        """The events that this part completes."""
        *lines, self._rest = (self._rest + part).split(b"\n")
        _check_length(*lines, self._rest)
        return [Event(line) for line in map(bytes.strip, lines) if line]

    def end(self) -> list[Event]:
        """The last line, when it has no end."""
        line, self._rest = self._rest.strip(), b""
        return [Event(line)] if line else []


def _sse_event(block: bytes) -> Event | None:
    """The event of some lines; None when they hold no data."""
    name, data = None, []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode(errors="replace") or None
    return Event(b"\n".join(data), name) if data else None


def _check_length(*events: bytes) -> None:
    if max(map(len, events)) > MAX_EVENT_BYTES:
        raise StreamError(f"one event is longer than {MAX_EVENT_BYTES} bytes")
