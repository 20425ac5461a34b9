"""Milestones, two forms of an answer, and leaving at a milestone, over real connections."""

import asyncio
import json
from typing import Any

import pytest

from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.measure.http.connection import Connection
from bench.measure.http.httpx_connection import HttpxConnection
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from bench.measure.load.request_client import Exchanger
from tests.factories import make_scenario, make_spec
from tests.measure.loopback import Requests, Script, response, server, streamed
from tests.measure.sending import send

RAG: dict[str, Any] = {
    "kind": "ndjson",
    "text": {"path": "obj.content", "where": {"obj.type": "message_delta"}},
    "done": {"obj.type": "stop"},
    "milestones": {"first_document": {"obj.type": "documents"}, "first_tool": {"obj.type": "tool"}},
}
EITHER = {
    "stream": {"kind": "sse", "text": "delta", "done_data": "[DONE]"},
    "json": {"kind": "json", "text": "message"},
}


def _line(kind: str, **fields: Any) -> bytes:
    return json.dumps({"ind": 0, "obj": {"type": kind, **fields}}).encode() + b"\n"


STREAM = [_line("documents"), _line("message_delta", content="Hi"), _line("stop")]


def _connect(url: str, transport: str) -> Exchanger:
    address = f"http://{url.removeprefix('http://')}"
    if transport == "httpx":
        return HttpxConnection(address)
    return Connection(Endpoint.of(_spec(), url, {}).address)


def _spec(answer: dict[str, Any] = RAG, leave_at: str | None = None, **target: Any) -> RunSpec:
    scenario = make_scenario(leave_at=leave_at)
    spec = make_spec(scenario, answer=answer, ready=None, **target)
    return spec.model_copy(update={"prompts": (Prompt(id="greeting", text="Hello"),)})


def _send(
    answers: list[bytes | Script], spec: RunSpec, count: int = 1, transport: str = "own"
) -> tuple[list[RequestSample], Requests]:
    async def work() -> tuple[list[RequestSample], Requests]:
        async with server(answers) as (url, seen):
            endpoint = Endpoint.of(spec, url, {})
            client = ChatClient(endpoint, None, _connect(url, transport))
            samples = [await send(client) for _ in range(count)]
            await client.close()
            return samples, seen

    return asyncio.run(work())


@pytest.mark.parametrize("transport", ["own", "httpx"])
def test_a_milestone_has_the_time_of_its_document(transport: str) -> None:
    """The time counts from the planned start; a milestone that is not reached has none."""
    (sample,), _ = _send([streamed(*STREAM)], _spec(), transport=transport)
    assert (sample.outcome, sample.detail) == (Outcome.OK, None)
    assert [*sample.milestone_times] == ["first_document"]
    assert sample.first_byte_s is not None
    assert sample.first_token_s is not None
    reached_s = sample.milestone_times["first_document"] / 1000
    assert sample.first_byte_s == pytest.approx(reached_s)
    assert reached_s < sample.first_token_s


@pytest.mark.parametrize("transport", ["own", "httpx"])
def test_a_user_may_leave_at_a_milestone(transport: str) -> None:
    """The request ends there with the outcome `ok`, without text, and the connection is closed."""
    endless = streamed(*STREAM[:1], *[_line("message_delta", content="x")] * 1000)
    (first, second), seen = _send([endless], _spec(leave_at="first_document"), count=2, transport=transport)
    for sample in (first, second):
        assert (sample.outcome, sample.detail, sample.tokens) == (Outcome.OK, None, None)
        assert sample.finished_s == pytest.approx(sample.milestone_times["first_document"] / 1000)
        assert sample.closed_s is None
    assert seen.connections == 2


def test_an_answer_without_the_milestone_is_read_to_its_end() -> None:
    """A user who would leave at a milestone that is not reached gets the complete answer."""
    (sample,), _ = _send([streamed(*STREAM)], _spec(leave_at="first_tool"))
    assert (sample.outcome, sample.tokens) == (Outcome.OK, 1)


def test_an_error_before_the_milestone_is_a_failure() -> None:
    """A refused request has no milestone, so its status decides."""
    refused = response(b"busy", "503 Service Unavailable")
    (sample,), _ = _send([refused], _spec(leave_at="first_document"))
    assert (sample.outcome, sample.detail) == (Outcome.HTTP_ERROR, "busy")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("transport", ["own", "httpx"])
def test_one_target_reads_streams_and_documents(stream: bool, transport: str) -> None:
    """The content type decides; only a stream has a first token."""
    events = response(
        b'data: {"delta": "Hi"}\n\ndata: [DONE]\n\n', "200 OK", "content-type: text/event-stream"
    )
    document = response(b'{"message": "Hi"}', "200 OK", "content-type: application/json")
    spec = _spec(EITHER, body={"q": "${message}", "stream": stream, "stream_options": {"usage": True}})
    (sample,), seen = _send([events if stream else document], spec, transport=transport)
    assert (sample.outcome, sample.detail) == (Outcome.OK, None)
    assert (sample.first_token_s is not None) is stream
    assert ("stream_options" in json.loads(seen.bodies[0])) is stream


def test_a_service_that_does_not_stream_is_reported() -> None:
    """A document is a failed answer to a request that asks for a stream."""
    document = response(b'{"message": "Hi"}', "200 OK", "content-type: application/json")
    spec = _spec(EITHER, body={"q": "${message}", "stream": True})
    (sample,), _ = _send([document], spec)
    assert sample.outcome is Outcome.BAD_STREAM
    assert sample.detail == "answers as a JSON document, does not stream: Hi"
