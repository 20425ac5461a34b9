"""The reader of frames yields the same as wsproto alone, however the bytes are cut."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.frame_protocol import FrameProtocol

from bench.measure.http.frames import MAX_MESSAGE_BYTES, FrameReader, MessageTooLargeError
from benchmarks.answers.messages import frame

_LENGTHS = st.sampled_from([0, 1, 2, 125, 126, 127, 65_535, 65_536])
_TEXTS = st.text(max_size=40) | _LENGTHS.map(lambda size: "é" * (size // 2) + "a" * (size % 2))
_MESSAGES = st.lists(_TEXTS | st.binary(max_size=40), min_size=1, max_size=6)


def _client() -> Connection:
    return Connection(ConnectionType.CLIENT)


def _read(pieces: Iterable[bytes]) -> list[object]:
    """Return the messages as bytes, and the other events in words."""
    reader = FrameReader(_client())
    read: list[object] = []
    for piece in pieces:
        for incoming in reader.feed(piece):
            read.append(incoming if isinstance(incoming, bytes) else repr(incoming))
            if isinstance(incoming, CloseConnection):
                return read
    return read


def _read_with_wsproto(data: bytes) -> list[object]:
    """Return the same with wsproto alone."""
    connection = _client()
    connection.receive_data(data)
    read: list[object] = []
    parts: list[bytes] = []
    for event in connection.events():
        if not isinstance(event, TextMessage | BytesMessage):
            read.append(repr(event))
            continue
        parts.append(event.data.encode() if isinstance(event, TextMessage) else bytes(event.data))
        if event.message_finished:
            read.append(b"".join(parts))
            parts = []
    return read


def _cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(ends)]


@st.composite
def _wires(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Return messages, and their frames: each message in any number of frames, with pings between them."""
    server = FrameProtocol(client=False, extensions=[])
    expected = []
    wire = b""
    for message in draw(_MESSAGES):
        expected.append(message.encode() if isinstance(message, str) else message)
        places = sorted(draw(st.lists(st.integers(0, len(message)), max_size=3)))
        bounds = [0, *places, len(message)]
        for number, (start, end) in enumerate(pairwise(bounds)):
            is_last = number == len(bounds) - 2
            wire += bytes(server.send_data(message[start:end], fin=is_last))
            if draw(st.booleans()):
                wire += bytes(server.ping(draw(st.binary(max_size=125))))
    return expected, wire


@given(_wires(), st.lists(st.integers(0, 200_000), max_size=12))
def test_cuts_change_no_message(wire: tuple[list[bytes], bytes], places: list[int]) -> None:
    """Messages are the same for each division into frames and into reads; pings are events of their own."""
    expected, data = wire
    read = _read(_cut(data, places))
    assert [message for message in read if isinstance(message, bytes)] == expected
    assert read == _read_with_wsproto(data)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_any_bytes_are_read_like_wsproto_reads_them(data: bytes, places: list[int]) -> None:
    """Bytes that break the protocol end in the same event, after the same messages, for each division."""
    expected = _read_with_wsproto(data)
    try:
        read = _read(_cut(data, places))
    except MessageTooLargeError:  # wsproto has no limit, and waits for the rest
        return
    assert read == expected


def test_a_message_of_many_frames_has_a_limit() -> None:
    """No server can fill the memory with a message that never ends."""
    part = b"\x00\x7f" + (65_536).to_bytes(8) + b"a" * 65_536
    pieces = [b"\x01\x00", *[part] * (MAX_MESSAGE_BYTES // len(part))]
    assert not _read(pieces)
    with pytest.raises(MessageTooLargeError):
        _read([*pieces, part, part])


def test_a_frame_states_its_size_in_the_shortest_form() -> None:
    """The cheap path takes only what wsproto would accept."""
    assert _read([frame(b"a" * 126)]) == [b"a" * 126]
    too_long = b"\x81\x7e\x00\x7d" + b"a" * 125
    assert _read([too_long]) == _read_with_wsproto(too_long)
    assert "CloseConnection" in str(_read([too_long]))
