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
    """Return the spec of a scenario with one message."""
    scenario = make_scenario(unique_prompts=unique, request_timeout_s=timeout_s)
    message = Prompt.model_validate({"id": "greeting", "text": text, "expect": expect or {}})
    return make_spec(scenario, **target).model_copy(update={"prompts": (message,)})


def _send(
    answers: Sequence[bytes | Script],
    spec: RunSpec | None = None,
    count: int = 1,
    environ: Mapping[str, str] | None = None,
) -> tuple[list[RequestSample], Requests]:
    """Return the samples of one VU's requests, and the requests that the server received."""

    async def work() -> tuple[list[RequestSample], Requests]:
        async with server(answers) as (url, seen):
            client = ChatClient(Endpoint.of(spec or _spec(), url, environ or {}), TOKEN)
            got = [await send(client) for _ in range(count)]
            await client.close()
            return got, seen

    return asyncio.run(work())


def _event(data: Any, name: str | None = None) -> bytes:
    """Return a server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _line(**document: Any) -> bytes:
    """Return a document of newline-delimited JSON."""
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def test_a_good_response_is_ok_with_its_times() -> None:
    """Sent, first byte and end are in order, and the time of connecting is known."""
    (answer,), _ = _send([GOOD])
    assert answer.outcome is Outcome.OK
    assert answer.status == 200
    assert answer.detail is None
    assert answer.sent_s is not None
    assert answer.first_byte_s is not None
    assert answer.connect_s is not None
    assert answer.sent_s <= answer.first_byte_s <= answer.finished_s


def test_a_document_has_no_first_token() -> None:
    """Only a stream has times of tokens; only there, pieces of text count as tokens."""
    (answer,), _ = _send([GOOD])
    assert (answer.first_token_s, answer.last_token_s, answer.tokens) == (None, None, None)


def test_a_request_is_the_declared_one() -> None:
    """Method, path, token, type and body are those of the target, with the message in full."""
    body = {"message": "${message}", "more": ["${message}", 1, None, {"deep": "<${message}>"}]}
    _, seen = _send([GOOD], _spec(body=body, method="PUT", headers={"X-Mine": "yes"}))
    lines = seen.heads[0].splitlines()
    assert lines[0] == "PUT /ask HTTP/1.1"
    assert f"authorization: Bearer {TOKEN}" in lines
    assert "content-type: application/json" in lines
    assert "accept-encoding: identity" in lines
    assert "x-mine: yes" in lines
    assert json.loads(seen.bodies[0]) == {"message": TEXT, "more": [TEXT, 1, None, {"deep": f"<{TEXT}>"}]}


def test_without_a_token_no_header_is_sent() -> None:
    """A target without `auth` gets no token."""

    async def work() -> str:
        async with server([GOOD]) as (url, seen):
            client = ChatClient(Endpoint.of(_spec(auth="none"), url, {}), None)
            await send(client)
            await client.close()
            return seen.heads[0]

    assert "authorization" not in asyncio.run(work()).lower()


def test_one_connection_serves_all_messages_of_a_vu() -> None:
    """The second request reuses the connection, so it has no time of connecting."""
    answers, seen = _send([GOOD], count=3)
    assert seen.connections == 1
    assert answers[0].connect_s is not None
    assert [answer.connect_s for answer in answers[1:]] == [None, None]


def test_after_open_a_request_has_no_time_of_connecting() -> None:
    """After `open`, the first request uses the open connection."""

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


def test_open_ignores_a_missing_target() -> None:
    """`open` raises no error; the request then reports that the connection failed."""

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
        (response(b"", "429 Too Many Requests"), Outcome.RATE_LIMITED, "Too Many Requests"),
        (response(b"x" * 900, "500 Internal Server Error"), Outcome.HTTP_ERROR, "x" * 200),
        (response(b"\xff" * 900, "503 Service Unavailable"), Outcome.HTTP_ERROR, "\N{REPLACEMENT CHARACTER}"),
        (response(b"", "302 Found", "location: /"), Outcome.HTTP_ERROR, "redirects to /"),
        (response(b"<html>"), Outcome.BAD_STREAM, "a page of HTML"),
        (response(b""), Outcome.BAD_STREAM, "the body is empty"),
        (response(b"[]"), Outcome.BAD_STREAM, "not a JSON object"),
        (response(b'{"data": {}}'), Outcome.WRONG_CONTENT, "the response has no text"),
        (response(b'{"data": {"message": "  "}}'), Outcome.WRONG_CONTENT, "the response has no text"),
        (response(b'{"data": [1]}'), Outcome.WRONG_CONTENT, "the response has no text"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
            Outcome.BAD_STREAM,
            "before its announced end",
        ),
        (b"what is this\r\n\r\n", Outcome.BAD_STREAM, "not HTTP/1.1: it begins with 'what is this"),
        (b"\x15\x03\x01\0\x02\x02\x46", Outcome.BAD_STREAM, "not HTTP/1.1: it is TLS"),
        (b"\0\0\x12\x04\0\0\0\0\0", Outcome.BAD_STREAM, "not HTTP/1.1: it is HTTP/2"),
        (b"", Outcome.BAD_STREAM, "closed the connection without a response"),
    ],
)
def test_every_failure_has_its_outcome(answer: bytes, outcome: Outcome, detail: str) -> None:
    """Each failure has its outcome and a detail of at most 200 characters."""

    async def then_close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    (got,), seen = _send([then_close])
    assert got.outcome is outcome
    assert detail in (got.detail or "")
    assert len(got.detail or "") <= 200
    assert len(seen.bodies) == 1  # no redirect is followed, and there is no retry


def test_a_target_that_never_answers_is_a_timeout() -> None:
    """The VU continues with a new connection, and a late response is ignored."""
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
            await client.open()  # so that the request is sent at once, even on a slow machine
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


def test_a_slow_response_does_not_extend_the_timeout() -> None:
    """Single bytes from time to time do not extend the timeout."""

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


def test_an_endless_response_is_cut_off() -> None:
    """An endless response needs a limited amount of memory."""

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        while not writer.is_closing():
            writer.write(chunk)
            await writer.drain()

    (answer,), _ = _send([endless])
    assert answer.outcome is Outcome.BAD_STREAM
    assert str(MAX_BODY_BYTES) in (answer.detail or "")


def test_tokens_and_tiers_are_read() -> None:
    """The count of tokens is read from the declared path, the tiers from Server-Timing."""
    body = json.dumps({"data": {"message": "hi", "n": [{"tokens": 7}]}}).encode()
    timed = response(body, "200 OK", "server-timing: auth;dur=1.5, decode;dur=300")
    (got,), _ = _send(
        [timed], _spec(answer={"kind": "json", "text": "data.message", "tokens": "data.n.0.tokens"})
    )
    assert got.tokens == 7
    assert got.tier_times == {"auth": 1.5, "decode": 300.0}


def test_a_missing_count_is_none() -> None:
    """Without a reported count, `tokens` is None, not 0."""
    answer = {"kind": "json", "text": "data.message", "tokens": "usage.none"}
    (got,), _ = _send([GOOD], _spec(answer=answer))
    assert got.outcome is Outcome.OK
    assert got.tokens is None


def test_durations_of_body_and_header_are_merged() -> None:
    """Tiers of both are in milliseconds, and the rest of the body's total is a tier too."""
    durations = {"unit": "ns", "tiers": {"decode": "d", "prefill": "p"}, "total": "t", "rest": "waiting"}
    answer = {"kind": "json", "text": "r", "durations": durations}
    body = json.dumps({"r": "hi", "d": 300_000_000, "p": 20_000_000, "t": 500_000_000}).encode()
    (got,), _ = _send([response(body, "200 OK", "server-timing: auth;dur=1.5")], _spec(answer=answer))
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
def test_a_stream_has_the_times_of_its_first_and_last_text(
    answer: dict[str, Any], parts: list[bytes], tokens: int, tier_times: dict[str, float]
) -> None:
    """`tokens` is the reported count, otherwise the number of pieces of text."""
    (got,), _ = _send([streamed(*parts)], _spec(answer=answer))
    assert (got.outcome, got.detail) == (Outcome.OK, None)
    assert got.tokens == tokens
    assert got.tier_times == pytest.approx(tier_times)
    times = (got.sent_s, got.first_byte_s, got.first_token_s, got.last_token_s, got.finished_s)
    known = [time for time in times if time is not None]
    assert len(known) == 5
    assert known == sorted(known)
    assert len(set(known[1:])) == 4  # the first and the last part have no text


