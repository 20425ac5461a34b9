import asyncio
import time

from bench.core.load.arrival import Arrival
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.measure.http.connection import Connection
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from bench.measure.load.shared import Shared
from tests.factories import make_scenario, make_spec
from tests.measure.loopback import Script, server, streamed
from tests.measure.sending import begin

SSE = {"kind": "sse", "text": "message", "done_event": "done"}
TIMEOUT_S = 1.0
GOOD = streamed(b'data: {"message": "Hello"}\n\n', b"event: done\ndata: {}\n\n")
COMMENTS = b":\n" * 32_000
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


async def _comment(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send comments as fast as the client reads them, and never an event."""
    writer.write(HEAD)
    chunk = b"%x\r\n%s\r\n" % (len(COMMENTS), COMMENTS)
    for _number in range(10_000):
        writer.write(chunk)
        await writer.drain()


def _run(script: Script) -> tuple[RequestSample, list[RequestSample]]:
    """Return the sample of a request to a script, and those of another user meanwhile."""
    arrival = Arrival(phase=0, vu=0, iteration=0, prompt="greeting")

    async def work() -> tuple[RequestSample, list[RequestSample]]:
        async with server([script]) as (bad_url, _), server([GOOD]) as (good_url, _):
            shared = Shared()
            clients = []
            for url in (bad_url, good_url):
                spec = make_spec(make_scenario(request_timeout_s=TIMEOUT_S), answer=SSE)
                endpoint = Endpoint.of(spec, url, {})
                connection = Connection(endpoint.address, turn=shared.turn)
                clients.append(ChatClient(endpoint, "token", connection, shared))
            bad, good = clients
            ending = begin(bad, arrival)
            others: list[RequestSample] = []
            while not ending.done():
                others.append(await begin(good, arrival))
            for client in clients:
                await client.close()
            return await ending, others

    return asyncio.run(work())


def test_endless_comments_delay_no_other_user() -> None:
    """They end at their deadline, and the good responses of that time are good."""
    began_s = time.monotonic()
    bad, others = _run(_comment)
    assert bad.outcome in {Outcome.TIMEOUT, Outcome.BAD_STREAM}
    assert others
    assert {sample.outcome for sample in others} == {Outcome.OK}
    assert bad.finished_s - began_s < 60
