import asyncio
import json
import secrets
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.errors import ConfigError
from bench.measure.http.connection import MAX_BODY_BYTES
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from tests.factories import make_scenario, make_spec
from tests.measure.loopback import Requests, Script, response, server, streamed
from tests.measure.sending import GREETING, send

GOOD = response(json.dumps({"data": {"message": "hello"}, "usage": {"tokens": 7}}).encode())
TOKEN = secrets.token_hex(16)
TEXT = "Hello “world” 🙂"
SSE = {
    "kind": "sse",
    "text": "message",
    "tokens": "tokens",
    "done_event": "done",
    "error_event": "error",
    "durations": {"unit": "ms", "tiers": {"decode": "timing.decode"}},
}
OPENAI = {"kind": "sse", "text": "choices.0.delta.content", "done_data": "[DONE]"}
NDJSON = {
    "kind": "ndjson",
    "text": "response",
    "done": "done",
    "tokens": "eval_count",
    "durations": {"unit": "ns", "tiers": {"decode": "eval_duration"}, "total": "total_duration"},
}


def _spec(
    text: str = TEXT,
    expect: Mapping[str, Any] | None = None,
    *,
    timeout_s: float = 30.0,
    unique: bool = False,
    **target: Any,
) -> RunSpec:
    """A scenario of one message."""
    scenario = make_scenario(unique_prompts=unique, request_timeout_s=timeout_s)
    message = Prompt.model_validate({"id": "greeting", "text": text, "expect": expect or {}})
    return make_spec(scenario, **target).model_copy(update={"prompts": (message,)})


def _ask(
    answers: Sequence[bytes | Script],
    spec: RunSpec | None = None,
    count: int = 1,
    environ: Mapping[str, str] | None = None,
) -> tuple[list[RequestSample], Requests]:
    """What one user's messages come to, and what the server saw of them."""

    async def work() -> tuple[list[RequestSample], Requests]:
        async with server(answers) as (url, seen):
            client = ChatClient(Endpoint.of(spec or _spec(), url, environ or {}), TOKEN)
            got = [await send(client) for _ in range(count)]
            await client.close()
            return got, seen

    return asyncio.run(work())


