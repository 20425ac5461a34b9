import asyncio
import gzip
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bench.measure.http.connection import MAX_BODY_BYTES, Connection
from bench.measure.http.httpx_connection import HttpxConnection
from bench.measure.http.wire import Address, Reply, WireError, WireFault, request_bytes
from tests.measure.hostile import LOOPS, run_on, serving, then_close
from tests.measure.http import framings
from tests.measure.loopback import Script

GET = request_bytes("GET", "/", "test", {"accept-encoding": "identity"})
Client = Connection | HttpxConnection


def _own(url: str) -> Client:
    return Connection(Address.of(url))


CLIENTS: dict[str, Callable[[str], Client]] = {"own": _own, "httpx": HttpxConnection}


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Callable[[str], Client]:
    """Run a test over both transports."""
    return CLIENTS[request.param]


async def _exchange(new_client: Callable[[str], Client], script: Script) -> tuple[Reply, WireError | None]:
    """Return the reply, as far as it arrived, and the error of an exchange."""
    async with serving(script) as url:
        client = new_client(url)
        error = None
        try:
            await client.exchange(GET)
        except WireError as caught:
            error = caught
        client.close()
        await client.wait_closed()
        return client.reply, error


def _read(new_client: Callable[[str], Client], answer: bytes) -> tuple[Reply, WireError | None]:
    return run_on("asyncio")(_exchange(new_client, then_close(answer)))


