import asyncio
import json
import secrets
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bench.core.sample import Outcome
from bench.core.scenario import Brief, Prompt
from bench.errors import ConfigError
from bench.measure.chat_client import ChatClient, Endpoint
from bench.measure.connection import MAX_BODY_BYTES
from bench.measure.engine import Answer
from tests.factories import make_scenario, make_target
from tests.measure.loopback import Requests, Script, response, server

GOOD = response(json.dumps({"data": {"message": "hello"}, "usage": {"tokens": 7}}).encode())
TOKEN = secrets.token_hex(16)
TEXT = "Hello “world” 🙂 ${env.HOME} ${message}"
SSE = {"kind": "sse", "text": "message", "tokens": "tokens", "done_event": "done"}
NDJSON = {"kind": "ndjson", "text": "response", "done": "done"}


def _brief(*, unique: bool = False, prompt: Mapping[str, Any] | None = None, **target: Any) -> Brief:
    workload = {"prompts": "prompts/forms.yaml", "unique": unique}
    return Brief(
        scenario=make_scenario(workload=workload, request_timeout_s=target.pop("timeout_s", 30.0)),
        target=make_target(**target),
        prompts=(Prompt.model_validate({"id": "greeting", "text": TEXT, **(prompt or {})}),),
    )


def _ask(
    answers: Sequence[bytes | Script], count: int = 1, environ: Mapping[str, str] | None = None, **brief: Any
) -> tuple[list[Answer], Requests]:
    async def work() -> tuple[list[Answer], Requests]:
        async with server(answers) as (url, seen):
            client = ChatClient(Endpoint.of(_brief(**brief), url, environ or {}), TOKEN)
            got = [await client.ask("greeting") for _ in range(count)]
            await client.close()
            return got, seen

    return asyncio.run(work())