@pytest.mark.parametrize(("answer", "parts"), [stream.values[:2] for stream in STREAMS])
def test_the_split_of_a_stream_does_not_matter(answer: dict[str, Any], parts: list[bytes]) -> None:
    """Text and counts are the same for single bytes and for one piece with the headers."""
    stream = b"".join(parts)

    async def bytewise(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(stream))
        for byte in stream:
            writer.write(bytes((byte,)))
            await asyncio.sleep(0)

    (cut, whole), _ = _send([bytewise, response(stream)], _spec(answer=answer), count=2)
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
        (SSE, [_event({"message": "a"}), b"data: {\n\n", _event({}, "done")], True, "not JSON"),
        (NDJSON, [_line(response="a"), b"[]\n", _line(done=True)], True, "not a JSON object"),
    ],
)
def test_an_incomplete_stream_is_a_bad_stream(
    answer: dict[str, Any], parts: list[bytes], detail: str, *, whole: bool
) -> None:
    """A stream that is cut or ends too early keeps its first token."""
    (got,), _ = _send([streamed(*parts, whole=whole)], _spec(answer=answer))
    assert got.outcome is Outcome.BAD_STREAM
    assert detail in (got.detail or "")
    assert got.status == 200
    assert got.first_token_s is not None
    assert got.tokens == 1


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (SSE, [_event({"message": "a"}), _event("no memory", "error")]),
        (NDJSON, [_line(response="a"), _line(error="no memory")]),
    ],
)
def test_an_error_in_a_stream_is_a_reported_error(answer: dict[str, Any], parts: list[bytes]) -> None:
    """The stream has its form, and the server itself says that it failed; the first token is kept."""
    (got,), _ = _send([streamed(*parts)], _spec(answer=answer))
    assert (got.outcome, got.detail) == (Outcome.REPORTED_ERROR, "the server reports an error: no memory")
    assert (got.status, got.tokens) == (200, 1)