def _event(data: Any, name: str | None = None) -> bytes:
    """A server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _line(**document: Any) -> bytes:
    """A document of a newline-delimited stream."""
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def test_a_good_answer_is_ok_with_its_clocks() -> None:
    """Sent, first byte and end are there, in this order, and the connection is told apart."""
    (answer,), _ = _ask([GOOD])
    assert answer.outcome is Outcome.OK
    assert answer.status == 200
    assert answer.detail is None
    assert answer.sent_s is not None
    assert answer.first_byte_s is not None
    assert answer.connect_s is not None
    assert answer.sent_s <= answer.first_byte_s <= answer.finished_s


def test_an_answer_that_comes_at_once_has_no_first_token() -> None:
    """Only a stream says when its text began and ended, and its pieces stand for tokens only then."""
    (answer,), _ = _ask([GOOD])
    assert (answer.first_token_s, answer.last_token_s, answer.tokens) == (None, None, None)


def test_what_is_sent_is_what_the_target_declares() -> None:
    """Method, path, token, type and body are the declared ones, with the message whole."""
    body = {"message": "${message}", "more": ["${message}", 1, None, {"deep": "<${message}>"}]}
    _, seen = _ask([GOOD], _spec(body=body, method="PUT", headers={"X-Mine": "yes"}))
    lines = seen.heads[0].splitlines()
    assert lines[0] == "PUT /ask HTTP/1.1"
    assert f"authorization: Bearer {TOKEN}" in lines
    assert "content-type: application/json" in lines
    assert "accept-encoding: identity" in lines
    assert "x-mine: yes" in lines
    assert json.loads(seen.bodies[0]) == {"message": TEXT, "more": [TEXT, 1, None, {"deep": f"<{TEXT}>"}]}


def test_who_has_no_token_sends_none() -> None:
    """A target that asks for no token is sent none."""

    async def work() -> str:
        async with server([GOOD]) as (url, seen):
            client = ChatClient(Endpoint.of(_spec(auth="none"), url, {}), None)
            await send(client)
            await client.close()
            return seen.heads[0]

    assert "authorization" not in asyncio.run(work()).lower()


def test_one_connection_serves_all_messages_of_a_user() -> None:
    """The second request reuses the connection and says that it opened none."""
    answers, seen = _ask([GOOD], count=3)
    assert seen.connections == 1
    assert answers[0].connect_s is not None
    assert [answer.connect_s for answer in answers[1:]] == [None, None]


def test_opening_before_the_clock_takes_the_connection_out_of_the_request() -> None:
    """After `open` the first request finds its connection there."""

    async def work() -> RequestSample:
        async with server([response(b"{}"), GOOD]) as (url, seen):
            client = ChatClient(Endpoint.of(_spec(), url, {}), TOKEN)
            await client.open()
            answer = await send(client)
            await client.close()
            assert seen.heads[0].startswith("GET /ready ")
            assert f"authorization: Bearer {TOKEN}" in seen.heads[0]
            assert seen.bodies[0] == b""
            assert seen.connections == 1
            return answer

    answer = asyncio.run(work())
    assert answer.outcome is Outcome.OK
    assert answer.connect_s is None


def test_opening_a_dead_target_is_no_matter() -> None:
    """`open` raises nothing; the request then says that nobody listens."""

    async def work() -> RequestSample:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, and not listening
            client = ChatClient(Endpoint.of(_spec(), f"http://127.0.0.1:{taken.getsockname()[1]}", {}), None)
            await client.open()
            answer = await send(client)
            await client.close()
            return answer

    answer = asyncio.run(work())
    assert answer.outcome is Outcome.CONNECT_FAILED
    assert (answer.connect_s, answer.sent_s, answer.first_byte_s, answer.status) == (None, None, None, None)
    assert (answer.detail or "").startswith("connect_failed: no connection to 127.0.0.1:")


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (response(b'{"error":"Token expired"}', "401 Unauthorized"), Outcome.UNAUTHORIZED, "Token expired"),
        (response(b"", "429 Too Many Requests"), Outcome.RATE_LIMITED, "rate_limited"),
        (response(b"x" * 900, "500 Internal Server Error"), Outcome.HTTP_ERROR, "x" * 200),
        (response(b"\xff" * 900, "503 Service Unavailable"), Outcome.HTTP_ERROR, "\N{REPLACEMENT CHARACTER}"),
        (response(b"", "302 Found", "location: /"), Outcome.HTTP_ERROR, "http_error"),
        (response(b"<html>"), Outcome.BAD_STREAM, "not JSON"),
        (response(b""), Outcome.BAD_STREAM, "not JSON"),
        (response(b"[]"), Outcome.BAD_STREAM, "not a JSON object"),
        (response(b'{"data": {}}'), Outcome.WRONG_CONTENT, "the response has no text"),
        (response(b'{"data": {"message": "  "}}'), Outcome.WRONG_CONTENT, "the response has no text"),
        (response(b'{"data": [1]}'), Outcome.WRONG_CONTENT, "the response has no text"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
            Outcome.BAD_STREAM,
            "before its announced end",
        ),
        (b"what is this\r\n\r\n", Outcome.BAD_STREAM, "not HTTP/1.1"),
        (b"", Outcome.BAD_STREAM, "closed the connection without a response"),
    ],
)
def test_every_failure_has_its_outcome(answer: bytes, outcome: Outcome, detail: str) -> None:
    """Each way an answer can be wrong is told apart, with a detail for people of 200 characters at most."""

    async def then_close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    (got,), seen = _ask([then_close])
    assert got.outcome is outcome
    assert detail in (got.detail or "")
    assert len(got.detail or "") <= 200
    assert len(seen.bodies) == 1  # no redirect is followed, and nothing is tried again


def test_a_target_that_never_answers_is_a_timeout() -> None:
    """The deadline is for the whole request; the user goes on with a new connection, and no late answer."""
    too_late = asyncio.Event()

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await too_late.wait()
        writer.write(GOOD)

    async def work() -> tuple[RequestSample, RequestSample]:
        async with server([response(b"{}"), slow, response(b'{"data": {"message": "second"}}')]) as (
            url,
            seen,
        ):
            client = ChatClient(Endpoint.of(_spec(timeout_s=0.05), url, {}), TOKEN)
            await client.open()  # then the request is sent at once, however slow the machine is
            first = await send(client)
            too_late.set()
            client._endpoint = Endpoint.of(_spec(expect={"contains": "second"}), url, {})
            second = await send(client)
            await client.close()
            assert seen.connections == 2
            return first, second

    first, second = asyncio.run(work())
    assert (first.outcome, first.detail) == (Outcome.TIMEOUT, "no complete response within 0.05 s")
    assert first.sent_s is not None
    assert first.finished_s >= first.sent_s
    assert (first.first_byte_s, first.status) == (None, None)
    assert second.outcome is Outcome.OK
    assert second.connect_s is not None


def test_a_trickle_does_not_outlive_the_deadline() -> None:
    """A byte now and then keeps no request alive."""

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.01)

    async def work() -> RequestSample:
        async with server([response(b"{}"), trickle]) as (url, _):
            client = ChatClient(Endpoint.of(_spec(timeout_s=0.4), url, {}), TOKEN)
            await client.open()
            answer = await send(client)
            await client.close()
            return answer

    answer = asyncio.run(work())
    assert answer.outcome is Outcome.TIMEOUT
    assert answer.status == 200
    assert answer.first_byte_s is not None
    assert answer.first_byte_s <= answer.finished_s


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
    """The count of tokens is read from the declared path, the tiers from Server-Timing."""
    body = json.dumps({"data": {"message": "hi", "n": [{"tokens": 7}]}}).encode()
    timed = response(body, "200 OK", "server-timing: auth;dur=1.5, decode;dur=300")
    (got,), _ = _ask(
        [timed], _spec(answer={"kind": "json", "text": "data.message", "tokens": "data.n.0.tokens"})
    )
    assert got.tokens == 7
    assert got.tier_times == {"auth": 1.5, "decode": 300.0}


def test_a_count_that_is_none_is_absent() -> None:
    """A target that reports no count has none, not 0."""
    answer = {"kind": "json", "text": "data.message", "tokens": "usage.none"}
    (got,), _ = _ask([GOOD], _spec(answer=answer))
    assert got.outcome is Outcome.OK
    assert got.tokens is None


def test_durations_in_the_body_stand_beside_those_of_the_header() -> None:
    """Tiers of both places are there in milliseconds, and what the body's leave of the total is the rest."""
    durations = {"unit": "ns", "tiers": {"decode": "d", "prefill": "p"}, "total": "t", "rest": "waiting"}
    answer = {"kind": "json", "text": "r", "durations": durations}
    body = json.dumps({"r": "hi", "d": 300_000_000, "p": 20_000_000, "t": 500_000_000}).encode()
    (got,), _ = _ask([response(body, "200 OK", "server-timing: auth;dur=1.5")], _spec(answer=answer))
    assert got.tier_times == pytest.approx({"auth": 1.5, "decode": 300.0, "prefill": 20.0, "waiting": 180.0})


