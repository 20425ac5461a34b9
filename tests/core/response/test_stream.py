from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.response.stream import (
    MAX_EVENT_BYTES,
    PLAIN_TEXT,
    EventDecoder,
    Events,
    NdjsonDecoder,
    SseDecoder,
    StreamError,
)
from tests.laws import READING_LAW

KINDS: dict[str, Callable[[], EventDecoder]] = {"sse": SseDecoder, "ndjson": NdjsonDecoder}
# Bytes that matter to the grammar come up often, others now and then.
BYTES = st.lists(
    st.sampled_from(
        [b"\n", b"\r", b"\r\n", b"data:", b"data", b"event: x", b": c", b" ", b"{}", b"\xef\xbb\xbf"]
    )
    | st.binary(max_size=3)
).map(b"".join)


class Event(NamedTuple):
    """An event: its data, and its name or None."""

    data: bytes
    name: str | None = None


def _events(events: Events) -> list[Event]:
    return [Event(data, name) for data, name in zip(events.data, events.names, strict=False)]


def _all(decoder: EventDecoder, parts: list[bytes]) -> list[Event]:
    return _events(decoder.feed(parts, [0.0] * len(parts))) + _events(decoder.end(0.0))


def _decode(decoder: EventDecoder, parts: list[bytes], size: int) -> list[tuple[Event, float]]:
    """Return the events of parts that arrive one second apart and are fed in groups, with their times."""
    found: list[tuple[Event, float]] = []
    for start in range(0, len(parts), size):
        some = parts[start : start + size]
        events = decoder.feed(some, [float(start + index) for index in range(len(some))])
        found += zip(_events(events), events.times_s, strict=True)
    events = decoder.end(float(len(parts)))
    return [*found, *zip(_events(events), events.times_s, strict=True)]


@pytest.mark.parametrize("kind", KINDS)
@READING_LAW
@given(text=BYTES, cuts=st.lists(st.integers(0, 200)))
def test_every_split_of_the_bytes_gives_the_same_events(kind: str, text: bytes, cuts: list[int]) -> None:
    """The split of a stream does not change its events."""
    at = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    parts = [text[start:end] for start, end in pairwise(at)]
    assert _all(KINDS[kind](), parts) == _all(KINDS[kind](), [text])
    assert _all(KINDS[kind](), [bytes([byte]) for byte in text]) == _all(KINDS[kind](), [text])


