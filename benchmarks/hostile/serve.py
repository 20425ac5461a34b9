"""A server with a path that answers as a model does, and a path that answers with hostile bytes."""

import asyncio
import sys
from itertools import count
from random import Random

from .kinds import KINDS

WORDS = 5
"""Number of words of an ordinary answer."""
GAP_S = 0.01
"""Time before each of them."""
_MOST_REPEATS = 16
_ENDLESS_RATIO = 0.1  # of the hostile answers go on until the client leaves
_PART_BYTES = (1, 61, 4096, 65_536)
_MOST_SMALL_PARTS = 2048
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n%b\r\n"
_END = b"0\r\n\r\n"


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


async def _answer(writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD % b"")
    for _ in range(WORDS):
        await asyncio.sleep(GAP_S)
        writer.write(_chunk(b'data: {"text":"word "}\n\n'))
    writer.write(_chunk(b"data: [DONE]\n\n") + _END)


async def _attack(writer: asyncio.StreamWriter, number: int) -> None:
    """Send the hostile answer of a number."""
    choose = Random(number)
    body = KINDS[choose.choice([*KINDS])]
    size = choose.choice(_PART_BYTES)
    is_endless = choose.random() < _ENDLESS_RATIO
    writer.write(_HEAD % b"server-timing: new-%d;dur=1\r\n" % number)
    repeats = count() if is_endless else range(choose.randint(1, _MOST_REPEATS))
    for _ in repeats:
        limit = size * _MOST_SMALL_PARTS
        for start in range(0, min(len(body), limit), size):
            if writer.is_closing():
                return
            writer.write(_chunk(body[start : start + size]))
        await writer.drain()
        await asyncio.sleep(0)
    writer.write(_END)


async def _serve() -> None:
    numbers = count()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                if head.startswith(b"POST /hostile "):
                    await _attack(writer, next(numbers))
                else:
                    await _answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - the port, for the parent process
    await server.serve_forever()


if __name__ == "__main__":
    sys.exit(asyncio.run(_serve()))
