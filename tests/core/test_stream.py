from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.stream import MAX_EVENT_BYTES, Decoder, Events, NdjsonDecoder, SseDecoder, StreamError

KINDS: dict[str, Callable[[], Decoder]] = {"sse": SseDecoder, "ndjson": NdjsonDecoder}
# Bytes that matter to the grammar come up often, others now and then.
BYTES = st.lists(
    st.sampled_from(
        [b"\n", b"\r", b"\r\n", b"data:", b"data", b"event: x", b": c", b" ", b"{}", b"\xef\xbb\xbf"]
    )
    | st.binary(max_size=3)
).map(b"".join)


class Event(NamedTuple):
    """One event: its data, and its name where it has one."""

    data: bytes
    name: str | None = None


def _one_by_one(events: Events) -> list[Event]:
    return [Event(data, events[1].get(place)) for place, data in enumerate(events[0])]


def _all(decoder: Decoder, parts: list[bytes]) -> list[Event]:
    return [event for part in parts for event in _one_by_one(decoder.feed(part))] + _one_by_one(decoder.end())


@pytest.mark.parametrize("kind", KINDS)
@given(text=BYTES, cuts=st.lists(st.integers(0, 200)))
def test_every_split_of_the_bytes_gives_the_same_events(kind: str, text: bytes, cuts: list[int]) -> None:
    """How the network cuts a stream changes nothing."""
    at = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    parts = [text[start:end] for start, end in pairwise(at)]
    assert _all(KINDS[kind](), parts) == _all(KINDS[kind](), [text])
    assert _all(KINDS[kind](), [bytes([byte]) for byte in text]) == _all(KINDS[kind](), [text])


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (b"data: a\n\n", [Event(b"a")]),
        (b"data:a\ndata: b\n\n", [Event(b"a\nb")]),
        (b"event: done\ndata: {}\n\n", [Event(b"{}", "done")]),
        (b": a comment\n\n", []),
        (b"event: empty\n\n", []),
        (b"data\n\n", [Event(b"")]),
        (b"\xef\xbb\xbfdata: a\r\n\r\ndata: b\r\rdata: c\n\n", [Event(b"a"), Event(b"b"), Event(b"c")]),
        (b"\n\n\n\ndata: a\n\n\n\n", [Event(b"a")]),
        (b"data:  two spaces\n\n", [Event(b" two spaces")]),
        (b"id: 7\nretry: 3\ndata: a\n\n", [Event(b"a")]),
        (b"data: cut off", []),
        (b"data: cut off\n", []),
        (b"", []),
    ],
)
def test_server_sent_events_are_read_by_the_standard(text: bytes, events: list[Event]) -> None:
    """Fields, comments, line ends and the end of the stream mean what the standard says."""
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
    """Empty lines are none, and the last line needs no end."""
    assert _all(NdjsonDecoder(), [text]) == [Event(line) for line in lines]


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_without_end_is_refused(kind: str) -> None:
    """A target that never ends its line costs a megabyte and no more."""
    decoder = KINDS[kind]()
    for _ in range(MAX_EVENT_BYTES // 65_536):
        assert decoder.feed(b"x" * 65_536)[0] == []
    with pytest.raises(StreamError, match="longer than 1048576 bytes"):
        decoder.feed(b"x")
