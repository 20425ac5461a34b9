import asyncio
import gc
import socket
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.measure.http.connection import Address, Connection, Reply, WireError, WireFault, request_bytes
from bench.measure.http.reading import MAX_HEAD_BYTES
from bench.measure.http.timed_protocol import TimedProtocol
from tests.measure.hostile import (
    LOOPS,
    Run,
    make_certificate,
    reset,
    run_on,
    serving,
    then_close,
    then_reset,
    until,
)
from tests.measure.loopback import Requests, Script, response, server

GET = request_bytes("GET", "/", "test", {})
HEAD = request_bytes("HEAD", "/", "test", {})
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
UNSIZED = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Run every test on both event loops."""
    return run_on(request.param)


async def _ask(url: str, request: bytes = GET, **options: Any) -> Reply:
    connection = Connection(Address.of(url))
    try:
        return await connection.exchange(request, **options)
    finally:
        connection.close()
        await connection.wait_closed()


async def _asked(script: Script, request: bytes = GET, **options: Any) -> Reply:
    async with serving(script) as url:
        return await _ask(url, request, **options)


async def _refused(script: Script, request: bytes = GET, **options: Any) -> WireError:
    with pytest.raises(WireError) as refused:
        await _asked(script, request, **options)
    return refused.value


def test_a_reply_is_complete_and_its_times_are_in_order(run: Run) -> None:
    """Status, headers and body are the server's; connect, sent, first byte and end are in order."""

    async def work() -> Reply:
        async with server([response(b"hello", "201 Created", "X-A: b", "X-A: c")]) as (url, _):
            return await _ask(url)

    began_s = time.monotonic()
    reply = run(work())
    ended_s = time.monotonic()
    assert (reply.status, reply.body, reply.retried) == (201, b"hello", False)
    assert reply.headers == [(b"content-length", b"5"), (b"x-a", b"b"), (b"x-a", b"c")]
    assert reply.header("x-a") == "b"
    assert reply.header("x-b") is None
    assert reply.connect_s is not None
    assert reply.sent_s is not None
    assert reply.first_byte_s is not None
    assert began_s + reply.connect_s <= reply.sent_s <= reply.first_byte_s <= reply.finished_s <= ended_s


def test_a_posted_request_is_written_once(run: Run) -> None:
    """The exchange that follows only reads, and has the time of the post as the time of its request."""

    async def work() -> None:
        async with server([response(b"one"), response(b"two")]) as (url, received):
            connection = Connection(Address.of(url))
            connection.post(GET)  # it is not open, so the exchange sends the request
            assert (await connection.exchange(GET)).body == b"one"
            posted_s = time.monotonic()
            connection.post(GET)
            written_s = time.monotonic()
            reply = await connection.exchange(GET)
            assert reply.body == b"two"
            assert reply.sent_s is not None
            assert posted_s <= reply.sent_s <= written_s
            assert len(received.heads) == 2
            connection.close()
            await connection.wait_closed()

    run(work())


def test_times_come_from_the_given_clock(run: Run) -> None:
    """Each time of a reply is read from the given clock, once per callback."""

    async def work() -> tuple[Reply, list[float]]:
        ticks = iter(range(100))
        stamps: list[float] = []
        async with server([response(b"hello")]) as (url, _):
            connection = Connection(Address.of(url), clock=lambda: float(next(ticks)))
            reply = await connection.exchange(GET, lambda _, at_s: stamps.append(at_s))
            connection.close()
            await connection.wait_closed()
        return reply, stamps

    reply, stamps = run(work())
    assert (reply.connect_s, reply.sent_s) == (1.0, 2.0)
    assert reply.first_byte_s == reply.finished_s == stamps[0] == 3.0


def test_parts_are_passed_on_when_they_arrive(run: Run) -> None:
    """`on_body` gets each part with its time before the next one arrives; the reply keeps no body."""

    async def work() -> None:
        parts: list[tuple[bytes, float]] = []
        arrived = asyncio.Event()

        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(CHUNKED)
            for letter in b"abc":
                arrived.clear()
                writer.write(b"1\r\n%c\r\n" % letter)
                await arrived.wait()
            writer.write(b"0\r\n\r\n")

        def on_body(part: bytes, at_s: float) -> None:
            parts.append((part, at_s))
            arrived.set()

        reply = await _asked(drip, on_body=on_body)
        times = [at_s for _, at_s in parts]
        assert [part for part, _ in parts] == [b"a", b"b", b"c"]
        assert times == sorted(times)
        assert reply.first_byte_s == times[0]
        assert reply.finished_s >= times[-1]
        assert reply.body == b""

    run(work())