STREAMS = [
    pytest.param(
        SSE,
        [
            b": hello\n\n",
            _event({"message": "Hel"}),
            _event({"message": "lo"}) + _event({"message": " 🙂"}),
            _event({"tokens": 9, "timing": {"decode": 40}}, "done"),
        ],
        9,
        {"decode": 40.0},
        id="sse",
    ),
    pytest.param(
        SSE,
        [_event({}), _event({"message": "a"}), _event({"message": "b"}), _event({}, "done")],
        2,
        {},
        id="sse-without-a-count",
    ),
    pytest.param(
        OPENAI,
        [
            _event({"choices": [{"delta": {"role": "assistant"}}]}),
            _event({"choices": [{"delta": {"content": "Hel"}}]}),
            _event({"choices": [{"delta": {"content": "lo"}}]}),
            b"data: [DONE]\n\n",
        ],
        2,
        {},
        id="openai",
    ),
    pytest.param(
        NDJSON,
        [
            _line(response="", done=False),
            _line(response="Hel", done=False),
            _line(response="lo", done=False),
            _line(response="", done=True, eval_count=5, eval_duration=3_000_000, total_duration=4_000_000),
        ],
        5,
        {"decode": 3.0, "queue": 1.0},
        id="ndjson",
    ),
    pytest.param(
        NDJSON,
        [_line(response=""), _line(response="a"), _line(response="b"), _line(done=True)],
        2,
        {},
        id="ndjson-without-a-count",
    ),
]


