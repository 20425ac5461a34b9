import asyncio
import json
import secrets
import socket
import ssl
from collections.abc import Sequence
from typing import Any

import pytest

from bench.core.sample import Outcome
from bench.measure.chat_client import MAX_ANSWER_BYTES, ChatClient, Endpoint, bodies
from bench.measure.engine import Answer
from tests.factories import make_target
from tests.measure.loopback import Requests, Script, response, server

GOOD = response(json.dumps({"data": {"message": "hello"}, "usage": {"tokens": 7}}).encode())
TOKEN = secrets.token_hex(16)


def _endpoint(url: str, timeout_s: float = 30.0, **target: Any) -> Endpoint:
    made = make_target(**target)
    texts = {"greeting": "Hello “world” 🙂", "other": "x"}
    return Endpoint(made, url, bodies(made, texts), timeout_s, ssl.create_default_context())


def _ask(
    answers: Sequence[bytes | Script], count: int = 1, timeout_s: float = 30.0, **target: Any
) -> tuple[list[Answer], Requests]:
    async def work() -> tuple[list[Answer], Requests]:
        async with server(answers) as (url, seen):
            client = ChatClient(_endpoint(url, timeout_s, **target), TOKEN)
            got = [await client.ask("greeting") for _ in range(count)]
            await client.close()
            return got, seen

    return asyncio.run(work())


def test_a_good_answer_is_ok_with_its_three_clocks() -> None:
    """Sent, first byte and end are there, in this order, and the connection is told apart."""
    (answer,), _ = _ask([GOOD])
    assert answer.outcome is Outcome.OK
    assert answer.status == 200
    assert answer.detail is None
    assert answer.sent_s is not None
    assert answer.first_token_s is not None
    assert answer.connect_s is not None
    assert answer.sent_s <= answer.first_token_s <= answer.finished_s


def test_what_is_sent_is_what_the_target_declares() -> None:
    """Method, path, token, type and body are the declared ones, with the message whole."""
    _, seen = _ask([GOOD], body={"message": "${message}", "more": ["${message}", 1]})
    assert seen.heads[0].startswith("POST /ask HTTP/1.1\r\n")
    assert f"authorization: bearer {TOKEN}" in seen.heads[0].lower()
    assert "content-type: application/json" in seen.heads[0].lower()
    text = "Hello “world” 🙂"
    assert json.loads(seen.bodies[0]) == {"message": text, "more": [text, 1]}


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
            client = ChatClient(_endpoint(url), TOKEN)
            await client.open()
            answer = await client.ask("greeting")
            await client.close()
            assert seen.heads[0].startswith("GET /ready ")
            assert seen.connections == 1
            return answer

    assert asyncio.run(work()).connect_s is None


def test_opening_a_dead_target_is_no_matter() -> None:
    """`open` raises nothing; the request then says that nobody listens."""

    async def work() -> Answer:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, and not listening
            client = ChatClient(_endpoint(f"http://127.0.0.1:{taken.getsockname()[1]}"), None)
            await client.open()
            answer = await client.ask("greeting")
            await client.close()
            return answer

    answer = asyncio.run(work())
    assert answer.outcome is Outcome.CONNECT_FAILED
    assert answer.sent_s is None
    assert answer.first_token_s is None
    assert answer.status is None


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (response(b'{"error":"Token expired"}', "401 Unauthorized"), Outcome.UNAUTHORIZED, "Token expired"),
        (response(b"", "429 Too Many Requests"), Outcome.RATE_LIMITED, "rate_limited"),
        (response(b"x" * 900, "500 Internal Server Error"), Outcome.HTTP_ERROR, "x" * 200),
        (response(b"", "302 Found", "location: /"), Outcome.HTTP_ERROR, "http_error"),
        (response(b"<html>"), Outcome.BAD_STREAM, "not JSON"),
        (response(b'{"data": {}}'), Outcome.WRONG_CONTENT, "no text at data.message"),
        (response(b'{"data": {"message": "  "}}'), Outcome.WRONG_CONTENT, "no text at data.message"),
        (response(b'{"data": [1]}'), Outcome.WRONG_CONTENT, "no text at data.message"),
        (response(b"[]"), Outcome.WRONG_CONTENT, "no text at data.message"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", Outcome.BAD_STREAM, "not JSON"),
        (b"what is this\r\n\r\n", Outcome.BAD_STREAM, "Protocol"),
    ],
)
def test_every_failure_has_its_outcome(answer: bytes, outcome: Outcome, detail: str) -> None:
    """Each way an answer can be wrong is told apart, with a detail for people."""

    async def then_close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    (got,), _ = _ask([then_close])
    if detail == "not JSON" and b"half" in answer:
        detail = "RemoteProtocolError"
    assert got.outcome is outcome
    assert detail in (got.detail or "")
    assert len(got.detail or "") <= 200


def test_a_target_that_never_answers_is_a_timeout() -> None:
    """The deadline is for the whole request, and the user goes on with a new connection after it."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    answers, seen = _ask([silent, GOOD], count=2, timeout_s=0.05)
    assert answers[0].outcome is Outcome.TIMEOUT
    assert answers[0].detail == "no answer within 0.05 s"
    assert answers[0].sent_s is not None
    assert answers[0].first_token_s is None
    assert seen.connections == 2


def test_a_trickle_does_not_outlive_the_deadline() -> None:
    """A byte now and then keeps no request alive."""

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.01)

    (answer,), _ = _ask([trickle], timeout_s=0.1)
    assert answer.outcome is Outcome.TIMEOUT
    assert answer.first_token_s is not None


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
    assert str(MAX_ANSWER_BYTES) in (answer.detail or "")


def test_tokens_and_tiers_are_read_where_they_stand() -> None:
    """The count of tokens is read from the declared path, the tiers from Server-Timing."""
    body = json.dumps({"data": {"message": "hi", "n": [{"tokens": 7}]}}).encode()
    timed = response(body, "200 OK", "server-timing: auth;dur=1.5, decode;dur=300")
    answer = {"kind": "json", "text": "data.message", "tokens": "data.n.0.tokens"}
    (got,), _ = _ask([timed], answer=answer)
    assert got.tokens == 7
    assert got.hops == {"auth": 1.5, "decode": 300.0}


def test_a_count_that_is_none_is_absent() -> None:
    """A target that reports no count has none, not 0."""
    answer = {"kind": "json", "text": "data.message", "tokens": "usage.none"}
    (got,), _ = _ask([GOOD], answer=answer)
    assert got.outcome is Outcome.OK
    assert got.tokens is None
