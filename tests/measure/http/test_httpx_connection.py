import asyncio
import json
import socket
import time
from collections.abc import Sequence

import pytest

from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.measure.http.connection import MAX_BODY_BYTES
from bench.measure.http.httpx_connection import HttpxConnection
from bench.measure.http.route import HttpImplementation, Route
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from bench.measure.load.messages import Batch, Job
from bench.measure.load.workers import start_workers
from tests.factories import make_scenario, make_spec
from tests.measure.loopback import Requests, Script, response, server, streamed
from tests.measure.sending import send

GOOD = response(b'{"data": {"message": "hello"}}', "200 OK", "server-timing: agent;dur=3")
SSE = {"kind": "sse", "text": "text", "done_data": "[DONE]"}


def _send(
    answers: Sequence[bytes | Script], count: int = 1, **target: object
) -> tuple[list[RequestSample], Requests]:
    """Return the samples of one VU's requests through httpx, and the requests that the server received."""

    async def work() -> tuple[list[RequestSample], Requests]:
        async with server(answers) as (url, seen):
            spec = make_spec(None, **target)
            client = ChatClient(Endpoint.of(spec, url, {}), "token", HttpxConnection(url))
            got = [await send(client) for _ in range(count)]
            await client.close()
            return got, seen

    return asyncio.run(work())


def _send_to(url: str) -> RequestSample:
    async def work() -> RequestSample:
        client = ChatClient(Endpoint.of(make_spec(), url, {}), None, HttpxConnection(url))
        answer = await send(client)
        await client.close()
        return answer

    return asyncio.run(work())


def test_httpx_sends_the_same_request() -> None:
    """Path, token, type and body are the same, and the connection is kept."""
    (first, second), seen = _send([GOOD], 2)
    assert (first.outcome, second.outcome) == (Outcome.OK, Outcome.OK)
    assert seen.heads[0].startswith("POST /ask HTTP/1.1\r\n")
    assert "authorization: Bearer token\r\n" in seen.heads[0].lower().replace("bearer", "Bearer")
    assert json.loads(seen.bodies[0]) == {"message": "Please help: greeting"}
    assert seen.connections == 1
    assert first.tier_times == {"agent": 3.0}


def test_httpx_takes_the_same_times() -> None:
    """Connecting has its own time, and sent, first byte and end are in order."""
    before_s = time.monotonic()
    (first, second), _ = _send([GOOD], 2)
    assert first.connect_s is not None
    assert second.connect_s is None
    for answer in (first, second):
        assert answer.sent_s is not None
        assert answer.first_byte_s is not None
        assert before_s <= answer.sent_s <= answer.first_byte_s <= answer.finished_s <= time.monotonic()


def test_httpx_reads_streams() -> None:
    """Each token has the time at which its part arrived."""
    parts = [b'data: {"text": "a"}\n\n', b'data: {"text": "b"}\n\n', b"data: [DONE]\n\n"]
    (answer,), _ = _send([streamed(*parts)], answer=SSE)
    assert answer.outcome is Outcome.OK
    assert answer.tokens == 2
    assert answer.first_token_s is not None
    assert answer.last_token_s is not None
    assert answer.first_token_s < answer.last_token_s


async def _half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    writer.close()


async def _huge(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (2 * MAX_BODY_BYTES))
    for _piece in range(2 * MAX_BODY_BYTES // 65_536):
        writer.write(b"x" * 65_536)
        await writer.drain()


@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        (b"nonsense\r\n\r\n", Outcome.BAD_STREAM, "bad_stream"),
        (_half, Outcome.BAD_STREAM, "bad_stream"),
        (_huge, Outcome.BAD_STREAM, "too_large"),
        (response(b"zip", "200 OK", "content-encoding: gzip"), Outcome.BAD_STREAM, "is not gzip"),
        (response(b"no", "500 Internal Server Error"), Outcome.HTTP_ERROR, "no"),
        (response(b"", "302 Found", "location: /elsewhere"), Outcome.HTTP_ERROR, "redirects to /elsewhere"),
    ],
)
def test_each_fault_is_an_outcome(answer: bytes | Script, outcome: Outcome, said: str) -> None:
    """The outcome is that of the own transport, and the next request has a connection again."""
    (bad, good), _ = _send([answer, GOOD], 2)
    assert bad.outcome is outcome
    assert said in (bad.detail or "")
    assert good.outcome is Outcome.OK


def test_a_missing_server_is_a_failed_connection() -> None:
    """A closed port and a host without an address are failures to connect."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = _send_to(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert closed.outcome is Outcome.CONNECT_FAILED
    nameless = _send_to("http://nowhere.invalid")
    assert nameless.outcome is Outcome.CONNECT_FAILED
    assert "name_failed" in (nameless.detail or "")


def test_a_plain_server_behind_https_is_a_tls_failure() -> None:
    """It differs from a missing server."""

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 welcome\r\n")
        await writer.drain()
        writer.close()

    async def work() -> RequestSample:
        listener = await asyncio.start_server(plain, "127.0.0.1", 0)
        url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        async with listener:
            client = ChatClient(Endpoint.of(make_spec(), url, {}), None, HttpxConnection(url))
            answer = await send(client)
            await client.close()
            return answer

    answer = asyncio.run(work())
    assert answer.outcome is Outcome.CONNECT_FAILED
    assert "tls_failed" in (answer.detail or "")


def test_a_load_can_go_through_httpx() -> None:
    """Load generators use httpx if the job asks for it."""
    turns = {"executor": "per-vu-iterations", "vus": 2, "iterations": 2}
    counts: list[int] = []

    def take(batch: Batch) -> None:
        assert {sample.outcome for sample in batch.log.since(0)} <= {Outcome.OK}
        counts.append(len(batch.log))

    async def work() -> Requests:
        async with server([GOOD]) as (url, seen), start_workers(1) as workers:
            spec = make_spec(make_scenario(phases=[turns]))
            await workers.run(Job(spec, (url,), route=Route(HttpImplementation.HTTPX)), take)
            assert workers.http_versions == {"1.1"}
            return seen

    seen = asyncio.run(work())
    assert sum(counts) == 4
    assert all("user-agent: python-httpx" in head.lower() for head in seen.heads)