def test_an_error_in_a_document_is_a_reported_error() -> None:
    """Nothing streams here, so no stream is bad."""
    (got,), _ = _send([response(b'{"error": "no quota left"}')], _spec())
    assert (got.outcome, got.detail) == (Outcome.REPORTED_ERROR, "the server reports an error: no quota left")
    assert (got.status, got.first_token_s) == (200, None)


def test_a_stream_without_text_is_wrong_content() -> None:
    """A complete stream without text has no first token."""
    (got,), _ = _send([streamed(_event({}, "done"))], _spec(answer=SSE))
    assert (got.outcome, got.detail) == (Outcome.WRONG_CONTENT, "the response has no text at `message`")
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
    """An expected 400 is OK; a missing refusal and another refusal are not."""
    (got,), _ = _send([answer], _spec(expect={"status": 400}))
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
def test_an_expected_text_is_searched_in_the_complete_response(contains: str, outcome: Outcome) -> None:
    """A text that is split between pieces, or within a character, is found."""
    stream = b"".join(_event({"message": piece}) for piece in ("Grü", "ße aus „K", "öln“ ", "🙂"))
    middle = stream.index("🙂".encode()) + 2
    parts = (stream[:11], stream[11:middle], stream[middle:], _event({}, "done"))
    (got,), _ = _send([streamed(*parts)], _spec(expect={"contains": contains}, answer=SSE))
    assert got.outcome is outcome
    missing = f"the response does not contain '{contains}'; its text is 'Grüße aus „Köln“ 🙂'"
    assert got.detail == (None if outcome is Outcome.OK else missing)


def test_unique_prompts_make_every_message_different() -> None:
    """No two messages of a run are equal, and each has its own length."""

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


def test_without_unique_prompts_every_message_is_the_same() -> None:
    """Messages differ only if the scenario asks for it."""
    _, seen = _send([GOOD], count=3)
    assert [json.loads(body) for body in seen.bodies] == [{"message": TEXT}] * 3


def test_placeholders_of_the_target_are_expanded() -> None:
    """`${env.NAME}` in headers and body becomes the variable's value, unchanged."""
    spec = _spec(
        headers={"X-Key": "Key ${env.KEY}"},
        body={"model": "${env.MODEL}", "messages": [{"content": "${env.MODEL}: ${message}"}]},
    )
    environ = {"KEY": "secret", "MODEL": "${message} ${env.KEY}", "OTHER": "x"}
    _, seen = _send([GOOD], spec, environ=environ)
    assert "x-key: Key secret\r\n" in seen.heads[0]
    model = "${message} ${env.KEY}"
    assert json.loads(seen.bodies[0]) == {"model": model, "messages": [{"content": f"{model}: {TEXT}"}]}


@pytest.mark.parametrize(
    ("where", "target"),
    [
        ("headers", {"headers": {"x-key": "${env.NOWHERE}"}}),
        ("body", {"body": {"message": "${message}", "deep": [{"model": "${env.NOWHERE}"}]}}),
    ],
)
def test_a_placeholder_without_a_value_is_an_error(where: str, target: dict[str, Any]) -> None:
    """The error names the target's file and the field."""
    with pytest.raises(ConfigError, match=rf"^targets/chat\.yaml: {where}: \$\{{.*NOWHERE\}} has no value"):
        Endpoint.of(_spec(**target), "http://127.0.0.1:1", {"KEY": "x"})


def test_placeholders_in_a_message_are_not_expanded() -> None:
    """A message is sent as it is written."""
    text = '${env.KEY} ${env.NOWHERE} ${message} ${} $ %s {0} \\ " \r\n\t\0'
    _, seen = _send([GOOD], _spec(text), environ={"KEY": "secret"})
    assert json.loads(seen.bodies[0]) == {"message": text}