@pytest.mark.parametrize(("answer", "parts", "tokens", "tier_times"), STREAMS)
def test_a_stream_says_when_its_text_began_and_ended(
    answer: dict[str, Any], parts: list[bytes], tokens: int, tier_times: dict[str, float]
) -> None:
    """First and last token are those with text; tokens are the reported count, else the pieces."""
    (got,), _ = _ask([streamed(*parts)], _spec(answer=answer))
    assert (got.outcome, got.detail) == (Outcome.OK, None)
    assert got.tokens == tokens
    assert got.tier_times == pytest.approx(tier_times)
    times = (got.sent_s, got.first_byte_s, got.first_token_s, got.last_token_s, got.finished_s)
    known = [time for time in times if time is not None]
    assert len(known) == 5
    assert known == sorted(known)
    assert len(set(known[1:])) == 4  # the first part has no text yet, the last one no more


@pytest.mark.parametrize(("answer", "parts"), [each.values[:2] for each in STREAMS])
def test_how_a_stream_is_cut_does_not_matter(answer: dict[str, Any], parts: list[bytes]) -> None:
    """Text and counts are the same when the stream comes in single bytes, or whole with the headers."""
    stream = b"".join(parts)

    async def bytewise(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(stream))
        for byte in stream:
            writer.write(bytes((byte,)))
            await asyncio.sleep(0)

    (cut, whole), _ = _ask([bytewise, response(stream)], _spec(answer=answer), count=2)
    assert (cut.outcome, cut.tokens, cut.tier_times) == (Outcome.OK, whole.tokens, whole.tier_times)
    assert whole.outcome is Outcome.OK
    assert whole.first_token_s == whole.last_token_s == whole.finished_s


@pytest.mark.parametrize(
    ("answer", "parts", "whole", "detail"),
    [
        (SSE, [_event({"message": "a"})], False, "before its announced end"),
        (NDJSON, [_line(response="a")], False, "before its announced end"),
        (SSE, [_event({"message": "a"})], True, "the stream ended before it was done"),
        (OPENAI, [_event({"choices": [{"delta": {"content": "a"}}]})], True, "ended before it was done"),
        (NDJSON, [_line(response="a", done=False)], True, "the stream ended before it was done"),
        (SSE, [_event({"message": "a"}), _event("no memory", "error")], True, 'failed: "no memory"'),
        (NDJSON, [_line(response="a"), _line(error="no memory")], True, "the stream failed: no memory"),
        (SSE, [_event({"message": "a"}), b"data: {\n\n", _event({}, "done")], True, "not JSON"),
        (NDJSON, [_line(response="a"), b"[]\n", _line(done=True)], True, "not a JSON object"),
    ],
)
def test_a_stream_that_breaks_off_is_a_bad_stream(
    answer: dict[str, Any], parts: list[bytes], detail: str, *, whole: bool
) -> None:
    """A stream that is cut, that fails, or that ends before it was done is told, with its first token."""
    (got,), _ = _ask([streamed(*parts, whole=whole)], _spec(answer=answer))
    assert got.outcome is Outcome.BAD_STREAM
    assert detail in (got.detail or "")
    assert got.status == 200
    assert got.first_token_s is not None
    assert got.tokens == 1


