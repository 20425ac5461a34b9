import asyncio
import itertools
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.http.answer_stream import AnswerStream
from bench.measure.http.reading import MAX_HEAD_BYTES, Reading
from bench.measure.http.turn_limit import TurnLimit
from bench.measure.http.wire import Reply, WireError, WireFault, request_bytes

GET = request_bytes("GET", "/", "test", {})
HEAD = request_bytes("HEAD", "/", "test", {})


class _Wire(asyncio.Transport):
    """A transport that accepts all bytes and sends none."""

    def write(self, data: object) -> None:
        """Accept the bytes."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Never pause."""

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""


async def _parse(parts: Sequence[bytes], request: bytes) -> tuple[object, ...]:
    """Return the reply, or the error, for a response that arrives in these parts."""
    stream = AnswerStream(lambda: 1.0, TurnLimit(), any_encoding=False)
    stream.connection_made(_Wire())
    reply = Reply()
    ends: list[BaseException | None] = []
    stream.send(request, reply, (ends.append, ends.append), Reading(max_body=1000))
    for part in parts:
        if not ends:
            stream.data_received(part)
    stream.eof_received()
    stream.connection_lost(None)
    (error,) = ends
    if error is None:
        return (reply,)
    assert isinstance(error, WireError)
    # Bytes that are not HTTP are quoted as far as they have arrived.
    return (error.kind, re.sub(r"(is not HTTP/1\.1): .*", r"\1", error.message, flags=re.DOTALL))


def _chunked(parts: list[bytes], trailers: bytes) -> bytes:
    chunks = b"".join(b"%x;e\r\n%s\r\n" % (len(part), part) for part in parts if part)
    return chunks + b"0\r\n" + trailers + b"\r\n"


_HEADERS = st.lists(
    st.sampled_from(
        [
            b"X-Empty:",
            b"x-padded:   a  ",
            b"Connection: close",
            b"connection: keep-alive",
            b"content-encoding: gzip",
            b"x-long: " + b"y" * 300,
            b"bad header",
            b" folded",
            b"x: a\x01b",
            b"content-length: 5",
        ]
    ),
    max_size=3,
)
_STATUSES = st.sampled_from([b"200 OK", b"204 No Content", b"304", b"404 Not Found", b"101 Up", b"100 Go"])


@st.composite
def _answers(draw: st.DrawFn) -> bytes:
    body = draw(st.binary(max_size=60) | st.just(b"z" * 1001))
    framing = draw(st.sampled_from(["length", "chunked", "end", "wrong"]))
    headers = draw(_HEADERS)
    match framing:
        case "length":
            headers.append(b"Content-Length: %d" % len(body))
        case "wrong":
            headers.append(b"content-length: %d" % draw(st.integers(0, 80)))
        case "chunked":
            headers.append(b"Transfer-Encoding: Chunked")
            body = _chunked([body[:5], body[5:]], draw(st.sampled_from([b"", b"T: 1\r\nU:\r\n"])))
        case _:
            pass
    informational = draw(st.sampled_from([b"", b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n"]))
    head = b"\r\n".join([b"HTTP/1.1 " + draw(_STATUSES), *headers])
    return informational + head + b"\r\n\r\n" + body + draw(st.sampled_from([b"", b"HTTP/1.1 200", b"\0"]))


@st.composite
def _mangled(draw: st.DrawFn) -> bytes:
    whole = draw(_answers())
    at = draw(st.integers(0, len(whole)))
    return whole[:at] + draw(st.binary(max_size=3)) + whole[at + draw(st.integers(0, 3)) :]


@given(
    answer=_answers() | _mangled() | st.binary(max_size=100),
    cuts=st.lists(st.integers(0, 500), max_size=20) | st.just([-1]),
    request_=st.sampled_from([GET, HEAD]),
)
def test_the_split_of_the_bytes_does_not_matter(answer: bytes, cuts: list[int], request_: bytes) -> None:
    """For any bytes in any parts, the result is the same reply or the same error."""
    if cuts == [-1]:  # everywhere
        cuts = list(range(len(answer)))
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(answer)}), len(answer)]
    parts = [answer[start:end] for start, end in itertools.pairwise(edges) if start < end]
    with asyncio.Runner() as runner:
        assert runner.run(_parse(parts, request_)) == runner.run(_parse([answer] * bool(answer), request_))


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES - 1, MAX_HEAD_BYTES, MAX_HEAD_BYTES + 1])
@pytest.mark.parametrize("cut", [1, 100, MAX_HEAD_BYTES - 2, MAX_HEAD_BYTES - 1, MAX_HEAD_BYTES])
def test_the_limit_of_the_headers_is_exact(size: int, cut: int) -> None:
    """100 KiB of headers are accepted, and one more byte is not, for every split."""
    start, end = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\nx: ", b"\r\n\r\n"
    answer = start + b"y" * (size - len(start) - len(end)) + end + b"a"
    with asyncio.Runner() as runner:
        whole = runner.run(_parse([answer], GET))
        assert whole == runner.run(_parse([answer[:cut], answer[cut:]], GET))
    assert (whole[0] is WireFault.TOO_LARGE) == (size > MAX_HEAD_BYTES)


def test_a_long_stream_of_small_chunks_is_accepted() -> None:
    """The framing of chunks is limited between two parts of a body, not in total."""
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    parts = [
        head,
        *(part for _ in range(900) for part in (b"1;" + b"e" * 1000 + b"\r\n", b"a\r\n")),
        b"0\r\n\r\n",
    ]
    with asyncio.Runner() as runner:
        (reply,) = runner.run(_parse(parts, GET))
    assert isinstance(reply, Reply)
    assert reply.body == b"a" * 900


async def _send_after(spoken: Sequence[bytes], *, ended: bool) -> WireError:
    """Return the error of a request after the connection met this event."""
    stream = AnswerStream(lambda: 1.0, TurnLimit(), any_encoding=False)
    stream.connection_made(_Wire())
    for part in spoken:
        stream.data_received(part)
    if ended:
        stream.connection_lost(None)
    assert stream.lost
    ends: list[BaseException | None] = []
    stream.send(GET, Reply(), (ends.append, ends.append), Reading(max_body=1000))
    await asyncio.sleep(0)
    (error,) = ends
    assert isinstance(error, WireError)
    assert not stream.dropped
    return error


def test_a_request_on_a_lost_connection_fails() -> None:
    """A connection that was lost before its first request fails the request at once, with the reason."""
    with asyncio.Runner() as runner:
        assert runner.run(_send_after([], ended=True)).kind is WireFault.RESET
        for ended in (True, False):
            error = runner.run(_send_after([b"220 mail.example"], ended=ended))
            assert error.kind is WireFault.BAD_STREAM
            assert error.message == "the server sent bytes before a request"
