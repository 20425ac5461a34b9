"""Decodes streams of events without any I/O: bytes in, events out, the same for every split of the bytes.

Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
Newline-delimited JSON: one document a line.
"""

from collections.abc import Mapping
from typing import Protocol

MAX_EVENT_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_DATA, _END = b"data: ", b"\n\n"


class StreamError(Exception):
    """The bytes are no such stream; the message says why."""


# The data of each event in their order, and the names of those that have one, by their place.
Events = tuple[list[bytes], Mapping[int, str]]
_NO_NAMES: Mapping[int, str] = {}


class Decoder(Protocol):
    """Turns parts of a stream into events."""

    def feed(self, part: bytes) -> Events:
        """The events that this part completes.

        Raises:
            StreamError: One event is longer than a megabyte.
        """
        ...

    def end(self) -> Events:
        """The event that the end of the stream completes, if any."""
        ...


class SseDecoder:
    """Server-sent events. Lines end with LF, CR or both; an event that the end cuts off is dropped."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False

    def feed(self, part: bytes) -> Events:
        """The events that this part completes."""
        if not self._rest and self._begun and (data := _plain(part)):
            return data, _NO_NAMES
        text = self._rest + part
        if not self._begun:
            if len(text) < len(_BOM) and _BOM.startswith(text):
                self._rest = text
                return [], _NO_NAMES
            self._begun = True
            text = text.removeprefix(_BOM)
        held = b""
        if b"\r" in text:
            if text.endswith(b"\r"):  # the LF that belongs to it may come with the next part
                text, held = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        whole, _, rest = text.rpartition(_END)
        self._rest = rest + held
        events = _sse_events(whole)
        _check_length(*events[0], self._rest)
        return events

    def end(self) -> Events:
        """The event that a CR as the very last byte completes."""
        whole, end, _ = self._rest.replace(b"\r", b"\n").rpartition(_END)
        self._rest = b""
        return _sse_events(whole) if end else ([], _NO_NAMES)


class NdjsonDecoder:
    """One document a line; the last line needs no end."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, part: bytes) -> Events:
        """The events that this part completes."""
        *lines, self._rest = (self._rest + part).split(b"\n")
        _check_length(*lines, self._rest)
        return [line for line in map(bytes.strip, lines) if line], _NO_NAMES

    def end(self) -> Events:
        """The last line, when it has no end."""
        line, self._rest = self._rest.strip(), b""
        return [line] if line else [], _NO_NAMES


def _plain(part: bytes) -> list[bytes] | None:
    """The data of whole events of one line each, as nearly all parts of all streams are; None of others."""
    if not part.startswith(_DATA) or not part.endswith(_END) or b"\r" in part or len(part) > MAX_EVENT_BYTES:
        return None
    data = part[len(_DATA) : -len(_END)].split(_END + _DATA)
    return data if part.count(b"\n") == len(_END) * len(data) else None


def _sse_events(text: bytes) -> Events:
    """The events of blocks with an empty line between them."""
    blocks = text.split(_END)
    data: list[bytes] = []
    names: dict[int, str] = {}
    for block in blocks:
        name, lines = _sse_fields(block)
        if lines:
            if name is not None:
                names[len(data)] = name
            data.append(b"\n".join(lines))
    return data, names


def _sse_fields(block: bytes) -> tuple[str | None, list[bytes]]:
    """The event's name, and its lines of data."""
    name, data = None, []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode(errors="replace") or None
    return name, data


def _check_length(*events: bytes) -> None:
    if max(map(len, events)) > MAX_EVENT_BYTES:
        raise StreamError(f"one event is longer than {MAX_EVENT_BYTES} bytes")