def test_a_stream_without_text_is_wrong() -> None:
    """A stream that is done and said nothing has the wrong content, and no first token."""
    (got,), _ = _ask([streamed(_event({}, "done"))], _spec(answer=SSE))
    assert (got.outcome, got.detail) == (Outcome.WRONG_CONTENT, "the response has no text")
    assert (got.first_token_s, got.last_token_s, got.tokens) == (None, None, None)


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (response(b'{"error": "too long"}', "400 Bad Request"), Outcome.OK, None),
        (GOOD, Outcome.WRONG_CONTENT, "the status is 200, expected 400"),
        (response(b"no", "500 Internal Server Error"), Outcome.HTTP_ERROR, "no"),
        (response(b"no", "401 Unauthorized"), Outcome.UNAUTHORIZED, "no"),
    ],
)
def test_a_message_that_must_be_refused(answer: bytes, outcome: Outcome, detail: str | None) -> None:
    """An expected 400 that comes is right, one that does not come is wrong, another refusal is itself."""
    (got,), _ = _ask([answer], _spec(expect={"status": 400}))
    assert (got.outcome, got.detail) == (outcome, detail)


@pytest.mark.parametrize(
    ("contains", "outcome"),
    [
        ("ße aus „Köln“ 🙂", Outcome.OK),
        ("Grüße aus „Köln“ 🙂", Outcome.OK),
        ("grüße", Outcome.WRONG_CONTENT),
        ("Köln“ 🙃", Outcome.WRONG_CONTENT),
    ],
)
def test_an_expected_text_is_looked_for_in_the_whole_answer(contains: str, outcome: Outcome) -> None:
    """Text that pieces, and even parts of a character's bytes, cut is found, and what is not there is not."""
    stream = b"".join(_event({"message": piece}) for piece in ("Grü", "ße aus „K", "öln“ ", "🙂"))
    middle = stream.index("🙂".encode()) + 2
    parts = (stream[:11], stream[11:middle], stream[middle:], _event({}, "done"))
    (got,), _ = _ask([streamed(*parts)], _spec(expect={"contains": contains}, answer=SSE))
    assert got.outcome is outcome
    assert got.detail == (None if outcome is Outcome.OK else f"the response does not contain '{contains}'")


def test_unique_makes_every_message_different() -> None:
    """No two messages of a run are alike, whoever sends them; each says its length right."""

    async def work() -> Requests:
        async with server([GOOD]) as (url, seen):
            spec = _spec(unique=True, body={"message": "${message}", "again": "${message}"})
            endpoint = Endpoint.of(spec, url, {})
            for client in (ChatClient(endpoint, TOKEN), ChatClient(endpoint, None)):
                answers = [await send(client) for _ in range(5)]
                assert {answer.outcome for answer in answers} == {Outcome.OK}
                await client.close()
            return seen

    seen = asyncio.run(work())
    documents = [json.loads(body) for body in seen.bodies]
    texts = [document["message"] for document in documents]
    assert len(set(texts)) == 10
    assert len({len(text) for text in texts}) == 1
    assert all(text.startswith(TEXT) for text in texts)
    assert [document["again"] for document in documents] == texts
    for head, body in zip(seen.heads, seen.bodies, strict=True):
        assert f"content-length: {len(body)}\r\n" in head


