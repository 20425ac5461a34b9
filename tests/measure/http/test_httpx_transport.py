import asyncio
import gzip
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

import bench
from tests.measure.hostile import LOOPS, Run, make_certificate, run_on, serving, then_close, then_reset, until
from tests.measure.loopback import Script, response, server

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Run every test on both event loops."""
    return run_on(request.param)


def _client(transport: bench.Transport | None = None, read_s: float | None = None) -> httpx.AsyncClient:
    timeout = httpx.Timeout(None, read=read_s)
    return httpx.AsyncClient(transport=transport or bench.Transport(), timeout=timeout)


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def _hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(1)


def test_a_client_works_as_with_its_own_transport(run: Run) -> None:
    """Method, path, headers and body arrive as httpx made them, and the response is the server's."""

    async def work() -> None:
        async with (
            server([response(b'{"a": 1}', "201 Created", "x-a: b", "x-a: c")]) as (url, seen),
            _client() as client,
        ):
            got = await client.post(f"{url}/ask?q=a b", json={"b": "é"}, headers=[("x-c", "d"), ("x-c", "e")])
            assert (got.status_code, got.json()) == (201, {"a": 1})
            assert got.headers.get_list("x-a") == ["b", "c"]
            assert got.http_version == "HTTP/1.1"
            assert got.reason_phrase == "Created"
            assert isinstance(got.extensions["bench"], bench.ExchangeTimes)
            assert seen.heads[0].startswith("POST /ask?q=a%20b HTTP/1.1\r\n")
            assert seen.heads[0].count("x-c: ") == 2
            assert seen.heads[0].lower().count("host: ") == 1
            assert seen.heads[0].lower().count("content-length: ") == 1
            assert seen.bodies == ['{"b":"é"}'.encode()]

    run(work())


def test_a_response_has_the_times_of_its_exchange(run: Run) -> None:
    """Connecting, sending, first byte, each part and end are on the clock of `time.monotonic`, in order."""

    async def work() -> None:
        go = asyncio.Event()

        async def two_parts(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED + b"1\r\na\r\n")
            await go.wait()
            writer.write(b"1\r\nb\r\n0\r\n\r\n")

        async with server([two_parts, response(b"")]) as (url, _), _client() as client:
            began_s = time.monotonic()
            async with client.stream("GET", url) as got:
                times: bench.ExchangeTimes = got.extensions["bench"]
                parts = got.aiter_raw()
                assert await anext(parts) == b"a"
                finished_early = times.finished_s is not None
                go.set()
                assert await anext(parts) == b"b"
                assert [part async for part in parts] == []
            ended_s = time.monotonic()
            assert not finished_early
            assert times.connect_s is not None
            assert times.sent_s is not None
            assert times.finished_s is not None
            assert (
                began_s + times.connect_s <= times.sent_s <= times.parts_s[0] <= times.parts_s[1] <= ended_s
            )
            assert times.parts_s[1] <= times.finished_s <= ended_s
            assert times.first_byte_s == times.parts_s[0]
            assert not times.retried
            empty = (await client.get(url)).extensions["bench"]
            assert (empty.connect_s, empty.first_byte_s, empty.parts_s) == (None, None, [])
            assert empty.finished_s >= empty.sent_s >= ended_s

    run(work())


