import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

from chatstack.upstream import Upstream

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nabc"
# More turns of the event loop than one exchange on an open connection takes.
_TURNS = 40


async def _serve(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(_ANSWER)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _ask(upstream: Upstream) -> bytes:
    async with upstream.client() as client:
        response = await client.send(client.build_request("GET", "/"), stream=True)
        try:
            return b"".join([part async for part in response.aiter_raw()])
        finally:
            await response.aclose()


async def _left_after_every_turn() -> set[bytes]:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    upstream = Upstream(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_s=60.0)
    answers = set()
    for turns in range(_TURNS):
        await _ask(upstream)  # so that there is a connection
        asked = asyncio.ensure_future(_ask(upstream))
        for _ in range(turns):
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        answers.add(await _ask(upstream))
    await upstream.close()
    server.close()
    served = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*served)
    return answers


def test_who_leaves_at_any_moment_leaves_no_connection_that_never_answers() -> None:
    """A pool of httpcore keeps a connection for ever whose user leaves while it is given back."""
    assert asyncio.run(_left_after_every_turn()) == {b"abc"}