def test_without_unique_every_message_is_the_same() -> None:
    """Only who asks for it gets messages that differ."""
    _, seen = _ask([GOOD], count=3)
    assert [json.loads(body) for body in seen.bodies] == [{"message": TEXT}] * 3


def test_placeholders_of_the_target_are_filled() -> None:
    """`${env.NAME}` in headers and body becomes the variable's value, as it is."""
    spec = _spec(
        headers={"X-Key": "Key ${env.KEY}"},
        body={"model": "${env.MODEL}", "messages": [{"content": "${env.MODEL}: ${message}"}]},
    )
    environ = {"KEY": "secret", "MODEL": "${message} ${env.KEY}", "OTHER": "x"}
    _, seen = _ask([GOOD], spec, environ=environ)
    assert "x-key: Key secret\r\n" in seen.heads[0]
    model = "${message} ${env.KEY}"
    assert json.loads(seen.bodies[0]) == {"model": model, "messages": [{"content": f"{model}: {TEXT}"}]}


@pytest.mark.parametrize(
    ("where", "target"),
    [
        ("headers", {"headers": {"x-key": "${env.NOWHERE}"}}),
        ("body", {"body": {"message": "${message}", "deep": [{"model": "${env.NOWHERE}"}]}}),
        ("body", {"body": {"message": "${message}", "model": "${NOWHERE}"}}),
    ],
)
def test_a_placeholder_without_a_value_is_an_error(where: str, target: dict[str, Any]) -> None:
    """The error names the target's file and the place in it."""
    with pytest.raises(ConfigError, match=rf"^targets/chat\.yaml: {where}: \$\{{.*NOWHERE\}} has no value"):
        Endpoint.of(_spec(**target), "http://127.0.0.1:1", {"KEY": "x"})


def test_what_looks_like_a_placeholder_in_a_message_is_left_alone() -> None:
    """A message is sent as it is written, whatever is in it."""
    text = '${env.KEY} ${env.NOWHERE} ${message} ${} $ %s {0} \\ " \r\n\t\0'
    _, seen = _ask([GOOD], _spec(text), environ={"KEY": "secret"})
    assert json.loads(seen.bodies[0]) == {"message": text}


@pytest.mark.parametrize(
    ("declared", "text", "intercepted"),
    [
        ("✅ Form", "✅ Form published", True),
        ("✅ Form", "Here is ✅ Form", False),
        ("✅ Form", "", None),
        (None, "✅ Form published", None),
    ],
)
def test_intercepted_answers_are_marked(declared: str | None, text: str, *, intercepted: bool | None) -> None:
    """An answer that begins with the declared words is the agent's own; who declares none cannot tell."""
    answer = {"kind": "json", "text": "data.message", "intercepted": declared}
    body = json.dumps({"data": {"message": text}}).encode()
    (got,), _ = _ask([response(body)], _spec(answer=answer))
    assert got.intercepted is intercepted


def test_a_stream_that_is_intercepted_is_marked() -> None:
    """The words count in a stream too, where pieces cut them."""
    parts = (_event({"message": "✅ Fo"}), _event({"message": "rm published"}), _event({}, "done"))
    (got,), _ = _ask([streamed(*parts)], _spec(answer={**SSE, "intercepted": "✅ Form"}))
    assert got.intercepted is True


def _talk(answers: Sequence[bytes | Script], spec: RunSpec, steps: Sequence[int]) -> Requests:
    """What the server sees of a user who sends these messages of a conversation."""

    async def work() -> Requests:
        async with server(answers) as (url, seen):
            client = ChatClient(Endpoint.of(spec, url, {}), TOKEN)
            for step in steps:
                await send(client, GREETING._replace(step=step))
            await client.close()
            return seen

    return asyncio.run(work())


def _conversation(*, unique: bool = False, body: Any = None) -> RunSpec:
    """Three messages, one after the other."""
    spec = _spec(unique=unique, body=body or {"messages": "${conversation}"})
    talk = Prompt(id="greeting", text="one", then=("two", "three"))
    return spec.model_copy(update={"prompts": (talk,)})


