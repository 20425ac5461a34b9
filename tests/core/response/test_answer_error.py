import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bench.core.config.target import Answer
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_error import AnswerError
from bench.core.response.answer_form import AnswerForm
from tests.laws import READING_LAW

ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)
FORMS = {
    "json": AnswerForm(ANSWERS.validate_python({"kind": "json", "text": "text", "error": "inner.failure"})),
    "ndjson": AnswerForm(
        ANSWERS.validate_python({"kind": "ndjson", "text": "text", "done": "end", "error": "inner.failure"})
    ),
    "sse": AnswerForm(
        ANSWERS.validate_python(
            {
                "kind": "sse",
                "text": "text",
                "done_data": "[DONE]",
                "finish_reason": "end",
                "error": "inner.failure",
            }
        )
    ),
}
EMPTY = [None, False, 0, "", " ", [], {}, {"message": "", "code": None}, [None, ""]]
ERRORS: list[tuple[dict[str, Any], AnswerError]] = [
    ({"error": "no memory"}, AnswerError("no memory")),
    ({"error": {"message": "busy", "code": 429}}, AnswerError("busy", 429)),
    ({"error": {"message": "busy", "details": {"statusCode": "503"}}}, AnswerError("busy", 503)),
    ({"error": ["one", {"detail": "two"}]}, AnswerError("one; two")),
    ({"error": True, "message": "broke", "status": 500}, AnswerError("broke", 500)),
    ({"error": {"code": 7}}, AnswerError('{"code": 7}')),
    ({"object": "error", "message": "gone", "code": 400}, AnswerError("gone", 400)),
    ({"type": "error", "error": {"type": "overloaded", "message": "Overloaded"}}, AnswerError("Overloaded")),
    ({"inner": {"failure": "declared"}}, AnswerError("declared")),
    ({"event": "error", "status": 429, "message": "quota used"}, AnswerError("quota used", 429)),
    ({"errors": [{"code": 7009, "message": "no model"}], "success": False}, AnswerError("no model")),
    ({"error": 429, "message": "slow down"}, AnswerError("slow down", 429)),
    ({"error": {"type": "rate_limit_error", "message": "slow down"}}, AnswerError("slow down", 429)),
    ({"error": {"status": "RESOURCE_EXHAUSTED", "message": "full"}}, AnswerError("full", 429)),
    ({"error": {"code": "invalid_api_key", "message": "no key"}}, AnswerError("no key", 401)),
]


def encode(kind: str, *documents: dict[str, Any]) -> bytes:
    """Return documents as a complete body of a kind; a JSON body is the last document."""
    texts = [json.dumps(document).encode() for document in documents]
    if kind == "json":
        return texts[-1]
    if kind == "ndjson":
        return b"".join(text + b"\n" for text in texts) + b'{"end": true}\n'
    return b"".join(b"data: " + text + b"\n\n" for text in texts) + b"data: [DONE]\n\n"


def read(kind: str, *parts: bytes) -> AnswerContent:
    """Read parts that arrive one second apart."""
    reader = AnswerReader(FORMS[kind])
    for second, part in enumerate(parts, 1):
        reader.feed(part, float(second))
    return reader.end()


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize(("document", "error"), ERRORS)
def test_a_response_reports_an_error_in_any_form(
    kind: str, document: dict[str, Any], error: AnswerError
) -> None:
    """The first error is found in documents, lines and events, with its words and its status."""
    later = {"error": "later", "text": "x"}
    documents = [document] if kind == "json" else [{"text": "Hel"}, document, later]
    assert read(kind, encode(kind, *documents)).error == error


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("value", EMPTY)
def test_an_empty_error_is_none(kind: str, value: object) -> None:
    """A server may send the field of an error in each answer, without a value."""
    reading = read(kind, encode(kind, {"text": "Hello", "error": value, "inner": {"failure": value}}))
    assert (reading.error, reading.problem, reading.text) == (None, None, "Hello")


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (b'event: error\ndata: {"error": {"message": "broke", "code": 500}}\n\n', AnswerError("broke", 500)),
        (b"event: error\ndata: broke\n\n", AnswerError("broke")),
        (b"event: error\n\n", AnswerError("an event `error` without words")),
        (b'error: {"code": 503, "message": "slot failed"}\n\n', AnswerError("slot failed", 503)),
        (b"Error: broke\n\n", AnswerError("broke")),
        (b'data: {"text": "", "end": "error"}\n\n', AnswerError("the model stopped with the reason `error`")),
        (b'data: [{"error": "in a list"}]\n\n', AnswerError("in a list")),
        (b'event: ping\ndata: {"error": "in a ping"}\n\n', AnswerError("in a ping")),
    ],
)
def test_an_event_reports_an_error(lines: bytes, error: AnswerError) -> None:
    """An event `error`, a line `error` and the finish reason `error` are errors, whatever follows them."""
    reading = read("sse", b'data: {"text": "Hel"}\n\n', lines, b"data: [DONE]\n\n")
    assert (reading.error, reading.text, reading.ended_s) == (error, "Hel", 3.0)


