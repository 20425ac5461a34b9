"""A loopback server with scripted responses."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Return the bytes of a response."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def streamed(*parts: bytes, whole: bool = True) -> Script:
    """Return a script that sends a response part by part, each read before the next is sent.

    Args:
        parts: The parts of the body, one chunk each.
        whole: Whether to end the stream; otherwise the connection is closed within it.
    """

    async def write(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for part in parts:
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            await asyncio.sleep(0.01)  # the loop reads bytes before it runs timers
        if whole:
            writer.write(b"0\r\n\r\n")
        else:
            writer.close()

    return write


class Requests:
    """The requests that a server received.

    Attributes:
        bodies: Bodies of the requests, in order.
        heads: Request lines and headers of the requests.
        connections: Number of connections.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.heads: list[str] = []
        self.connections = 0


@asynccontextmanager
async def server(
    answers: Sequence[bytes | Script], tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, Requests]]:
    """Serve the scripted responses in order, and the last one for all further requests.

    Args:
        answers: The responses.
        tls: Context of a server with TLS, whose URL also begins with `http`; None for plain TCP.

    Yields:
        The URL, and the requests that the server received.
    """
    seen = Requests()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    (int(line[15:]) for line in head.lower().splitlines() if "content-length" in line), 0
                )
                body = await reader.readexactly(length)
                answer = answers[min(len(seen.bodies), len(answers) - 1)]
                seen.heads.append(head)
                seen.bodies.append(body)
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", seen
    finally:
        listener.close()
        # A transport that is open at the end of the loop would be a warning in a later test.
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