def _said(*iterations: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": text} for number, text in enumerate(iterations)]


def test_a_conversation_holds_what_was_said_and_answered() -> None:
    """Each message goes with all before it and their answers; the next conversation begins with nothing."""
    seen = _talk([GOOD], _conversation(), [0, 1, 2, 0])
    assert [json.loads(body)["messages"] for body in seen.bodies] == [
        _said("one"),
        _said("one", "hello", "two"),
        _said("one", "hello", "two", "hello", "three"),
        _said("one"),
    ]


def test_what_failed_was_not_said() -> None:
    """A message without an answer is not part of what comes after it."""
    failed = response(b"no", "500 Internal Server Error")
    seen = _talk([GOOD, failed, GOOD], _conversation(), [0, 1, 2])
    assert json.loads(seen.bodies[2])["messages"] == _said("one", "hello", "three")


def test_a_conversation_stands_beside_what_else_is_in_a_list() -> None:
    """A system prompt before the conversation stays before it; a target may take the last message alone."""
    system = {"role": "system", "content": "Be brief: ${message}"}
    seen = _talk([GOOD], _conversation(body={"messages": [system, "${conversation}"]}), [0, 1])
    assert json.loads(seen.bodies[1])["messages"] == [
        {"role": "system", "content": "Be brief: two"},
        *_said("one", "hello", "two"),
    ]
    alone = _talk([GOOD], _conversation(body={"message": "${message}"}), [0, 1])
    assert [json.loads(body) for body in alone.bodies] == [{"message": "one"}, {"message": "two"}]


def test_a_unique_conversation_repeats_what_it_said() -> None:
    """Letters that no other message has are part of what was said, and stay so in the messages after it."""
    seen = _talk([GOOD], _conversation(unique=True), [0, 1, 0])
    first, second, other = (json.loads(body)["messages"] for body in seen.bodies)
    assert second[0] == first[0]
    assert len({first[0]["content"], second[2]["content"], other[0]["content"]}) == 3


def test_load_generators_side_by_side_send_no_message_twice() -> None:
    """What is unique is so among all of them."""
    endpoints = [
        Endpoint.of(_spec(unique=True), "http://127.0.0.1:1", {}, share=(number, 3)) for number in range(3)
    ]
    tails = [endpoint.tail("greeting") for endpoint in endpoints for _ in range(4)]
    assert len(set(tails)) == 12


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Reads until the asker is gone."""
    await reader.read()


def test_a_request_that_is_given_up_is_taken_back() -> None:
    """Giving up is our doing: it is no time-out, the server sees it, and the next connection is a new one."""

    async def work() -> None:
        async with server([_silent, GOOD]) as (url, seen):
            client = ChatClient(Endpoint.of(_spec(), url, {}), TOKEN)
            given_up = await send(client, GREETING._replace(cancel_after_s=0.05))
            assert given_up.outcome is Outcome.CANCELLED
            assert given_up.detail == "cancelled after 0.05 s, as planned"
            answer = await send(client, GREETING._replace(cancel_after_s=25.0))
            assert answer.outcome is Outcome.OK
            assert seen.connections == 2
            await client.close()

    asyncio.run(work())


def test_a_renewed_token_is_sent_from_then_on() -> None:
    """A new token needs no new connection."""

    async def work() -> Requests:
        async with server([GOOD]) as (url, seen):
            client = ChatClient(Endpoint.of(_spec(), url, {}), TOKEN)
            await send(client)
            client.renew("another")
            await send(client)
            await client.close()
            return seen

    seen = asyncio.run(work())
    assert f"authorization: Bearer {TOKEN}" in seen.heads[0]
    assert "authorization: Bearer another" in seen.heads[1]
    assert seen.connections == 1
