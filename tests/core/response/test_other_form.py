import pytest
from pydantic import TypeAdapter

from bench.core.config.target import Answer
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_error import AnswerError
from bench.core.response.answer_form import AnswerForm

ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)
JSON = AnswerForm(ANSWERS.validate_python({"kind": "json", "text": "text"}))
NDJSON = AnswerForm(ANSWERS.validate_python({"kind": "ndjson", "text": "text", "done": "done"}))
SSE = AnswerForm(ANSWERS.validate_python({"kind": "sse", "text": "text", "done_data": "[DONE]"}))
HTML = b"<html>\n\n<body>Bad gateway</body></html>\n"


def read(form: AnswerForm, body: bytes, content_type: str | None) -> AnswerContent:
    """Read a body of two parts."""
    reader = AnswerReader(form)
    for part in (body[:5], body[5:]):
        reader.feed(part, 1.0)
    return reader.end(content_type, 200)


@pytest.mark.parametrize(
    ("form", "body", "content_type", "problem"),
    [
        (
            SSE,
            HTML,
            "text/html; charset=utf-8",
            "200 text/html where an event stream was expected: Bad gateway",
        ),
        (NDJSON, HTML, "text/html", "200 text/html where a stream of JSON lines was expected: Bad gateway"),
        (JSON, HTML, None, "200 a page of HTML where a JSON document was expected: Bad gateway"),
        (
            SSE,
            b'{"text": 1}',
            "application/json",
            "200 application/json where an event stream was expected: {",
        ),
        (
            NDJSON,
            b'{\n"text": 1\n}',
            None,
            "200 a JSON document where a stream of JSON lines was expected: {",
        ),
        (
            NDJSON,
            b"data: {}\n\n",
            None,
            "200 an event stream where a stream of JSON lines was expected: data",
        ),
        (
            JSON,
            b"data: {}\n\n",
            "text/event-stream",
            "200 text/event-stream where a JSON document was expected",
        ),
        (
            SSE,
            b"upstream timed out",
            "text/plain",
            "200 text/plain where an event stream was expected: upstream",
        ),
        (SSE, b"upstream timed out", "text/event-stream", "the stream has plain text: upstream timed out"),
        (NDJSON, b"upstream timed out", None, "the stream has plain text: upstream timed out"),
        (JSON, b"upstream timed out", "application/json", "the body has plain text: upstream timed out"),
        (SSE, b"", "text/event-stream", "the body is empty"),
        (SSE, b": ping\n\n", None, "the stream ended before it was done: it has no `data: [DONE]`"),
    ],
)
def test_a_body_of_another_form_is_explained(
    form: AnswerForm, body: bytes, content_type: str | None, problem: str
) -> None:
    """The form that came and the server's own words are in the explanation."""
    reading = read(form, body, content_type)
    assert (reading.problem or "").startswith(problem)
    assert reading.error is None


@pytest.mark.parametrize("form", [JSON, NDJSON, SSE])
@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "loading", "code": 503}}',
        b'{\n  "error": {\n  "message": "loading", "code": 503}\n}\n',
        b'[{"error": {"message": "loading", "code": 503}}]',
        b'data: {"error": {"message": "loading", "code": 503}}\n\ndata: [DONE]\n\n',
        b'{"text": "Hel"}\n{"error": {"message": "loading", "code": 503}}\n',
    ],
)
def test_an_error_is_found_in_any_form(form: AnswerForm, body: bytes) -> None:
    """An error is found in a body of another form than the declared one."""
    assert read(form, body, None).error == AnswerError("loading", 503)
