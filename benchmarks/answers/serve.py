"""A server on loopback that sends an answer byte by byte."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from .example import Example

Reply = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Answers the requests of one connection."""
_RESET = struct.pack("ii", 1, 0)
_CONTENT_TYPES = {"openai-chat": "text/event-stream", "chat-stream": "text/event-stream"}


def head_of(answer: Example, parts: Iterable[bytes]) -> bytes:
    """Return the status line and the headers of an answer, unless its parts contain them."""
    if answer.framing == "raw":
        return b""
    content_type = "application/json"
    if answer.target != "ollama":
        content_type = _CONTENT_TYPES.get(answer.target, "application/x-ndjson")
    headers = {"content-type": content_type}
    if answer.compress is not None:
        headers["content-encoding"] = answer.compress
    headers |= answer.headers
    if answer.framing == "chunked":
        headers["transfer-encoding"] = "chunked"
    elif answer.framing == "length":
        headers["content-length"] = str(sum(map(len, parts)) + answer.length_error)
    else:
        headers["connection"] = "close"
    lines = [f"HTTP/1.1 {answer.status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def send(answer: Example, writer: asyncio.StreamWriter) -> bool:
    """Send an answer. Return whether the connection takes another request."""
    parts = [*answer.parts()]
    writer.write(head_of(answer, [content for _, content in parts]))
    is_chunked = answer.framing == "chunked"
    for delay_s, content in parts:
        # Without a pause, the event loop of the client still reads each part alone, mostly.
        await asyncio.sleep(delay_s)
        writer.write(b"%x\r\n%s\r\n" % (len(content), content) if is_chunked and content else content)
        await writer.drain()
    return await _finish(answer, writer)


async def _finish(answer: Example, writer: asyncio.StreamWriter) -> bool:
    if answer.end == "hold":
        await asyncio.Event().wait()
    if answer.end == "reset":
        await asyncio.sleep(0.02)  # the client reads what was sent; a reset discards what it has not read
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
        return False
    if answer.framing == "chunked" and answer.end != "cut":
        writer.write(b"0\r\n\r\n")
    return answer.end == "keep" and answer.framing != "close"


async def read_request(reader: asyncio.StreamReader) -> str:
    """Read a request to its end. Return its path."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.removeprefix(b"content-length:"))
    await reader.readexactly(length)
    return head.split(b" ")[1].decode()


@asynccontextmanager
async def serving(answer: Example) -> AsyncIterator[str]:
    """Serve an answer to every request. Yields the URL."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_open = True
        while is_open:
            await read_request(reader)
            is_open = await send(answer, writer)

    async with listening(reply) as url:
        yield url


@asynccontextmanager
async def listening(reply: Reply) -> AsyncIterator[str]:
    """Call a function for every connection, until the client or the block ends. Yields the URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        try:
            await reply(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