@pytest.mark.parametrize("kind", KINDS)
@READING_LAW
@given(parts=st.lists(BYTES | st.sampled_from([b"data: a\n\n", b"{}\n"])), size=st.integers(2, 9))
def test_parts_fed_together_are_parts_fed_alone(kind: str, parts: list[bytes], size: int) -> None:
    """An event has the time of the part that completes it, for any number of parts per call."""
    assert _decode(KINDS[kind](), parts, size) == _decode(KINDS[kind](), parts, 1)


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (b"data: a\n\n", [Event(b"a")]),
        (b"data:a\ndata: b\n\n", [Event(b"a\nb")]),
        (b"event: done\ndata: {}\n\n", [Event(b"{}", "done")]),
        (b": a comment\n\n", []),
        (b"event: empty\n\n", [Event(b"", "empty")]),
        (b"data\n\n", [Event(b"")]),
        (b"\xef\xbb\xbfdata: a\r\n\r\ndata: b\r\rdata: c\n\n", [Event(b"a"), Event(b"b"), Event(b"c")]),
        (b"\n\n\n\ndata: a\n\n\n\n", [Event(b"a")]),
        (b"data:  two spaces\n\n", [Event(b" two spaces")]),
        (b"id: 7\nretry: 3\ndata: a\n\n", [Event(b"a")]),
        (b"data: no end", [Event(b"no end")]),
        (b"data: no blank line\n", [Event(b"no blank line")]),
        (b"error: broke\n\n", [Event(b"broke", "error")]),
        (b"event: error\n\n", [Event(b"", "error")]),
        (b"message:\ndata: a\n\n", [Event(b"a")]),
        (b"data: a\nwhat: is this\n\n", [Event(b"a"), Event(b"what: is this", PLAIN_TEXT)]),
        (b"", []),
    ],
)
def test_server_sent_events_are_read_by_the_standard(text: bytes, events: list[Event]) -> None:
    """Fields, comments, line ends and the end of the stream follow the standard."""
    assert _all(SseDecoder(), [text]) == events


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b'{"a": 1}\n{"b": 2}\n', [b'{"a": 1}', b'{"b": 2}']),
        (b'{"a": 1}\r\n\r\n \n{"b": 2}', [b'{"a": 1}', b'{"b": 2}']),
        (b"\n\n", []),
    ],
)
def test_a_line_is_a_document(text: bytes, lines: list[bytes]) -> None:
    """Empty lines are skipped, and the last line needs no end."""
    assert _all(NdjsonDecoder(), [text]) == [Event(line) for line in lines]


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_without_end_is_refused(kind: str) -> None:
    """An endless event costs at most a megabyte."""
    decoder = KINDS[kind]()
    for _ in range(MAX_EVENT_BYTES // 65_536):
        assert decoder.feed([b"x" * 65_536], [1.0]).data == []
    with pytest.raises(StreamError, match="longer than 1048576 bytes"):
        decoder.feed([b"x"], [1.0])


@pytest.mark.parametrize(("kind", "first", "end"), [("sse", b"data: ", b"\n\n"), ("ndjson", b"", b"\n")])
@pytest.mark.parametrize("cut", [1, 50, MAX_EVENT_BYTES, MAX_EVENT_BYTES + 1, MAX_EVENT_BYTES + 2])
def test_events_before_an_endless_one_are_kept(kind: str, first: bytes, end: bytes, cut: int) -> None:
    """A megabyte is accepted and one more byte is not, for every split; earlier events are kept."""
    longest = first + b"x" * (MAX_EVENT_BYTES - len(first))
    taken = longest + end
    assert len(_all(KINDS[kind](), [taken[:cut], taken[cut:]])) == 1
    refused = first + b"a" + end + longest + b"x" + end + first + b"b" + end
    decoder, events = KINDS[kind](), list[Event]()

    def feed_all() -> None:
        for part in (refused[:cut], refused[cut:]):
            events.extend(_events(decoder.feed([part], [1.0])))

    with pytest.raises(StreamError) as refusal:
        feed_all()
    assert events + _events(refusal.value.events) == [Event(b"a")]


@pytest.mark.parametrize(
    "line",
    [b": ping", b":", b"id: 1", b"retry: 1", b"event: x", b"data:", b"data: a", b"a", b"x:", b"error: a"],
)
@READING_LAW
@given(lines=st.lists(st.sampled_from([b"data: b", b"event: y", b"event: ", b": c", b""]), max_size=3))
def test_usual_forms_of_an_event_are_read_like_any_other(line: bytes, lines: list[bytes]) -> None:
    """The short ways for comments, single lines and named events return what reading each line returns."""
    block = b"\n".join([line, *lines]) + b"\n\n"
    other = b"\n".join([line, b": another comment", *lines]) + b"\n\n"
    assert _all(SseDecoder(), [block]) == _all(SseDecoder(), [other])


def test_an_event_of_many_lines_of_data_is_whole() -> None:
    """A document may be written over thousands of lines, and comments between them do not count."""
    lines = [b"data: %d\n: comment\n" % number for number in range(900)]
    assert _all(SseDecoder(), [b"".join(lines) + b"\n"])[0].data.count(b"\n") == 899
    many = b"data: 1\n" * 50_000
    assert _all(SseDecoder(), [many + b"\n"])[0].data == b"\n".join([b"1"] * 50_000)


def test_an_event_of_too_many_other_lines_is_text() -> None:
    """Only the beginning of its lines is kept, to be shown."""
    (event,) = _all(SseDecoder(), [b"a\n" * 50_000 + b"\n"])
    assert event.name == PLAIN_TEXT
    assert len(event.data) == 500
