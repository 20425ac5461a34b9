"""What follows the end mark of an answer neither fails it nor adds to its response time."""

import asyncio
from collections.abc import Sequence

import pytest

from bench.core.response.remarks import Remarks
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.measure.http.httpx_connection import HttpxConnection
from bench.measure.load import chat_client
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from bench.measure.load.shared import Shared
from tests.factories import make_scenario, make_spec
from tests.measure.loopback import Script, response, server
from tests.measure.sending import begin, send

SSE = {"kind": "sse", "text": "message", "tokens": "tokens", "done_data": "[DONE]"}
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
ANSWER = b'data: {"message": "Hi"}\n\ndata: {"message": "!", "tokens": 2}\n\ndata: [DONE]\n\n'
ERROR = b'data: {"error": {"message": "out of memory", "code": 429}}\n\n'
SECOND = response(ANSWER)
LOOK_S = 0.1

pytestmark = pytest.mark.parametrize("httpx", [False, True], ids=["own", "httpx"])


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_client, "_LOOK_S", LOOK_S)


def chunk(part: bytes) -> bytes:
    """Return a part of a body in its framing."""
    return b"%x\r\n%s\r\n" % (len(part), part)


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the answer, and keep the connection open."""
    writer.write(HEAD + chunk(ANSWER))
    await reader.read()


async def chatter(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the answer, and then comments without an end."""
    writer.write(HEAD + chunk(ANSWER))
    while not writer.is_closing():
        writer.write(chunk(b": ping\n\n"))
        await asyncio.sleep(LOOK_S / 10)


async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the answer, and close the connection within the body."""
    writer.write(HEAD + chunk(ANSWER))
    writer.close()


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the answer, and reset the connection."""
    writer.write(HEAD + chunk(ANSWER))
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.transport.abort()


async def end_late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the answer, and the end of its body later."""
    writer.write(HEAD + chunk(ANSWER))
    await asyncio.sleep(0.05)
    writer.write(b"0\r\n\r\n")


async def hold_after_error(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Report an error, and keep the connection open without an end mark."""
    writer.write(HEAD + chunk(ERROR))
    await reader.read()


async def cut_after_error(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Report an error, and close the connection within the body."""
    writer.write(HEAD + chunk(ERROR))
    writer.close()


async def hold_before_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send an answer without its end mark, and keep the connection open."""
    writer.write(HEAD + chunk(ANSWER.replace(b"data: [DONE]\n\n", b"")))
    await reader.read()


def send_two(
    script: Script, *, httpx: bool, timeout_s: float = 30.0
) -> tuple[Sequence[RequestSample], Remarks]:
    """Return the samples of two requests of one VU, to this script and to a good server; and the remarks."""
    remarks = Remarks()

    async def work() -> list[RequestSample]:
        async with server([script, SECOND]) as (url, _):
            spec = make_spec(make_scenario(request_timeout_s=timeout_s), answer=SSE)
            connection = HttpxConnection(url) if httpx else None
            client = ChatClient(Endpoint.of(spec, url, {}), "token", connection, Shared(remarks))
            samples = [await send(client), await send(client)]
            await client.close()
            return samples

    return asyncio.run(work()), remarks


@pytest.mark.parametrize(
    ("script", "remark"),
    [
        (hold, "had a connection that the server kept open after the end mark"),
        (chatter, "had a connection that the server kept open after the end mark"),
        (cut, "had a connection that broke after the end mark"),
        (reset, "had a connection that broke after the end mark"),
        (end_late, None),
    ],
)
def test_an_answer_ends_with_its_mark(script: Script, remark: str | None, *, httpx: bool) -> None:
    """The answer is ok, its time is that of the mark, and the VU sends its next request."""
    (first, second), remarks = send_two(script, httpx=httpx)
    assert (first.outcome, first.detail, first.tokens) == (Outcome.OK, None, 2)
    assert first.last_token_s is not None
    assert first.closed_s is not None
    assert first.last_token_s <= first.finished_s <= first.closed_s
    assert remarks.counts == ({remark: 1} if remark else {})
    assert second.outcome is Outcome.OK


@pytest.mark.parametrize("script", [hold, chatter])
def test_the_wait_for_the_end_of_the_body_is_limited(script: Script, *, httpx: bool) -> None:
    """The VU waits two looks after the mark at most, whatever the server sends; the mark is earlier."""
    (first, _), _ = send_two(script, httpx=httpx)
    assert first.closed_s is not None
    assert first.closed_s - first.finished_s >= LOOK_S


@pytest.mark.parametrize(("script", "timeout_s"), [(cut_after_error, 30.0), (hold_after_error, 2.0)])
def test_a_reported_error_is_the_cause_of_what_follows(
    script: Script, timeout_s: float, *, httpx: bool
) -> None:
    """Neither the cut connection nor the time-out hides the server's own words and status."""
    (first, _), _ = send_two(script, httpx=httpx, timeout_s=timeout_s)
    assert first.outcome is Outcome.RATE_LIMITED
    assert first.detail == "the server reports an error: out of memory"


def test_without_the_mark_a_held_connection_is_a_timeout(*, httpx: bool) -> None:
    """Text alone does not end an answer."""
    (first, _), _ = send_two(hold_before_end, httpx=httpx, timeout_s=0.5)
    assert (first.outcome, first.closed_s) == (Outcome.TIMEOUT, None)


def test_an_answer_is_complete_if_the_run_ends_during_the_wait(*, httpx: bool) -> None:
    """The end of a phase cuts off only the wait, so the request keeps its answer."""

    async def work() -> RequestSample:
        async with server([hold]) as (url, _):
            connection = HttpxConnection(url) if httpx else None
            client = ChatClient(Endpoint.of(make_spec(answer=SSE), url, {}), "token", connection)
            sending = begin(client)
            assert client._reader is not None
            while not client._reader.is_complete():  # noqa: ASYNC110 - the reader has no event
                await asyncio.sleep(0.01)
            client.cut((Outcome.CUT_OFF, "cut off"))
            await client.close()
            return await sending

    sample = asyncio.run(work())
    assert (sample.outcome, sample.detail) == (Outcome.OK, None)
    assert sample.closed_s is not None
    assert sample.closed_s >= sample.finished_s


async def mark_each_event(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send an answer whose events all have a mark, for longer than the wait after an end mark."""
    writer.write(HEAD)
    for number in range(8):
        await asyncio.sleep(LOOK_S / 2)
        event = b'data: {"message": "a", "end": "STOP", "tokens": %d}\n\n' % (number + 1)
        writer.write(chunk(event))
    writer.write(b"0\r\n\r\n")


def test_a_mark_in_every_event_cuts_no_answer(*, httpx: bool) -> None:
    """Some servers write the mark in every event. The text after it belongs to the answer."""
    answer = {"kind": "sse", "text": "message", "done": "end", "tokens": "tokens"}

    async def work() -> RequestSample:
        async with server([mark_each_event]) as (url, _):
            spec = make_spec(answer=answer)
            client = ChatClient(Endpoint.of(spec, url, {}), "token", HttpxConnection(url) if httpx else None)
            sample = await send(client)
            await client.close()
            return sample

    sample = asyncio.run(work())
    assert (sample.outcome, sample.tokens) == (Outcome.OK, 8)