def test_on_head_is_called_before_the_body(run: Run) -> None:
    """`on_head` gets the reply with status and headers before the body arrives."""

    async def work() -> None:
        told = asyncio.Event()
        seen: list[tuple[int, bytes]] = []

        async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(CHUNKED)
            await told.wait()
            writer.write(b"1\r\na\r\n0\r\n\r\n")

        def on_head(reply: Reply) -> None:
            seen.append((reply.status, reply.body))
            told.set()

        reply = await _asked(wait, on_head=on_head)
        assert seen == [(200, b"")]
        assert reply.body == b"a"

    run(work())


@pytest.mark.parametrize(
    ("request_", "answer", "status", "body"),
    [
        (GET, b"HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", 302, b""),
        (GET, b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (GET, b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304, b""),
        (HEAD, response(b"")[:-4] + b"\r\ncontent-type: a\r\n\r\n", 200, b""),
        (HEAD, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", 200, b""),
        (HEAD, CHUNKED, 200, b""),
        (HEAD, UNSIZED, 200, b""),
        (
            GET,
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" + response(b"a"),
            200,
            b"a",
        ),
        (GET, CHUNKED + b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\nt: 1\r\n\r\n", 200, b"abc"),
        (GET, b"HTTP/1.1 200\r\ncontent-encoding: identity\r\ncontent-length: 1\r\n\r\na", 200, b"a"),
    ],
)
def test_a_reply_with_an_end_keeps_the_connection(
    run: Run, request_: bytes, answer: bytes, status: int, body: bytes
) -> None:
    """For each way to end a reply, the next exchange can use the connection."""

    async def work() -> tuple[Reply, Reply, Requests]:
        async with server([answer, response(b"next")]) as (url, seen):
            connection = Connection(Address.of(url))
            first = await connection.exchange(request_)
            second = await connection.exchange(GET)
            connection.close()
            await connection.wait_closed()
            return first, second, seen

    first, second, seen = run(work())
    assert (first.status, first.body) == (status, body)
    assert (first.first_byte_s is None) == (body == b"")
    assert all(name not in {b"link", b"t"} for name, _ in first.headers)
    assert (second.body, second.connect_s, second.retried) == (b"next", None, False)
    assert seen.connections == 1


@pytest.mark.parametrize(
    ("request_", "answer", "body"),
    [
        (GET, UNSIZED + b"to the end", b"to the end"),
        (GET, UNSIZED, b""),
        (GET, b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na", b"a"),
        (GET, b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\na", b"a"),
        (HEAD, b"HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length: 1\r\n\r\n", b""),
        (HEAD, b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n", b""),
    ],
)
def test_a_reply_may_end_with_the_connection(run: Run, request_: bytes, answer: bytes, body: bytes) -> None:
    """The next exchange opens a new connection, and it is not a retry."""

    async def work() -> tuple[Reply, bool, Reply, Requests]:
        async with server([then_close_now(answer), response(b"next")]) as (url, seen):
            connection = Connection(Address.of(url))
            first = await connection.exchange(request_)
            still_open = connection.is_open
            second = await connection.exchange(GET)
            connection.close()
            await connection.wait_closed()
            return first, still_open, second, seen

    first, still_open, second, seen = run(work())
    assert (first.status, first.body, still_open) == (200, body, False)
    assert second.body == b"next"
    assert second.connect_s is not None
    assert not second.retried
    assert seen.connections == 2


def then_close_now(answer: bytes) -> Script:
    """Reply to a request that the loopback server has read, and close."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    return script


def test_a_reply_may_arrive_byte_by_byte(run: Run) -> None:
    """A reply that arrives byte by byte is the same reply."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in CHUNKED + b"5\r\nhello\r\n0\r\nt: 1\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    assert run(_asked(drip)).body == b"hello"


def test_a_long_request_is_sent_when_the_kernel_has_it(run: Run) -> None:
    """While the server does not read, `sent_s` is None; the reply comes after the last byte was sent."""
    request = request_bytes("POST", "/", "test", {}, b"x" * 50_000_000)

    async def work() -> None:
        go = asyncio.Event()

        async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await go.wait()
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(len(request) - len(head))
            writer.write(response(b"ok"))
            await reader.read()

        async with serving(late) as url:
            connection = Connection(Address.of(url))
            asking = asyncio.create_task(connection.exchange(request))
            await until(lambda: connection.is_open)
            await asyncio.sleep(0.01)
            assert connection.reply.sent_s is None
            before_s = time.monotonic()
            go.set()
            reply = await asking
            assert reply.first_byte_s is not None
            assert reply.sent_s is not None
            assert before_s <= reply.sent_s <= reply.first_byte_s
            assert connection.is_open
            connection.close()
            await connection.wait_closed()

    run(work())


def test_a_reply_to_half_a_request_ends_the_connection(run: Run) -> None:
    """A server may reply before it has read the request. Then the request was never sent completely."""
    request = request_bytes("POST", "/", "test", {}, b"x" * 50_000_000)

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response(b"", "413 Content Too Large"))
        await reader.read()

    async def work() -> None:
        async with serving(hasty) as url:
            connection = Connection(Address.of(url))
            reply = await connection.exchange(request)
            assert (reply.status, reply.sent_s, connection.is_open) == (413, None, False)
            await connection.wait_closed()

    run(work())


def test_nagle_is_off(run: Run) -> None:
    """A small request is sent at once."""

    async def work() -> None:
        async with server([response(b"")]) as (url, _):
            connection = Connection(Address.of(url))
            await connection.open()
            assert connection._stream is not None
            assert connection._stream._transport is not None
            taken = connection._stream._transport.get_extra_info("socket")
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            connection.close()
            await connection.wait_closed()

    run(work())


# Opening, keeping, closing


def test_an_exchange_after_open_opens_no_connection(run: Run) -> None:
    """After `open`, an exchange opens no connection; a second `open` does not either."""

    async def work() -> tuple[Reply, Requests]:
        async with server([response(b"a")]) as (url, seen):
            connection = Connection(Address.of(url))
            states = [connection.is_open]
            await connection.open()
            await connection.open()
            states.append(connection.is_open)
            reply = await connection.exchange(GET)
            connection.close()
            connection.close()
            states.append(connection.is_open)
            assert states == [False, True, False]
            await connection.wait_closed()
            await connection.wait_closed()
            return reply, seen

    reply, seen = run(work())
    assert reply.connect_s is None
    assert seen.connections == 1


def test_a_connection_that_was_never_open_can_be_closed(run: Run) -> None:
    """`close` and `wait_closed` may be called at any time."""

    async def work() -> None:
        connection = Connection(Address("127.0.0.1", 9))
        connection.close()
        await connection.wait_closed()

    run(work())


def test_an_idle_connection_that_the_server_closed_is_replaced(run: Run) -> None:
    """The next exchange opens a new connection and does not try the old one."""

    async def work() -> tuple[Reply, Requests]:
        closed = asyncio.Event()

        async def close_later(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(response(b"a"))
            await closed.wait()
            writer.close()

        async with server([close_later, response(b"b")]) as (url, seen):
            connection = Connection(Address.of(url))
            await connection.exchange(GET)
            assert connection.is_open
            closed.set()
            await until(lambda: not connection.is_open)
            reply = await connection.exchange(GET)
            connection.close()
            await connection.wait_closed()
            return reply, seen

    reply, seen = run(work())
    assert (reply.body, reply.retried) == (b"b", False)
    assert reply.connect_s is not None
    assert seen.connections == 2


@pytest.mark.parametrize("end", [asyncio.StreamWriter.close, reset])
def test_a_dropped_idle_connection_is_retried_once(
    run: Run, end: Callable[[asyncio.StreamWriter], None]
) -> None:
    """A request that meets the close of its idle connection is sent again, and `retried` is true."""

    async def drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end(writer)

    async def work() -> tuple[Reply, Requests]:
        async with server([response(b"a"), drop, response(b"b")]) as (url, seen):
            connection = Connection(Address.of(url))
            await connection.exchange(GET)
            reply = await connection.exchange(GET)
            connection.close()
            await connection.wait_closed()
            return reply, seen

    reply, seen = run(work())
    assert (reply.body, reply.retried) == (b"b", True)
    assert reply.connect_s is not None
    assert reply.sent_s is not None
    assert reply.first_byte_s is not None
    assert reply.sent_s <= reply.first_byte_s
    assert len(seen.heads) == 3


@pytest.mark.parametrize(
    ("answers", "sent", "message"),
    [
        ([b""], 1, "without a response"),
        ([response(b"a"), b"", b"", b""], 3, "without a response"),
        ([response(b"a"), b"H", response(b"b")], 2, "within its headers"),
        ([response(b"a"), b"garbage", response(b"b")], 2, "not HTTP/1.1"),
    ],
)
def test_other_failures_are_not_retried(run: Run, answers: Sequence[bytes], sent: int, message: str) -> None:
    """No retry on a new connection, no second retry, and none after a byte of the reply."""
    scripts = [answer if answer.startswith(b"HTTP") else then_close_now(answer) for answer in answers]

    async def work() -> Requests:
        async with server(scripts) as (url, seen):
            connection = Connection(Address.of(url))
            for answer in answers[: answers[0].startswith(b"HTTP")]:
                assert answer.endswith((await connection.exchange(GET)).body)
            with pytest.raises(WireError, match=message):
                await connection.exchange(GET)
            assert not connection.is_open
            await connection.wait_closed()
            return seen

    seen = run(work())
    assert len(seen.heads) == sent


def test_bytes_after_a_reply_end_the_connection(run: Run) -> None:
    """Bytes after a complete reply are not part of the next one."""

    async def work() -> tuple[list[bytes], Requests]:
        evil = response(b"good") + response(b"evil")
        async with server([evil, response(b"b") + b"garbage", response(b"c")]) as (url, seen):
            connection = Connection(Address.of(url))
            bodies = []
            for _ in range(2):
                bodies.append((await connection.exchange(GET)).body)
                await until(lambda: not connection.is_open)
            bodies.append((await connection.exchange(GET)).body)
            connection.close()
            await connection.wait_closed()
            return bodies, seen

    bodies, seen = run(work())
    assert bodies == [b"good", b"b", b"c"]
    assert seen.connections == 3


def test_two_exchanges_at_once_are_an_error(run: Run) -> None:
    """The second exchange is refused, and the first one continues."""

    async def work() -> None:
        go = asyncio.Event()

        async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await go.wait()
            writer.write(response(b"a"))

        async with server([wait]) as (url, _):
            connection = Connection(Address.of(url))
            await connection.open()
            first = asyncio.create_task(connection.exchange(GET))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="one exchange"):
                await connection.exchange(GET)
            go.set()
            assert (await first).body == b"a"
            connection.close()
            await connection.wait_closed()

    run(work())


# Cancellation


def test_a_server_sees_a_cancelled_request(run: Run) -> None:
    """A timeout closes the connection at once; times so far are kept; the next exchange opens a new one."""

    async def work() -> None:
        gone = asyncio.Event()
        deadline = asyncio.timeout(None)

        async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            deadline.reschedule(asyncio.get_running_loop().time())
            assert await reader.read() == b""
            gone.set()

        async with server([silent, response(b"b")]) as (url, seen):
            connection = Connection(Address.of(url))
            with pytest.raises(TimeoutError):
                async with deadline:
                    await connection.exchange(GET)
            assert not connection.is_open
            await gone.wait()
            assert connection.reply.sent_s is not None
            assert connection.reply.first_byte_s is None
            assert (await connection.exchange(GET)).body == b"b"
            assert seen.connections == 2
            connection.close()
            await connection.wait_closed()

    run(work())


def test_a_cancelled_task_ends_its_exchange(run: Run) -> None:
    """`task.cancel` ends the exchange as cancelled, and the server sees the connection close."""

    async def work() -> None:
        gone = asyncio.Event()
        begun = asyncio.Event()

        async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED + b"1\r\na\r\n")
            await reader.read()
            gone.set()

        async with server([endless]) as (url, _):
            connection = Connection(Address.of(url))
            asking = asyncio.create_task(connection.exchange(GET, lambda *_: begun.set()))
            await begun.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await gone.wait()
            await connection.wait_closed()
            assert connection.reply.first_byte_s is not None

    run(work())


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_cancelled_open_leaves_no_connection(run: Run, scheme: str) -> None:
    """A cancellation while the connection opens, with or without TLS, leaves no socket open."""

    async def work() -> None:
        with socket.create_server(
            ("127.0.0.1", 0)
        ) as deaf:  # the kernel takes the connection, nobody answers
            connection = Connection(Address.of(f"{scheme}://127.0.0.1:{deaf.getsockname()[1]}"))
            asking = asyncio.create_task(connection.exchange(GET))
            await asyncio.sleep(0.02 if scheme == "https" else 0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert not connection.is_open

    run(work())


def test_close_fails_the_exchange_in_progress(run: Run) -> None:
    """`close` from another task ends an exchange with an error and without a retry."""

    async def work() -> None:
        async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read()

        async with server([response(b"a"), silent]) as (url, seen):
            connection = Connection(Address.of(url))
            await connection.exchange(GET)
            asking = asyncio.create_task(connection.exchange(GET))
            await asyncio.sleep(0)
            connection.close()
            with pytest.raises(WireError, match="by the client"):
                await asking
            await connection.wait_closed()
            assert seen.connections == 1

    run(work())


def test_an_exception_of_a_callback_is_raised(run: Run) -> None:
    """An exception of `on_body` or `on_head` ends the exchange and the connection, and is raised."""

    async def work() -> None:
        def fail(*_: object) -> None:
            raise LookupError("mine")

        async with server([response(b"a")]) as (url, _):
            connection = Connection(Address.of(url))
            with pytest.raises(LookupError, match="mine"):
                await connection.exchange(GET, fail)
            with pytest.raises(LookupError, match="mine"):
                await connection.exchange(GET, on_head=fail)
            with pytest.raises(LookupError, match="mine"):
                await connection.exchange(HEAD, on_head=fail)
            assert not connection.is_open
            await connection.wait_closed()

    run(work())


def test_a_callback_may_close_the_connection(run: Run) -> None:
    """If its own callback closes the connection, the exchange fails in order."""

    async def work() -> None:
        async with server([response(b"a")]) as (url, _):
            connection = Connection(Address.of(url))
            with pytest.raises(WireError, match="by the client"):
                await connection.exchange(GET, lambda *_: connection.close())
            await connection.wait_closed()

    run(work())


def test_a_failed_exchange_leaves_no_reference_cycle() -> None:
    """Errors are freed when they are dropped, since the garbage collector is off during a run."""

    async def failed(connection: Connection) -> weakref.ref[WireError]:
        try:
            await connection.exchange(GET)
        except WireError as error:
            return weakref.ref(error)
        raise AssertionError

    async def work() -> tuple[weakref.ref[WireError], weakref.ref[TimedProtocol]]:
        async with serving(then_close(b"garbage")) as url:
            connection = Connection(Address.of(url))
            await connection.open()
            assert connection._stream is not None
            stream = weakref.ref(connection._stream)
            failure = await failed(connection)
            await connection.wait_closed()
            return failure, stream

    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner() as runner:
            failure, stream = runner.run(work())
            assert failure() is None
            assert stream() is None
    finally:
        gc.enable()


# Bad input


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (b"", WireFault.RESET, "without a response"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", WireFault.BAD_STREAM, "within its headers"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", WireFault.BAD_STREAM, "within its headers"),
        (b"\x00\xff what is this\r\n\r\n", WireFault.BAD_STREAM, "not HTTP/1.1"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", WireFault.BAD_STREAM, "not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", WireFault.BAD_STREAM, "announced end"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", WireFault.BAD_STREAM, "announced end"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", WireFault.BAD_STREAM, "not HTTP/1.1"),
        (CHUNKED + b"5\r\nhel", WireFault.BAD_STREAM, "announced end"),
        (CHUNKED + b"no size\r\n", WireFault.BAD_STREAM, "not HTTP/1.1"),
        (
            b"HTTP/1.1 101 Switching\r\nupgrade: a\r\nconnection: upgrade\r\n\r\nx",
            WireFault.BAD_STREAM,
            "101",
        ),
        (b"HTTP/1.1 000 What\r\ncontent-length: 0\r\n\r\n", WireFault.BAD_STREAM, "status 0"),
        (
            CHUNKED.replace(b"chunked", b"gzip, chunked") + b"0\r\n\r\n",
            WireFault.BAD_STREAM,
            "encoding gzip, chunked",
        ),
        (b"HTTP/1.1 200 OK\r\na: " + b"b" * MAX_HEAD_BYTES, WireFault.TOO_LARGE, "headers exceed 102400"),
        (b"HTTP/1.1 103 Hints\r\n\r\n" * 9999, WireFault.TOO_LARGE, "headers exceed 102400"),
        (CHUNKED + b"0\r\n" + b"t: 1234\r\n" * 22_000, WireFault.TOO_LARGE, "trailers exceed 102400"),
        (CHUNKED + b"0\r\nt: " + b"b" * 4_000_000, WireFault.TOO_LARGE, "trailers exceed 102400"),
    ],
)
def test_every_bad_reply_has_its_fault(run: Run, answer: bytes, kind: WireFault, message: str) -> None:
    """Each defect of a reply has its fault and one short sentence."""
    error = run(_refused(then_close(answer)))
    assert error.kind is kind
    assert message in error.message
    assert str(error) == error.message
    assert "\n" not in error.message
    assert len(error.message) < 120


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n", UNSIZED + b"half"])
def test_a_reset_is_never_the_end_of_a_reply(run: Run, answer: bytes) -> None:
    """A TCP reset is never the end of a reply."""
    error = run(_refused(then_reset(answer)))
    assert error.kind is WireFault.RESET
    assert "the connection broke: " in error.message


def test_an_endless_body_is_cut_off(run: Run) -> None:
    """A body of 1 GB needs no more memory than `max_body`, whether it is kept or passed on."""
    allowed = 1024 * 1024

    async def work(on_body: Callable[[bytes, float], None] | None) -> int:
        sent = 0
        ended = asyncio.Event()

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
            try:
                for _ in range(1024):
                    writer.write(b"x" * 1024 * 1024)
                    await writer.drain()
                    sent += 1024 * 1024
            finally:
                ended.set()

        async with serving(flood) as url:
            connection = Connection(Address.of(url))
            with pytest.raises(WireError, match="longer than 1048576 bytes") as refused:
                await connection.exchange(GET, on_body, allowed)
            assert refused.value.kind is WireFault.TOO_LARGE
            await ended.wait()
            await connection.wait_closed()
        return sent

    received: list[int] = []
    assert run(work(None)) < 1024**3
    assert run(work(lambda part, _: received.append(len(part)))) < 1024**3
    assert sum(received) <= allowed


def test_the_limit_of_a_body_is_exact(run: Run) -> None:
    """A body of `max_body` bytes is accepted; one more byte is too large."""
    assert run(_asked(then_close(response(b"12345")), max_body=5)).body == b"12345"
    assert run(_refused(then_close(response(b"12345")), max_body=4)).kind is WireFault.TOO_LARGE


def test_an_encoded_body_is_passed_on_if_accepted(run: Run) -> None:
    """With `any_encoding`, the bytes are passed on without decoding."""

    async def work() -> Reply:
        async with server([response(b"zipped", "200 OK", "content-encoding: gzip")]) as (url, _):
            connection = Connection(Address.of(url), any_encoding=True)
            reply = await connection.exchange(GET)
            connection.close()
            await connection.wait_closed()
            return reply

    assert run(work()).body == b"zipped"


def test_bytes_before_a_request_are_a_bad_stream(run: Run) -> None:
    """Bytes that a server sends before a request are not a reply."""

    async def work() -> WireError:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n")
            await reader.read()

        async with serving(greet) as url:
            connection = Connection(Address.of(url))
            with pytest.raises(WireError) as refused:
                await connection.exchange(GET)
            await connection.wait_closed()
            return refused.value

    assert run(work()).kind is WireFault.BAD_STREAM


# No connection


def test_a_refused_connection_names_the_address(run: Run) -> None:
    """The error has the address; `open` and `exchange` raise the same."""

    async def work() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, and not listening
            port = taken.getsockname()[1]
            connection = Connection(Address("127.0.0.1", port))
            for attempt in (connection.open, lambda: connection.exchange(GET)):
                with pytest.raises(WireError) as refused:
                    await attempt()
                assert refused.value.kind is WireFault.CONNECT_FAILED
                assert refused.value.message == f"no connection to 127.0.0.1:{port}: Connection refused"
            assert connection.reply.sent_s is None

    run(work())


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 64 + ".invalid"])
def test_a_host_without_address_is_a_name_failure(run: Run, host: str) -> None:
    """A host without an address, or with an invalid name, differs from one that refuses."""

    async def work() -> WireError:
        with pytest.raises(WireError) as refused:
            await Connection(Address(host, 80)).open()
        return refused.value

    error = run(work())
    assert error.kind is WireFault.NAME_FAILED
    assert error.message.startswith(f"{host} has no address: ")


# TLS


def test_tls_works_like_plain_tcp(run: Run, tmp_path: Path) -> None:
    """Over TLS, long exchanges and kept connections work, and closing ends TLS properly."""
    served, trusting = make_certificate(tmp_path)
    long = b"x" * 3_000_000

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.rsplit(b": ", 1)[1])
            writer.write(response(await reader.readexactly(length)))
            await writer.drain()
        await reader.read()

    async def work() -> None:
        async with serving(echo, served) as url:
            connection = Connection(Address.of(url, trusting))
            first = await connection.exchange(request_bytes("POST", "/", "test", {}, b"short"))
            second = await connection.exchange(request_bytes("POST", "/", "test", {}, long))
            assert (first.body, second.body) == (b"short", long)
            assert first.connect_s is not None
            assert second.connect_s is None
            for reply in (first, second):
                assert reply.sent_s is not None
                assert reply.first_byte_s is not None
                assert reply.sent_s <= reply.first_byte_s <= reply.finished_s
            connection.close()
            await connection.wait_closed()

    run(work())


def test_the_end_of_tls_is_the_end_of_a_reply(run: Run, tmp_path: Path) -> None:
    """Over TLS, a body without length ends with the connection, a short one fails, and a timeout is seen."""
    served, trusting = make_certificate(tmp_path)

    async def work() -> None:
        gone = asyncio.Event()

        deadline = asyncio.timeout(None)

        async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            deadline.reschedule(asyncio.get_running_loop().time())
            try:
                await reader.read()
            finally:  # TLS may call the hard end an error
                gone.set()

        async with serving(then_close(UNSIZED + b"all"), served) as url:
            connection = Connection(Address.of(url, trusting))
            assert (await connection.exchange(GET)).body == b"all"
            await connection.wait_closed()
        async with serving(then_close(response(b"half")[:-1]), served) as url:
            connection = Connection(Address.of(url, trusting))
            with pytest.raises(WireError, match="announced end"):
                await connection.exchange(GET)
            await connection.wait_closed()
        async with serving(silent, served) as url:
            connection = Connection(Address.of(url, trusting))
            with pytest.raises(TimeoutError):
                async with deadline:
                    await connection.exchange(GET)
            assert not connection.is_open
            await gone.wait()

    run(work())


def test_an_untrusted_certificate_is_refused(run: Run, tmp_path: Path) -> None:
    """The given context verifies the server, and its reason is in the error."""
    served, _ = make_certificate(tmp_path)

    async def work() -> WireError:
        async with serving(then_close(response(b"")), served) as url:
            with pytest.raises(WireError) as refused:
                await _ask(url)
            return refused.value

    error = run(work())
    assert error.kind is WireFault.TLS_FAILED
    assert error.message == "no TLS connection to 127.0.0.1: self-signed certificate"


@pytest.mark.parametrize(
    "greeting", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail.example ESMTP\r\n"]
)
def test_a_plain_server_behind_https_is_a_tls_failure(run: Run, greeting: bytes | None) -> None:
    """The server may close, complain or send first: in each case there is no TLS."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if greeting is not None:
            if not greeting.startswith(b"220"):
                await reader.read(1)
            writer.write(greeting)

    async def work() -> WireError:
        async with serving(plain) as url:
            with pytest.raises(WireError) as refused:
                await _ask(url.replace("http", "https"))
            return refused.value

    error = run(work())
    assert error.kind is WireFault.TLS_FAILED
    assert error.message.startswith("no TLS connection to 127.0.0.1: ")
