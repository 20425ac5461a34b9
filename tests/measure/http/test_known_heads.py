import asyncio
from collections.abc import Sequence

import pytest

from bench.measure.http.connection import Connection
from bench.measure.http.wire import Address, Reply, request_bytes

GET = request_bytes("GET", "/", "test", {})


def _ask(answers: Sequence[Sequence[bytes]]) -> list[Reply]:
    """Return the replies to requests over one connection; the parts of an answer come one after the other."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for parts in answers:
            await reader.readuntil(b"\r\n\r\n")
            for number, part in enumerate(parts):
                await asyncio.sleep(0.05 * bool(number))
                writer.write(part)
                await writer.drain()
        writer.close()

    async def work() -> list[Reply]:
        listener = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        connection = Connection(Address("127.0.0.1", port))
        replies = [await connection.exchange(GET) for _ in answers]
        connection.close()
        await connection.wait_closed()
        listener.close()
        return replies

    return asyncio.run(asyncio.wait_for(work(), 30.0))


def _answer(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_equal_heads_have_equal_replies() -> None:
    """The second reply with a head needs no parser, and has the same status and headers."""
    first, second, third = _ask([[_answer(b"one")], [_answer(b"two")], [_answer(b"three")]])
    assert [first.body, second.body, third.body] == [b"one", b"two", b"three"]
    assert first.status == second.status == third.status == 200
    assert first.headers == second.headers == [(b"content-length", b"3")]
    assert third.headers == [(b"content-length", b"5")]
    for reply in (first, second, third):
        assert reply.version == "1.1"
        assert reply.sent_s is not None
        assert reply.first_byte_s == reply.finished_s
        assert reply.sent_s <= reply.finished_s


@pytest.mark.parametrize("header", [b"Server-Timing: model;dur=5", b"Content-Encoding: identity"])
def test_headers_that_are_read_are_read_each_time(header: bytes) -> None:
    """Times of tiers and encodings are parsed in every reply."""
    replies = _ask([[_answer(b"one", header)]] * 3)
    assert [reply.body for reply in replies] == [b"one"] * 3
    assert {reply.has_timing for reply in replies} == {header.startswith(b"Server")}


def test_a_known_head_with_more_bytes_is_not_trusted() -> None:
    """Bytes after the reply end the connection, as they do without a known head."""
    replies = _ask([[_answer(b"one")], [_answer(b"two") + b"HTTP/1.1 200 OK\r\n"]])
    assert [reply.body for reply in replies] == [b"one", b"two"]


def test_a_known_head_may_come_without_its_body() -> None:
    """A body that follows in a later read is awaited."""
    head, end, body = _answer(b"two").partition(b"\r\n\r\n")
    replies = _ask([[_answer(b"one")], [head + end, body], [_answer(b"six")]])
    assert [reply.body for reply in replies] == [b"one", b"two", b"six"]