def in_parts(answer: bytes, size: int) -> Script:
    """Return a script that sends an answer in parts of this size."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for start in range(0, len(answer), size):
            writer.write(answer[start : start + size])
            await writer.drain()
            await asyncio.sleep(0)

    return script


@pytest.mark.parametrize("answer", framings.READ_AS_HI.values(), ids=framings.READ_AS_HI)
def test_both_transports_read_what_curl_reads(client: Callable[[str], Client], answer: bytes) -> None:
    """Each harmless deviation from the standard leaves status and body as they are."""
    reply, error = _read(client, answer)
    assert error is None
    assert (reply.status, reply.body) == (200, b"hi")


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("answer", framings.READ_AS_HI.values(), ids=framings.READ_AS_HI)
def test_an_answer_may_arrive_in_any_parts(loop: str, answer: bytes) -> None:
    """The same answers are read when they arrive byte by byte, on both loops."""
    reply, error = run_on(loop)(_exchange(_own, in_parts(answer, 1 + len(answer) // 200)))
    assert error is None
    assert (reply.status, reply.body) == (200, b"hi")


@pytest.mark.parametrize(("answer", "status"), framings.WITHOUT_BODY.values(), ids=framings.WITHOUT_BODY)
def test_an_answer_may_have_no_body(client: Callable[[str], Client], answer: bytes, status: int) -> None:
    """A status without a body is a complete answer, whatever its headers announce."""
    reply, error = _read(client, answer)
    assert error is None
    assert (reply.status, reply.body, reply.first_byte_s) == (status, b"", None)


@pytest.mark.parametrize("case", framings.REFUSED.values(), ids=framings.REFUSED)
def test_both_transports_refuse_the_same(client: Callable[[str], Client], case: framings.Refused) -> None:
    """An answer without a certain end has the same fault over both transports, and keeps its status."""
    reply, error = _read(client, case.answer)
    assert error is not None
    assert error.kind.value == case.fault
    if case.status:
        assert reply.status == case.status
        assert reply.headers


@pytest.mark.parametrize(("answer", "own", "httpx"), framings.DIFFERENT.values(), ids=framings.DIFFERENT)
def test_the_known_differences_are_these(answer: bytes, own: str, httpx: str) -> None:
    """Each difference between the transports is in the table of the documentation."""
    found = []
    for new_client in CLIENTS.values():
        _, error = _read(new_client, answer)
        found.append("ok" if error is None else error.kind.value)
    assert found == [own, httpx]


def test_the_documentation_lists_the_known_differences() -> None:
    """docs/reference/transports.md has a row for each difference, and no other."""
    page = Path("docs/reference/transports.md").read_text(encoding="utf-8")
    table = page.split("## Differences", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (.+?) \| `(\w+)` \| `(\w+)` \|", table, re.MULTILINE)
    assert rows == [(name, own, httpx) for name, (_, own, httpx) in framings.DIFFERENT.items()]


@pytest.mark.parametrize("name", ["br", "zstd", "utf-8"])
def test_an_unknown_encoding_is_named(client: Callable[[str], Client], name: str) -> None:
    """The error names the encoding, and status and headers are kept."""
    reply, error = _read(client, framings.encoded(name.encode(), b"hi", b"503 Busy"))
    assert error is not None
    assert error.message == f"the response has the encoding {name}, which was not requested"
    assert reply.status == 503
    assert reply.header("content-encoding") == name


@pytest.mark.parametrize(
    ("answer", "decoded"),
    [
        (framings.SIZED, None),
        (framings.encoded(b"GZip", framings.ZIPPED, b"500 Oops"), "gzip"),
        (framings.encoded(b"deflate", framings.RAW_DEFLATE), "deflate"),
    ],
)
def test_a_decoded_body_is_marked(
    client: Callable[[str], Client], answer: bytes, decoded: str | None
) -> None:
    """A body that was decoded names its encoding, so that a report can mention it."""
    reply, _ = _read(client, answer)
    assert (reply.body, reply.decoded) == (b"hi", decoded)


def test_a_compressed_stream_is_decoded_part_by_part(client: Callable[[str], Client]) -> None:
    """Each flushed part of a compressed stream is passed on when it arrives."""
    tokens = [b"data: one\n\n", b"data: two\n\n", b"data: three\n\n"]
    packer = zlib.compressobj(wbits=31)
    packed = [packer.compress(token) + packer.flush(zlib.Z_SYNC_FLUSH) for token in tokens]
    packed[-1] += packer.flush()
    received: list[bytes] = []
    taken = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(framings.OK + b"content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n")
        for part in packed:
            taken.clear()
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            await taken.wait()
        writer.write(b"0\r\n\r\n")

    def on_body(part: bytes, _: float) -> None:
        received.append(part)
        taken.set()

    async def work() -> None:
        async with serving(script) as url:
            connection = client(url)
            await connection.exchange(GET, on_body)
            connection.close()
            await connection.wait_closed()

    run_on("asyncio")(work())
    assert received == tokens


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_is_cut_off(client: Callable[[str], Client], layers: int) -> None:
    """A small body that expands to more than the limit ends at the limit."""
    body = b"\0" * (2 * MAX_BODY_BYTES)
    for _ in range(layers):
        body = gzip.compress(body)
    names = b", ".join([b"gzip"] * layers)
    _, error = _read(client, framings.encoded(names, body))
    assert error is not None
    assert error.kind is WireFault.TOO_LARGE
    assert error.message == f"the response is longer than {MAX_BODY_BYTES} bytes"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (framings.CHUNKED + b"2\r\nhi\r\n5\r\nthe", b"hithe"),
        (framings.CHUNKED + b"2\r\nhi\r\nno size\r\n", b"hi"),
        (framings.length(b"9"), b"hi"),
    ],
)
def test_a_failed_exchange_keeps_what_arrived(
    client: Callable[[str], Client], answer: bytes, body: bytes
) -> None:
    """After a failure, the reply has the status, the headers and the parts that arrived."""
    reply, error = _read(client, answer)
    assert error is not None
    assert (reply.status, reply.version) == (200, "1.1")
    assert reply.headers
    assert reply.body == body
    assert reply.first_byte_s is not None
    assert reply.finished_s == 0.0


@pytest.mark.parametrize(("text", "version"), [(b"1.0", "1.0"), (b"1.1", "1.1")])
def test_a_reply_has_its_http_version(client: Callable[[str], Client], text: bytes, version: str) -> None:
    """The version is that of the status line."""
    reply, _ = _read(client, framings.SIZED.replace(b"1.1", text))
    assert reply.version == version


@pytest.mark.parametrize("way", ["close", "cancel"])
def test_a_client_may_end_an_exchange(client: Callable[[str], Client], way: str) -> None:
    """After `close` or a cancellation in the middle of a body, the parts are kept, and the next one works."""
    answers: list[Sequence[bytes]] = [[framings.CHUNKED, b"2\r\nhi\r\n"], [framings.SIZED]]

    async def work() -> None:
        arrived = asyncio.Event()

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            for part in answers.pop(0):
                writer.write(part)
            await reader.read()

        async with serving(script) as url:
            connection = client(url)
            parts: list[bytes] = []

            def on_body(part: bytes, _: float) -> None:
                parts.append(part)
                arrived.set()

            asking = asyncio.create_task(connection.exchange(GET, on_body))
            await arrived.wait()
            if way == "close":
                connection.close()
                with pytest.raises(WireError, match="by the client"):
                    await asking
            else:
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
                connection.close()
            assert (connection.reply.status, parts) == (200, [b"hi"])
            assert (await connection.exchange(GET)).body == b"hi"
            connection.close()
            await connection.wait_closed()

    run_on("asyncio")(work())
