import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.core.watch.readiness import ReadyCondition
from bench.errors import MeasurementError, TargetError
from bench.measure.stacks import health
from bench.measure.stacks.health import wait_until_ready
from tests.measure.authority import Authority
from tests.measure.loopback import Script, response, server

STARTED = ReadyCondition(is_external=False)
EXTERNAL = ReadyCondition()
GONE = response(b"no such page", "404 Not Found")
READY = response(b"{}")


def _wait(
    answers: Sequence[bytes | Script], condition: ReadyCondition = EXTERNAL, timeout_s: float = 600.0
) -> int:
    """Wait for a service with these answers, and return the number of requests."""

    async def run() -> int:
        async with server(answers) as (url, seen):
            await asyncio.to_thread(wait_until_ready, f"{url}/ready", {}, timeout_s, lambda: None, condition)
            return len(seen.heads)

    return asyncio.run(run())


async def _drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def test_a_refusal_that_will_not_pass_ends_the_wait() -> None:
    """The second answer would be a success, but no second request is sent."""
    with pytest.raises(TargetError, match=r"/ready answered 404 Not Found: no such page") as caught:
        _wait([GONE, READY])
    assert "the service is up, but has no /ready" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "answer", [_drop, response(b"", "503 Loading"), response(b"", "429 Slow down", "retry-after: 0")]
)
def test_waiting_goes_on_while_it_may_help(answer: bytes | Script) -> None:
    """A closed connection, a service that loads, and a limit of requests may pass."""
    assert _wait([answer, answer, READY]) == 3


def test_a_service_that_bench_started_may_refuse_for_a_moment() -> None:
    """A proxy may answer 404 before its service is up."""
    assert _wait([GONE, GONE, READY], STARTED) == 3


def test_a_service_that_bench_started_may_not_refuse_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal counts after the moment."""
    monkeypatch.setattr(health, "_SETTLE_S", 0.0)
    with pytest.raises(TargetError, match="404 Not Found"):
        _wait([GONE, READY], STARTED)


def test_an_endless_body_does_not_delay_the_answer() -> None:
    """Neither that of a success, nor that of a refusal."""

    async def endless(status: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 %s\r\n\r\n" % status)
        while not writer.is_closing():
            writer.write(b"still here " * 100)
            await writer.drain()
            await asyncio.sleep(0.001)

    async def success(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await endless(b"200 OK", writer)

    async def refusal(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await endless(b"404 Not Found", writer)

    assert _wait([success]) == 1
    with pytest.raises(TargetError, match="still here"):
        _wait([refusal])


def test_any_answer_suffices_without_a_declared_path() -> None:
    """The service answers, and no path promises more."""
    assert _wait([response(b"", "404 Not Found")], ReadyCondition(file=None)) == 1


@pytest.mark.parametrize("temporary", [0, 2])
@pytest.mark.parametrize("code", [socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_FAIL])
def test_an_unknown_name_ends_the_wait(monkeypatch: pytest.MonkeyPatch, code: int, temporary: int) -> None:
    """A resolver that is out of order for a moment does not."""
    codes = [*[socket.EAI_AGAIN] * temporary, code]

    def resolve(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(codes.pop(0), "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(TargetError, match=r"unknown host name \(no such name\)") as caught:
        wait_until_ready("http://far.example/ready", {}, 600.0)
    assert codes == []
    assert "check the name" in (caught.value.hint or "")


def test_a_certificate_that_is_not_trusted_ends_the_wait(tmp_path: Path) -> None:
    """The hint names the variable with the authority."""
    folder = Authority().issue(tmp_path / "made")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    async def run() -> None:
        async with server([READY], tls=context) as (url, _):
            address = url.replace("http://", "https://")
            await asyncio.to_thread(wait_until_ready, address, {}, 600.0)

    with pytest.raises(TargetError, match="has a certificate that this machine does not accept") as caught:
        asyncio.run(run())
    assert "SSL_CERT_FILE" in (caught.value.hint or "")


def test_a_shortage_of_this_machine_is_no_fault_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait ends at once, and the error has the system's words."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(MeasurementError, match="not sent: Too many open files on this machine"):
        wait_until_ready("http://127.0.0.1:1/ready", {}, 600.0)


def test_tls_to_a_port_without_tls_ends_the_wait() -> None:
    """The hint names the other scheme."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async def run() -> None:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            await asyncio.to_thread(wait_until_ready, f"https://127.0.0.1:{port}", {}, 600.0)

    with pytest.raises(TargetError, match="does not use TLS") as caught:
        asyncio.run(run())
    assert "write http://" in (caught.value.hint or "")