def chunks(*parts: bytes) -> bytes:
    """An answer that is sent in parts."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


def test_a_good_answer_is_ok_with_its_three_clocks() -> None:
    """Sent, first byte and end are there, in this order, and the connection is told apart."""
    (answer,), _ = _ask([GOOD])
    assert (answer.outcome, answer.status, answer.detail) == (Outcome.OK, 200, None)
    assert answer.sent_s is not None
    assert answer.first_byte_s is not None
    assert answer.connect_s is not None
    assert answer.sent_s <= answer.first_byte_s <= answer.finished_s
    assert (answer.first_token_s, answer.last_token_s) == (None, None)


def test_what_is_sent_is_what_the_target_declares() -> None:
    """Method, path, token, type and body are the declared ones, with the message whole."""
    _, seen = _ask([GOOD], body={"message": "${message}", "more": ["<${message}>", 1]})
    assert seen.heads[0].startswith("POST /ask HTTP/1.1\r\n")
    assert f"authorization: bearer {TOKEN}" in seen.heads[0].lower()
    assert "content-type: application/json" in seen.heads[0].lower()
    assert json.loads(seen.bodies[0]) == {"message": TEXT, "more": [f"<{TEXT}>", 1]}


def test_the_environment_fills_the_target() -> None:
    """A target may take a key or a model from the environment; a missing one is named with its file."""
    target: dict[str, Any] = {
        "headers": {"X-Key": "k ${env.KEY}"},
        "body": {"model": "${env.MODEL}", "text": "${message}"},
    }
    _, seen = _ask([GOOD], environ={"KEY": "abc", "MODEL": "tiny"}, **target)
    assert "x-key: k abc" in seen.heads[0].lower()
    assert json.loads(seen.bodies[0]) == {"model": "tiny", "text": TEXT}
    with pytest.raises(ConfigError, match=r"targets/chat\.yaml: headers: \$\{env\.KEY\} has no value"):
        Endpoint.of(_brief(**target), "http://127.0.0.1:1", {"MODEL": "tiny"})
    with pytest.raises(ConfigError, match=r"targets/chat\.yaml: body: \$\{env\.MODEL\} has no value"):
        Endpoint.of(_brief(**target), "http://127.0.0.1:1", {"KEY": "abc"})


def test_unique_messages_are_all_different() -> None:
    """Where caches must not answer, no two requests are alike, and each has its own right length."""
    _, seen = _ask([GOOD], count=3, unique=True)
    texts = [json.loads(body)["message"] for body in seen.bodies]
    assert len(set(texts)) == 3
    assert all(text.startswith(TEXT) for text in texts)


def test_one_connection_serves_all_messages_of_a_user() -> None:
    """The second request reuses the connection and says that it opened none."""
    answers, seen = _ask([GOOD], count=3)
    assert seen.connections == 1
    assert answers[0].connect_s is not None
    assert [answer.connect_s for answer in answers[1:]] == [None, None]


def test_opening_before_the_clock_takes_the_connection_out_of_the_request() -> None:
    """After `open` the first request finds its connection there."""

    async def work() -> Answer:
        async with server([response(b"{}"), GOOD]) as (url, seen):
            client = ChatClient(Endpoint.of(_brief(), url, {}), TOKEN)
            await client.open()
            answer = await client.ask("greeting")
            await client.close()
            assert seen.heads[0].startswith("GET /ready ")
            assert seen.connections == 1
            return answer

    assert asyncio.run(work()).connect_s is None


def test_a_dead_target_is_a_failed_connection() -> None:
    """`open` raises nothing; the request then says that nobody listens."""

    async def work() -> Answer:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, and not listening
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            client = ChatClient(Endpoint.of(_brief(), url, {}), None)
            await client.open()
            answer = await client.ask("greeting")
            await client.close()
            return answer

    answer = asyncio.run(work())
    assert answer.outcome is Outcome.CONNECT_FAILED
    assert (answer.sent_s, answer.first_byte_s, answer.status) == (None, None, None)
    assert answer.finished_s > 0


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (response(b'{"error":"Token expired"}', "401 Unauthorized"), Outcome.UNAUTHORIZED, "Token expired"),
        (response(b"", "429 Too Many Requests"), Outcome.RATE_LIMITED, "rate_limited"),
        (response(b"x" * 900, "500 Internal Server Error"), Outcome.HTTP_ERROR, "x" * 200),
        (response(b"", "302 Found", "location: /"), Outcome.HTTP_ERROR, "http_error"),
        (response(b"<html>"), Outcome.BAD_STREAM, "not JSON"),
        (response(b"[]"), Outcome.BAD_STREAM, "not a JSON object"),
        (response(b'{"data": {}}'), Outcome.WRONG_CONTENT, "no text"),
        (response(b'{"data": {"message": "  "}}'), Outcome.WRONG_CONTENT, "no text"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", Outcome.BAD_STREAM, "bad_stream"),
        (b"what is this\r\n\r\n", Outcome.BAD_STREAM, "bad_stream"),
        (b"", Outcome.BAD_STREAM, "reset"),
        (response(b"{}", "200 OK", "content-encoding: gzip"), Outcome.BAD_STREAM, "bad_stream"),
    ],
)
def test_every_failure_has_its_outcome(answer: bytes, outcome: Outcome, detail: str) -> None:
    """Each way an answer can be wrong is told apart, with a detail for people."""

    async def then_close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    (got,), _ = _ask([then_close])
    assert got.outcome is outcome
    assert detail in (got.detail or "")
    assert len(got.detail or "") <= 200


def test_a_target_that_never_answers_is_a_timeout() -> None:
    """The deadline is for the whole request, and the user goes on with a new connection after it."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    answers, seen = _ask([silent, GOOD], count=2, timeout_s=0.1)
    assert answers[0].outcome is Outcome.TIMEOUT
    assert answers[0].detail == "no answer within 0.1 s"
    assert answers[0].sent_s is not None
    assert answers[0].first_byte_s is None
    assert seen.connections == 2


def test_a_trickle_does_not_outlive_the_deadline() -> None:
    """A byte now and then keeps no request alive."""

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.01)

    (answer,), _ = _ask([trickle], timeout_s=0.2)
    assert answer.outcome is Outcome.TIMEOUT


