"""Servers that misbehave, a self-signed certificate, and both event loops."""

import asyncio
import datetime as dt
import gc
import importlib
import importlib.util
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from tests.measure.loopback import Script

Result = TypeVar("Result")
_PATIENCE_S = 60.0


class Run(Protocol):
    """Runs a coroutine on its own event loop, and checks that no task or socket is left."""

    def __call__(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Return the result of the coroutine."""
        ...


def _no_uvloop() -> asyncio.AbstractEventLoop:
    pytest.skip("uvloop is not installed")


def _loops() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    if importlib.util.find_spec("uvloop") is None:
        return {"asyncio": asyncio.new_event_loop, "uvloop": _no_uvloop}
    return {
        "asyncio": asyncio.new_event_loop,
        "uvloop": importlib.import_module("uvloop").new_event_loop,
    }


LOOPS = _loops()


def run_on(name: str) -> Run:
    """Return a function that runs a coroutine on the loop of this name."""

    def run(work: Coroutine[Any, Any, Result]) -> Result:
        strays: list[dict[str, Any]] = []

        def stray(context: dict[str, Any]) -> None:
            if "incoming connection" not in context["message"]:  # in debug mode the refused server logs it
                strays.append(context)

        try:
            with asyncio.Runner(loop_factory=LOOPS[name]) as runner:
                runner.get_loop().set_exception_handler(lambda _, context: stray(context))
                return runner.run(_to_the_end(work))
        finally:
            work.close()
            gc.collect()  # shows warnings about open sockets in this test
            assert not strays, strays

    return run


async def _to_the_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine and wait for its servers. A server that does not end has an open connection."""
    result = await work
    servers = asyncio.all_tasks() - {asyncio.current_task()}
    if servers:
        _, open_still = await asyncio.wait(servers, timeout=_PATIENCE_S)
        assert not open_still, open_still
    return result


async def until(done: Callable[[], bool]) -> None:
    """Let the loop run until the condition is true."""
    async with asyncio.timeout(_PATIENCE_S):
        while not done():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0)


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Run the script on each connection, then close the connection.

    Yields:
        The URL.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


def then_close(answer: bytes) -> Script:
    """Return a script that reads a request, sends the response and closes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    return script


def then_reset(answer: bytes) -> Script:
    """Return a script that reads a request, sends the response and resets the connection."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        reset(writer)

    return script


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the TLS context of a server with a self-signed certificate, and of a client that trusts it."""
    pytest.importorskip("cryptography", reason="makes the certificate")  # only tests of TLS need it
    from cryptography import x509  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see above
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - see above

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = folder / "loopback.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=signed.public_bytes(serialization.Encoding.PEM).decode())
