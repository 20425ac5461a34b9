"""A server on loopback that answers with scripted bytes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """The bytes of an answer."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def streamed(*parts: bytes, whole: bool = True) -> Script:
    """An answer that comes part by part, each read before the next one leaves.

    Args:
        parts: Of the body; a chunk each.
        whole: Whether the stream is ended; otherwise the connection is closed in the midst of it.
    """

    async def write(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for part in parts:
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            await asyncio.sleep(0.01)  # the loop reads what has come before it looks at its timers
        if whole:
            writer.write(b"0\r\n\r\n")
        else:
            writer.close()

    return write


class Requests:
    """What a server saw.

    Attributes:
        bodies: Of the requests, in order.
        heads: Their head lines and headers.
        connections: How many were opened.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.heads: list[str] = []
        self.connections = 0


@asynccontextmanager
async def server(answers: Sequence[bytes | Script]) -> AsyncIterator[tuple[str, Requests]]:
    """Answers the first request with the first answer, and so on; the last one again and again.

    Yields:
        The address, and what the server saw.
    """
    seen = Requests()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
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

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", seen
    finally:
        listener.close()