def test_an_endless_answer_is_cut_off() -> None:
    """A target that sends without end costs no memory without end."""

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        while not writer.is_closing():
            writer.write(chunk)
            await writer.drain()

    (answer,), _ = _ask([endless])
    assert answer.outcome is Outcome.BAD_STREAM
    assert str(MAX_BODY_BYTES) in (answer.detail or "")


def test_tokens_and_tiers_are_read_where_they_stand() -> None:
    """The count is read from its path, the tiers from Server-Timing and from the body."""
    body = json.dumps({"data": {"message": "hi", "n": [{"tokens": 7}]}, "took": 40}).encode()
    timed = response(body, "200 OK", "server-timing: auth;dur=1.5")
    durations = {"unit": "ms", "tiers": {"decode": "took"}}
    answer = {"kind": "json", "text": "data.message", "tokens": "data.n.0.tokens", "durations": durations}
    (got,), _ = _ask([timed], answer=answer)
    assert got.tokens == 7
    assert got.hops == {"auth": 1.5, "decode": 40.0}


def test_a_count_that_is_none_is_absent() -> None:
    """A target that reports no count has none, not 0."""
    (got,), _ = _ask([GOOD], answer={"kind": "json", "text": "data.message", "tokens": "usage.none"})
    assert (got.outcome, got.tokens) == (Outcome.OK, None)


def test_a_streamed_answer_has_the_times_of_its_tokens() -> None:
    """First and last token are stamped as they come, and the count is the reported one."""
    done = b'event: done\ndata: {"tokens": 9}\n\n'
    stream = chunks(b'data: {"message": "Hel"}\n\n', b'data: {"message": "lo"}\n\n', done)
    (got,), _ = _ask([stream], answer=SSE)
    assert (got.outcome, got.tokens) == (Outcome.OK, 9)
    assert got.first_token_s is not None
    assert got.last_token_s is not None
    assert got.first_token_s <= got.last_token_s <= got.finished_s


def test_a_stream_without_a_count_has_its_pieces() -> None:
    """Where nobody counts tokens, the pieces of text are counted."""
    stream = chunks(b'{"response": "a"}\n{"response": "b"}\n', b'{"response": "c", "done": true}')
    (got,), _ = _ask([stream], answer=NDJSON)
    assert (got.outcome, got.tokens) == (Outcome.OK, 3)


def test_a_stream_that_breaks_off_is_a_bad_one() -> None:
    """A stream without its end is no answer, though its connection ended well."""
    (got,), _ = _ask([chunks(b'{"response": "a"}\n')], answer=NDJSON)
    assert (got.outcome, got.detail) == (Outcome.BAD_STREAM, "the stream ended before it was done")


@pytest.mark.parametrize(
    ("expect", "answer", "outcome"),
    [
        ({"status": 400}, response(b"{}", "400 Bad Request"), Outcome.OK),
        ({"status": 400}, GOOD, Outcome.WRONG_CONTENT),
        ({"status": 400}, response(b"{}", "500 Internal Server Error"), Outcome.HTTP_ERROR),
        ({"contains": "hell"}, GOOD, Outcome.OK),
        ({"contains": "Grüße 👋🏽"}, GOOD, Outcome.WRONG_CONTENT),
        (
            {"contains": "Grüße 👋🏽"},
            response(json.dumps({"data": {"message": "> Grüße 👋🏽!"}}).encode()),
            Outcome.OK,
        ),
    ],
)
def test_the_right_answer_is_what_the_message_expects(
    expect: dict[str, Any], answer: bytes, outcome: Outcome
) -> None:
    """A refusal is right where it is expected, and a text must hold what it should, whole."""
    (got,), _ = _ask([answer], prompt={"expect": expect})
    assert got.outcome is outcome


@pytest.mark.parametrize(("text", "marked"), [("✅ Form 1 has been", True), ("You could", False)])
def test_an_intercepted_answer_is_told_apart(text: str, marked: bool) -> None:
    """An answer that begins as the agent's own do was intercepted."""
    body = response(json.dumps({"data": {"message": text}}).encode())
    (got,), _ = _ask([body], answer={"kind": "json", "text": "data.message", "intercepted": "✅ Form"})
    assert got.intercepted is marked
    (silent,), _ = _ask([body])
    assert silent.intercepted is None
