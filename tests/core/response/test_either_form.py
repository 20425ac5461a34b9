"""One target reads streamed answers and JSON documents."""

import json
from typing import Any

import pytest

from bench.core.config.target import Target
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_content import AnswerContent
from bench.core.response.either_form import NO_STREAM, prepare_form
from bench.store.scenarios import load_target
from tests.factories import make_target

JSON = {"kind": "json", "text": "message", "tokens": "count"}
SSE = {"kind": "sse", "text": "delta", "done_data": "[DONE]"}
NDJSON = {"kind": "ndjson", "text": "delta", "done": "done"}
EVENTS = b'data: {"delta": "Hi"}\n\ndata: [DONE]\n\n'
LINES = b'{"delta": "Hi"}\n{"done": true}\n'
DOCUMENT = b'{"message": "Hi", "count": 3}'


def either(stream: dict[str, Any]) -> Target:
    """Return a target with both forms."""
    return make_target(answer={"stream": stream, "json": JSON})


def read(target: Target, body: bytes, content_type: str | None, **request: Any) -> AnswerContent:
    """Return the content of an answer to a request with these fields."""
    reader = AnswerReader(prepare_form(target, request), content_type=lambda: content_type)
    for start in range(0, len(body), 10):
        reader.feed(body[start : start + 10], 1.0)
    return reader.end(content_type)


@pytest.mark.parametrize(
    ("stream", "body", "content_type"),
    [
        (SSE, EVENTS, "text/event-stream; charset=utf-8"),
        (SSE, EVENTS, "text/plain"),
        (SSE, EVENTS, None),
        (NDJSON, LINES, "application/x-ndjson"),
        (NDJSON, LINES, "application/json"),
        (NDJSON, LINES, None),
    ],
)
@pytest.mark.parametrize("request_fields", [{"stream": True}, {}])
def test_a_stream_is_read_as_a_stream(
    stream: dict[str, Any], body: bytes, content_type: str | None, request_fields: dict[str, Any]
) -> None:
    """The content type decides; with another one, the first bytes do."""
    content = read(either(stream), body, content_type, **request_fields)
    assert (content.text, content.problem, len(content.token_times_s)) == ("Hi", None, 1)


@pytest.mark.parametrize("stream", [SSE, NDJSON])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
@pytest.mark.parametrize("request_fields", [{"stream": False}, {}])
def test_a_document_is_read_as_a_document(
    stream: dict[str, Any], content_type: str | None, request_fields: dict[str, Any]
) -> None:
    """Its text has no times of tokens, and its fields are those of the document's declaration."""
    content = read(either(stream), DOCUMENT, content_type, **request_fields)
    assert (content.text, content.problem, content.tokens) == ("Hi", None, 3)
    assert content.token_times_s == []


@pytest.mark.parametrize(
    "target", [either(SSE), either(NDJSON), make_target(answer=SSE), make_target(answer=NDJSON)]
)
def test_a_service_that_ignores_the_wish_for_a_stream_does_not_stream(target: Target) -> None:
    """A document is no answer to a request with `stream: true`, even if the target can read documents."""
    body = json.dumps({"message": "Hi", "count": 3}, indent=1).encode()
    problem = read(target, body, "application/json", stream=True).problem
    assert problem is not None
    assert problem.startswith(f"{NO_STREAM}: ")


def test_an_error_in_a_document_explains_itself() -> None:
    """An error is reported in the server's words, not as a missing stream."""
    content = read(either(SSE), b'{"error": "the pantry is empty"}', "application/json", stream=True)
    assert content.error is not None
    assert content.error.message == "the pantry is empty"


def test_another_form_keeps_its_explanation() -> None:
    """A page of HTML is neither of the two forms."""
    content = read(either(SSE), b"<html><body>Bad gateway</body></html>", "text/html")
    assert content.problem == "200 text/html where a JSON document was expected: Bad gateway"


@pytest.mark.parametrize("name", ["openai-chat", "ollama-chat", "ollama-generate"])
def test_the_ready_made_targets_read_both_forms(name: str) -> None:
    """Each target of a model's API needs only another value of `stream` for documents."""
    kinds = [form.kind for form in load_target(name).forms]
    assert len(kinds) == 2
    assert kinds[1] == "json"