def test_the_public_names_are_imported_when_they_are_used() -> None:
    """`import bench` imports no httpx, and a name that does not exist is an AttributeError."""
    program = (
        "import sys, bench; assert 'httpx' not in sys.modules; assert issubclass(bench.Transport, "
        "__import__('httpx').AsyncBaseTransport)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        getattr(bench, "Nothing")  # noqa: B009 - mypy refuses the attribute


def test_a_streamed_request_is_collected(run: Run) -> None:
    """A body in parts is sent as a whole, with its length."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"one "
        await asyncio.sleep(0)
        yield b"two"

    async def work() -> None:
        async with server([response(b"")]) as (url, seen), _client() as client:
            await client.put(url, content=parts())
            assert seen.bodies == [b"one two"]
            assert "transfer-encoding" not in seen.heads[0].lower()

    run(work())


def test_a_response_is_read_while_it_arrives(run: Run) -> None:
    """Headers and parts are available before the server has sent the rest."""

    async def work() -> None:
        go = asyncio.Event()

        async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED)
            for letter in b"abc":
                await go.wait()
                go.clear()
                writer.write(b"1\r\n%c\r\n" % letter)
            writer.write(b"0\r\n\r\n")

        async with (
            server([drip]) as (url, _),
            _client() as client,
            client.stream("GET", url) as got,
        ):
            assert got.status_code == 200
            go.set()
            parts = []
            async for part in got.aiter_raw():
                parts.append(part)
                go.set()
            assert parts == [b"a", b"b", b"c"]

    run(work())


def test_connections_are_reused_newest_first(run: Run) -> None:
    """Sequential requests need one connection; parallel ones need one each."""

    async def work() -> None:
        go = asyncio.Event()

        async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await go.wait()
            writer.write(response(b"late"))

        answers: list[bytes | Script] = [response(b"a"), response(b"b"), wait, wait, response(b"c")]
        async with server(answers) as (url, seen), _client() as client:
            for _ in range(2):
                await client.get(url)
            assert seen.connections == 1
            both = asyncio.gather(client.get(url), client.get(url))
            await until(lambda: len(seen.heads) == 4)
            go.set()
            await both
            await client.get(url)
            assert seen.connections == 2

    run(work())


def test_each_origin_has_its_connections(run: Run) -> None:
    """A connection to one server never serves another."""

    async def work() -> None:
        async with (
            server([response(b"one")]) as (one, _),
            server([response(b"two")]) as (two, _),
            _client() as client,
        ):
            assert [(await client.get(url)).text for url in (one, two, one)] == ["one", "two", "one"]

    run(work())


def test_httpx_decodes_compressed_bodies(run: Run) -> None:
    """The transport passes a compressed body on, and httpx decodes it."""

    async def work() -> None:
        zipped = response(gzip.compress(b"hello"), "200 OK", "content-encoding: gzip")
        async with server([zipped]) as (url, _), _client() as client:
            assert (await client.get(url)).content == b"hello"

    run(work())


def test_redirects_are_followed_by_httpx(run: Run) -> None:
    """The transport returns the redirect, and the client follows it."""

    async def work() -> None:
        moved = response(b"", "302 Found", "location: /there")
        async with server([moved, response(b"here")]) as (url, seen), _client() as client:
            assert (await client.get(url, follow_redirects=True)).text == "here"
            assert seen.heads[1].startswith("GET /there ")
            assert seen.connections == 1

    run(work())


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (then_close(b""), httpx.ReadError),
        (then_reset(b""), httpx.ReadError),
        (then_close(b"garbage"), httpx.RemoteProtocolError),
        (then_close(response(b"half")[:-1]), httpx.RemoteProtocolError),
        (then_close(response(b"x" * 2000)), httpx.RemoteProtocolError),
    ],
)
def test_failures_are_those_of_httpx(run: Run, script: Script, error: type[httpx.TransportError]) -> None:
    """The exceptions are httpx's, with the request."""

    async def work() -> None:
        async with serving(script) as url, _client(bench.Transport(max_body=1000)) as client:
            with pytest.raises(error) as failed:
                await client.get(url)
            assert failed.value.request.url == url
            assert str(failed.value)

    run(work())


def test_parts_before_a_failure_are_read(run: Run) -> None:
    """The parts of a body that breaks are passed on before the error."""

    async def work() -> None:
        async with serving(then_close(CHUNKED + b"1\r\na\r\n")) as url, _client() as client:
            parts = []
            with pytest.raises(httpx.RemoteProtocolError, match="announced end"):
                async with client.stream("GET", url) as got:
                    parts = [part async for part in got.aiter_raw(1)]
            assert parts == []
            async with client.stream("GET", url) as got:
                reading = got.aiter_raw()
                assert await anext(reading) == b"a"
                with pytest.raises(httpx.RemoteProtocolError, match="announced end"):
                    await anext(reading)

    run(work())


def test_no_connection_is_a_connect_error(run: Run) -> None:
    """A missing server, an unknown name and missing TLS are each a ConnectError, again and again."""

    async def work() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, and not listening
            async with serving(_hang_up) as plain, _client() as client:
                for url in (
                    f"http://127.0.0.1:{taken.getsockname()[1]}",
                    f"http://127.0.0.1:{taken.getsockname()[1]}",
                    "http://nobody.invalid",
                    plain.replace("http", "https"),
                ):
                    with pytest.raises(httpx.ConnectError):
                        await client.get(url)

    run(work())


def test_the_given_tls_context_is_used(run: Run, tmp_path: Path) -> None:
    """The context of the transport verifies the server."""
    served, trusting = make_certificate(tmp_path)

    async def work() -> None:
        async with serving(then_close(response(b"safe")), served) as url:
            async with _client(bench.Transport(trusting)) as client:
                assert (await client.get(url)).text == "safe"
            async with _client() as client:
                with pytest.raises(httpx.ConnectError, match="self-signed"):
                    await client.get(url)

    run(work())


@pytest.mark.parametrize("begun", [b"", CHUNKED, CHUNKED + b"1\r\na\r\n"])
def test_the_read_timeout_limits_silence(run: Run, begun: bytes) -> None:
    """`read` limits the time without a byte before and within a response, and ends the connection."""

    async def work() -> None:
        gone = asyncio.Event()
        connections = 0

        async def stop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            if gone.is_set():
                await then_close(response(b"b"))(reader, writer)
                return
            try:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(begun)
                await reader.read()
            finally:
                gone.set()

        async with serving(stop) as url, _client(read_s=0.05) as client:
            with pytest.raises(httpx.ReadTimeout, match=r"0\.05 s"):
                await client.get(url)
            await gone.wait()
            assert (await client.get(url, timeout=None)).text == "b"
            assert connections == 2

    run(work())


def test_the_connect_timeout_limits_opening() -> None:
    """`connect` limits the time of opening, TLS included."""

    async def work() -> None:
        with socket.create_server(
            ("127.0.0.1", 0)
        ) as deaf:  # the kernel takes the connection, nobody answers
            url = f"https://127.0.0.1:{deaf.getsockname()[1]}"
            async with _client() as client:
                with pytest.raises(httpx.ConnectTimeout, match=r"0\.05 s"):
                    await client.get(url, timeout=httpx.Timeout(None, connect=0.05))

    for name in LOOPS:
        run_on(name)(work())


def test_leaving_a_response_closes_its_connection(run: Run) -> None:
    """The server sees that a client stopped reading or was cancelled."""

    async def work() -> None:
        left: list[bytes] = []

        async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED + b"1\r\na\r\n")
            left.append(await reader.read())

        async with server([endless, endless, _silent, response(b"b")]) as (url, seen), _client() as client:
            async with client.stream("GET", url) as got:
                assert await anext(got.aiter_raw()) == b"a"
            await until(lambda: len(left) == 1)
            reading = asyncio.create_task(client.get(url))
            await until(lambda: len(seen.heads) == 2)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await until(lambda: len(left) == 2)
            waiting = asyncio.create_task(client.get(url))
            await until(lambda: len(seen.heads) == 3)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert (await client.get(url)).text == "b"

    run(work())


def test_closing_the_client_fails_responses_in_progress(run: Run) -> None:
    """A response that is still being read fails, and no connection is left."""

    async def work() -> None:
        async with server([_silent]) as (url, seen):
            transport = bench.Transport()
            client = _client(transport)
            reading = asyncio.create_task(client.get(url))
            await until(lambda: len(seen.heads) == 1)
            await client.aclose()
            with pytest.raises(httpx.ReadError, match="by the client"):
                await reading

    run(work())


def test_an_invalid_request_is_refused(run: Run) -> None:
    """Another scheme and a header with a line break are errors before any byte is sent."""

    async def work() -> None:
        async with server([response(b"")]) as (url, seen), _client() as client:
            with pytest.raises(httpx.UnsupportedProtocol):
                await client.get("ftp://example.com")
            with pytest.raises(httpx.LocalProtocolError):
                await client.get(url, headers={"a": "b\r\nc: d"})
            assert seen.connections == 0

    run(work())