@pytest.mark.parametrize(
    ("declared", "text", "intercepted"),
    [
        ("✅ Form", "✅ Form published", True),
        ("✅ Form", "Here is ✅ Form", False),
        ("✅ Form", "", False),
        (None, "✅ Form published", None),
    ],
)
def test_intercepted_responses_are_marked(
    declared: str | None, text: str, *, intercepted: bool | None
) -> None:
    """A response with the declared beginning is intercepted; without a declaration it is None."""
    answer = {"kind": "json", "text": "data.message", "intercepted": declared}
    body = json.dumps({"data": {"message": text}}).encode()
    (got,), _ = _send([response(body)], _spec(answer=answer))
    assert got.intercepted is intercepted


def test_an_intercepted_stream_is_marked() -> None:
    """The beginning is found in a stream too, even if it is split."""
    parts = (_event({"message": "✅ Fo"}), _event({"message": "rm published"}), _event({}, "done"))
    (got,), _ = _send([streamed(*parts)], _spec(answer={**SSE, "intercepted": "✅ Form"}))
    assert got.intercepted is True


def _talk(answers: Sequence[bytes | Script], spec: RunSpec, steps: Sequence[int]) -> Requests:
    """Return the requests of a VU that sends these messages of a conversation."""

    async def work() -> Requests:
        async with server(answers) as (url, seen):
            client = ChatClient(Endpoint.of(spec, url, {}), TOKEN)
            for step in steps:
                await send(client, GREETING._replace(step=step))
            await client.close()
            return seen

    return asyncio.run(work())


def _conversation(*, unique: bool = False, body: Any = None) -> RunSpec:
    """Return the spec of a conversation with three messages."""
    spec = _spec(unique=unique, body=body or {"messages": "${conversation}"})
    talk = Prompt(id="greeting", text="one", then=("two", "three"))
    return spec.model_copy(update={"prompts": (talk,)})


def _chat_messages(*iterations: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": text} for number, text in enumerate(iterations)]


def test_a_conversation_contains_earlier_messages_and_responses() -> None:
    """The next conversation begins without them."""
    seen = _talk([GOOD], _conversation(), [0, 1, 2, 0])
    assert [json.loads(body)["messages"] for body in seen.bodies] == [
        _chat_messages("one"),
        _chat_messages("one", "hello", "two"),
        _chat_messages("one", "hello", "two", "hello", "three"),
        _chat_messages("one"),
    ]


def test_a_failed_message_is_not_part_of_the_conversation() -> None:
    """A message without a response is left out of later requests."""
    failed = response(b"no", "500 Internal Server Error")
    seen = _talk([GOOD, failed, GOOD], _conversation(), [0, 1, 2])
    assert json.loads(seen.bodies[2])["messages"] == _chat_messages("one", "hello", "three")


def test_a_conversation_follows_a_system_prompt() -> None:
    """A system prompt stays first; a target may take the last message alone."""
    system = {"role": "system", "content": "Be brief: ${message}"}
    seen = _talk([GOOD], _conversation(body={"messages": [system, "${conversation}"]}), [0, 1])
    assert json.loads(seen.bodies[1])["messages"] == [
        {"role": "system", "content": "Be brief: two"},
        *_chat_messages("one", "hello", "two"),
    ]
    alone = _talk([GOOD], _conversation(body={"message": "${message}"}), [0, 1])
    assert [json.loads(body) for body in alone.bodies] == [{"message": "one"}, {"message": "two"}]


def test_a_unique_conversation_repeats_its_messages() -> None:
    """The number that makes a message unique stays the same in later requests."""
    seen = _talk([GOOD], _conversation(unique=True), [0, 1, 0])
    first, second, other = (json.loads(body)["messages"] for body in seen.bodies)
    assert second[0] == first[0]
    assert len({first[0]["content"], second[2]["content"], other[0]["content"]}) == 3


def test_several_load_generators_send_no_message_twice() -> None:
    """Unique messages are unique among all load generators."""
    endpoints = [
        Endpoint.of(_spec(unique=True), "http://127.0.0.1:1", {}, share=(number, 3)) for number in range(3)
    ]
    tails = [endpoint.tail("greeting") for endpoint in endpoints for _ in range(4)]
    assert len(set(tails)) == 12


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Read until the client closes, and send no byte."""
    await reader.read()


def test_a_planned_cancellation_is_not_a_timeout() -> None:
    """The server sees the cancellation, and the next request uses a new connection."""

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


def test_a_renewed_token_is_sent_with_the_next_request() -> None:
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
