import asyncio
from collections.abc import Sequence

import pytest

from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.measure.http.httpx_connection import HttpxConnection
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from tests.factories import make_spec
from tests.measure.loopback import server
from tests.measure.sending import begin

SSE = {"kind": "sse", "text": "message", "done_event": "done"}
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"message": "Hi"}\n\n'


def _interrupt(parts: Sequence[bytes], *, httpx: bool) -> RequestSample:
    """Return the sample of a request that is interrupted after the server has sent these parts."""

    async def work() -> RequestSample:
        written = asyncio.Event()

        async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for part in parts:
                writer.write(part)
            await writer.drain()
            written.set()
            await reader.read()

        async with server([write]) as (url, _):
            connection = HttpxConnection(url) if httpx else None
            client = ChatClient(Endpoint.of(make_spec(answer=SSE), url, {}), "token", connection)
            sending = begin(client)
            await written.wait()
            await asyncio.sleep(0.1)
            client.cut((Outcome.CUT_OFF, "the phase ended"))
            await client.close()
            return await sending

    return asyncio.run(work())


@pytest.mark.parametrize("httpx", [False, True])
def test_an_interrupted_request_keeps_its_times(httpx: bool) -> None:
    """A request that ends before its answer is complete has the times of the part that came."""
    chunk = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
    sample = _interrupt([HEAD, chunk], httpx=httpx)
    assert (sample.outcome, sample.detail) == (Outcome.CUT_OFF, "the phase ended")
    assert sample.sent_s is not None
    assert sample.first_token_s is not None
    assert sample.sent_s <= sample.first_token_s < sample.finished_s


def test_an_interrupted_request_without_an_answer_has_no_first_token() -> None:
    """It was sent, and no text came until it ended."""
    sample = _interrupt([], httpx=False)
    assert sample.outcome is Outcome.CUT_OFF
    assert sample.sent_s is not None
    assert sample.sent_s < sample.finished_s
    assert (sample.first_byte_s, sample.first_token_s, sample.status) == (None, None, None)
