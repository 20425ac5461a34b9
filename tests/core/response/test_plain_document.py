"""The reader of ordinary documents agrees with the complete reader, or leaves the document to it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bench.core.config.prompts import Expectation
from bench.core.config.target import Answer, EitherAnswer
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_form import AnswerForm
from bench.core.response.either_form import EitherForm
from bench.core.response.failure import Response, find_failure
from bench.core.response.plain_document import PlainAnswer, prepare_plain_reader
from bench.core.response.tier_times import Headers
from bench.store.scenarios import load_target
from benchmarks.answers.example import KINDS, read_kind
from benchmarks.answers.generate import generate
from tests.laws import READING_LAW

ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)
DOCUMENT_TYPE: Headers = [(b"date", b"today"), (b"content-type", b"application/json; charset=utf-8")]
MESSAGE: dict[str, Any] = {"kind": "json", "text": "message"}
CHAT: dict[str, Any] = {
    "kind": "json",
    "text": {"content": "choices.0.message.content", "refusal": "choices.0.message.refusal"},
    "finish_reason": "choices.0.finish_reason",
    "tokens": "usage.completion_tokens",
    "reasoning_tokens": "usage.details.reasoning_tokens",
}
OLLAMA: dict[str, Any] = {
    "kind": "json",
    "text": {"content": "response", "reasoning": "thinking"},
    "error": "failure",
    "finish_reason": "done_reason",
    "tokens": "eval_count",
    "durations": {"unit": "ns", "tiers": {"load": "load_duration"}, "total": "total_duration"},
}
LISTED: dict[str, Any] = {"kind": "json", "text": ["message", "usage.text", "choices.0.message.content"]}
RULED: dict[str, Any] = {"kind": "json", "text": {"path": "message", "where": {"type": "stop"}}}
MESSAGE_CONTENT: dict[str, Any] = {"kind": "json", "text": "message.content"}
DELTA: dict[str, Any] = {
    "kind": "json",
    "text": "choices.0.delta.content",
    "finish_reason": "choices.0.finish_reason",
}
DECLARATIONS = [MESSAGE, CHAT, OLLAMA, LISTED, RULED]

# Names and values of the declarations above, so that most generated documents have some of them.
NAMES = [
    "choices", "message", "content", "refusal", "finish_reason", "usage", "completion_tokens", "details",
    "reasoning_tokens", "response", "thinking", "done_reason", "eval_count", "load_duration", "failure",
    "total_duration", "error", "errors", "type", "object", "event", "status", "code", "text", "other", "0",
]  # fmt: skip
WORDS = ["", " ", "\n", "Plain words", "stop", "error", "null", "timeout", "length", "é🍵", "\ud83c"]
VALUES = st.recursive(
    st.sampled_from([*WORDS, None, True, False, 0, 1, 7, -1, 2.0, 1.5, 10**10, 10**30]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
EXPECTATIONS = st.sampled_from(
    [
        Expectation(),
        Expectation(contains="words"),
        Expectation(matches="^P"),
        Expectation(finish_reason="stop"),
        Expectation(status=204),
        Expectation(refusal=True),
        Expectation(tool_call=True),
        Expectation.model_validate({"json": "message", "matches": "P"}),
        Expectation(status=400),
        Expectation(max_ms=1),
    ]
)


@st.composite
def ordinary(draw: st.DrawFn) -> dict[str, Any]:
    """Return a document that is ordinary by one of the declarations, changed by some generated fields."""
    text = draw(st.sampled_from(WORDS))
    reason = draw(st.sampled_from(["stop", "length", "error", None, "", "odd"]))
    chat = {
        "choices": [{"message": {"content": text}, "finish_reason": reason}],
        "usage": {"completion_tokens": 7},
    }
    ollama = {"response": text, "done_reason": reason, "eval_count": 2, "load_duration": 5}
    document: dict[str, Any] = draw(st.sampled_from([{"message": text}, chat, ollama]))
    changes = draw(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=2))
    return {**document, **changes}


def read(
    form: AnswerForm | EitherForm, expected: Expectation, body: bytes, headers: Headers
) -> PlainAnswer | None:
    """Return what the reader of ordinary documents finds."""
    reader = prepare_plain_reader(form, expected)
    return None if reader is None else reader.read(body, headers)


def read_completely(
    form: AnswerForm | EitherForm, expected: Expectation, body: bytes, headers: Headers
) -> AnswerContent:
    """Return what the complete reader finds."""
    content_type = dict(headers)[b"content-type"].decode()
    reader = AnswerReader(form, expected.paths, lambda: content_type)
    reader.feed(body, 1.0)
    return reader.end(content_type, 200)


def check_agreement(
    form: AnswerForm | EitherForm, expected: Expectation, body: bytes, headers: Headers = DOCUMENT_TYPE
) -> PlainAnswer | None:
    """Check that both readers find the same in a body, and nothing is wrong with it, if it is ordinary."""
    plain = read(form, expected, body, headers)
    if plain is None:
        return None
    content = read_completely(form, expected, body, headers)
    assert find_failure(Response(200, "", content, took_ms=1.0), expected) is None
    assert content == AnswerContent(
        text=plain.text,
        finish_reason=plain.finish_reason,
        tokens=plain.tokens,
        reasoning_tokens=plain.reasoning_tokens,
        tier_times=dict(plain.tier_times),
    )
    return plain


@READING_LAW
@given(
    declaration=st.sampled_from(DECLARATIONS),
    expected=EXPECTATIONS,
    document=ordinary() | VALUES,
    ends=st.sampled_from(["", " \n", "}", "\0"]),
)
def test_both_readers_agree_on_each_document(
    declaration: Mapping[str, Any], expected: Expectation, document: Any, ends: str
) -> None:
    """What the reader of ordinary documents returns is what the complete reader finds."""
    form = AnswerForm(ANSWERS.validate_python(declaration))
    check_agreement(form, expected, (json.dumps(document) + ends).encode())


def test_both_readers_agree_on_all_recorded_and_generated_bodies() -> None:
    """Bodies of the examples and of the benchmark of answers, and each document of their streams."""
    answers = [answer for kind in KINDS for answer in read_kind(kind).answers]
    bodies = {b"".join(content for _, content in answer.parts()) for answer in answers}
    bodies |= {b"".join(generate(seed).plain_parts()) for seed in range(200)}
    lines = {line.removeprefix(b"data: ") for body in bodies for line in body.splitlines()}
    forms = [AnswerForm(load_target(name).forms[-1]) for name in ("ollama", "agent", "openai-chat")]
    forms += [AnswerForm(ANSWERS.validate_python(declaration)) for declaration in (DELTA, MESSAGE_CONTENT)]
    plain = [check_agreement(form, Expectation(), body) for form in forms for body in bodies | lines]
    assert sum(answer is not None for answer in plain) > 100


@pytest.mark.parametrize(
    "content_type", [b"application/json", b"text/event-stream", b"application/x-ndjson", b""]
)
@pytest.mark.parametrize("asks_stream", [True, False, None])
@pytest.mark.parametrize("name", ["openai-chat", "ollama-chat", "anthropic-messages"])
def test_both_readers_agree_on_a_target_with_two_forms(
    name: str, asks_stream: bool | None, content_type: bytes
) -> None:
    """A document is ordinary only if the complete reader takes it as a document."""
    answer = load_target(name).answer
    assert isinstance(answer, EitherAnswer)
    form = EitherForm(answer, asks_stream)
    for document in (
        {
            "choices": [{"message": {"content": "Words"}, "finish_reason": "stop"}],
            "usage": {"completion_tokens": 1},
        },
        {"message": {"content": "Words"}, "done": True, "done_reason": "stop", "eval_count": 1},
    ):
        check_agreement(form, Expectation(), json.dumps(document).encode(), [(b"content-type", content_type)])


def test_an_ordinary_document_is_read_with_its_counts() -> None:
    """Text, reason, counts and durations need no complete reader."""
    chat = {
        "id": "1", "object": "chat.completion", "model": "m",
        "choices": [{"index": 0, "message": {"content": "Words", "refusal": None}, "finish_reason": "stop"}],
        "usage": {"completion_tokens": 5, "details": {"reasoning_tokens": 3}},
    }  # fmt: skip
    ollama = {"response": "Words", "done_reason": "stop", "eval_count": 2, "load_duration": 3_000_000}
    for declaration, document, found in (
        (MESSAGE, {"message": "Words", "id": 7}, PlainAnswer("Words")),
        (CHAT, chat, PlainAnswer("Words", "stop", 5, 3)),
        (OLLAMA, ollama, PlainAnswer("Words", "stop", 2, None, {"load": 3.0})),
        (LISTED, {"message": "Words"}, PlainAnswer("Words")),
    ):
        form = AnswerForm(ANSWERS.validate_python(declaration))
        assert check_agreement(form, Expectation(), json.dumps(document).encode()) == found
    either = load_target("openai-chat").answer
    assert isinstance(either, EitherAnswer)
    plain = check_agreement(EitherForm(either, asks_stream=False), Expectation(), json.dumps(chat).encode())
    assert plain is not None
    assert plain.text == "Words"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"7", b'"message"', b'{"message":"a"', b'{"message":"  "}', b'{"message":7}',
        b'{"message":["a"]}', b'{"message":"a","error":"b"}', b'{"message":"a","type":"error"}',
        b'{"message":"\\ud83c"}', b'\xff{"message":"a"}',
        b"[" * 5000, b'\xef\xbb\xbf{"message":"a"}',
    ],
)  # fmt: skip
def test_an_unusual_body_is_left_to_the_complete_reader(body: bytes) -> None:
    """A body that is no document, has no text, or reports an error is never ordinary."""
    assert read(AnswerForm(ANSWERS.validate_python(MESSAGE)), Expectation(), body, DOCUMENT_TYPE) is None


@pytest.mark.parametrize("expected", [Expectation(contains="else"), Expectation(matches="else")])
def test_an_unexpected_text_is_left_to_the_complete_reader(expected: Expectation) -> None:
    """The complete reader explains why a text is not the expected one."""
    form = AnswerForm(ANSWERS.validate_python(MESSAGE))
    assert read(form, expected, b'{"message":"words"}', DOCUMENT_TYPE) is None