def test_what_follows_the_end_is_not_read() -> None:
    """After the event that ends a stream, neither an error nor unreadable data counts."""
    after = b'event: error\ndata: late\n\ndata: what\n\ndata: {"text": "x"}\n\n'
    reading = read("sse", b'data: {"text": "Hello"}\n\ndata: [DONE] \r\n\r\n' + after, after)
    assert (reading.text, reading.error, reading.problem, reading.ended_s) == ("Hello", None, None, 1.0)


@pytest.mark.parametrize("kind", FORMS)
@READING_LAW
@given(
    case=st.sampled_from(ERRORS),
    texts=st.lists(st.text(max_size=5), max_size=20),
    place=st.integers(0, 20),
    size=st.integers(1, 99),
)
def test_no_answer_hides_an_error(
    kind: str, case: tuple[dict[str, Any], AnswerError], texts: list[str], place: int, size: int
) -> None:
    """An error is found at each place of an answer, with text beside it, for each split."""
    document, error = case
    documents: list[dict[str, Any]] = [{"text": text} for text in texts]
    documents.insert(place, {"text": "beside"} | document)
    whole = encode(kind, *(documents if kind != "json" else [documents[min(place, len(texts))]]))
    assert read(kind, *(whole[at : at + size] for at in range(0, len(whole), size))).error == error


@pytest.mark.parametrize(
    "reason",
    ["error", "ERROR_TOXIC", "network_error", "abort", "timeout", "insufficient_system_resource"],
)
def test_a_reason_of_a_broken_answer_is_an_error(reason: str) -> None:
    """The reason with which a server breaks an answer off is an error, as a word and in an object."""
    words = f"the model stopped with the reason `{reason}`"
    assert read("sse", encode("sse", {"text": "x", "end": reason})).error == AnswerError(words)
    document = {"text": "x", "end": {"type": reason, "message": "cache full", "status_code": 503}}
    assert read("sse", encode("sse", document)).error == AnswerError(f"{words}: cache full", 503)


@pytest.mark.parametrize(
    "reason", ["stop", "length", "tool_calls", "content_filter", "eos_token", "COMPLETE"]
)
def test_a_reason_of_the_model_is_no_error(reason: str) -> None:
    """The reason of a model that stopped by itself is no error, as a word and in an object."""
    for end in (reason, {"type": reason, "matched": 2}):
        content = read("sse", encode("sse", {"text": "x", "end": end}))
        assert (content.error, content.finish_reason) == (None, reason)


@pytest.mark.parametrize("text", ["Error", "timeout", "an error_code is a number"])
def test_a_text_that_ends_an_answer_is_no_error(text: str) -> None:
    """Only the reason of an end states an error; another value that marks the end may be any text."""
    form = AnswerForm(ANSWERS.validate_python({"kind": "sse", "text": "text", "done": "generated_text"}))
    reader = AnswerReader(form)
    reader.feed(b"data: " + json.dumps({"text": "x", "generated_text": text}).encode() + b"\n\n", 1.0)
    content = reader.end()
    assert (content.error, content.problem) == (None, None)


@pytest.mark.parametrize(
    "document", [{"code": 200, "message": "x"}, {"code": 500}, {"status": 450, "n": "x"}]
)
def test_a_status_alone_is_no_error(document: dict[str, Any]) -> None:
    """A document without text is an error if it has both a status of failure and words."""
    assert read("sse", encode("sse", {"text": "x"}, document)).error is None


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"code": 502, "message": "no upstream", "data": None}, AnswerError("no upstream", 502)),
        ({"statusCode": "429", "msg": "later"}, AnswerError("later", 429)),
    ],
)
def test_a_document_without_text_may_be_the_envelope_of_an_error(
    kind: str, document: dict[str, Any], error: AnswerError
) -> None:
    """A status of failure beside words is an error, before and after the text of a stream."""
    assert read(kind, encode(kind, document)).error == error
    assert read(kind, encode(kind, {"text": "x"}, document)).error == error
