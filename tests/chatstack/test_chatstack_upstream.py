import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

from chatstack.upstream import Upstream

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nabc"
# More steps of the event loop than one exchange on an open connection takes.
_LOOP_STEPS = 40


async def _serve(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(_ANSWER)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _get(upstream: Upstream) -> bytes:
    async with upstream.client() as client:
        response = await client.send(client.build_request("GET", "/"), stream=True)
        try:
            return b"".join([part async for part in response.aiter_raw()])
        finally:
            await response.aclose()


async def _cancel_after_each_step() -> set[bytes]:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    upstream = Upstream(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_s=60.0)
    answers = set()
    for steps in range(_LOOP_STEPS):
        await _get(upstream)  # opens a connection
        cancelled = asyncio.ensure_future(_get(upstream))
        for _ in range(steps):
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        answers.add(await _get(upstream))
    await upstream.close()
    server.close()
    connections = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*connections)
    return answers


def test_a_request_that_is_cancelled_at_any_moment_leaves_no_dead_connection() -> None:
    """A cancelled request must not stay in the pool of httpcore as a connection that never answers."""
    assert asyncio.run(_cancel_after_each_step()) == {b"abc"}
