"""A body that does not have the form that the target declares: its error, or an explanation."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from bench.core.response.answer_error import AnswerError, find_envelope_error, find_error
from bench.core.response.answer_form import AnswerForm
from bench.core.response.either_form import NO_STREAM
from bench.core.response.server_words import BodyForm, find_words, guess_form
from bench.core.response.stream import NdjsonDecoder, SseDecoder, StreamError

_FORMS = {
    "json": BodyForm.JSON,
    "sse": BodyForm.EVENTS,
    "ndjson": BodyForm.JSON,
    "websocket": BodyForm.JSON,
}
_EXPECTED = {
    "json": "a JSON document",
    "sse": "an event stream",
    "ndjson": "a stream of JSON lines",
    "websocket": "messages with JSON documents",
}
_MEDIA_TYPES = {
    "json": ("application/json",),
    "sse": ("text/event-stream",),
    "ndjson": ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json"),
    "websocket": (),
}
_LONGEST_SHOWN = 120
_LARGEST_DECODED = 16_384  # beginning of a body
_MOST_EVENTS = 100  # that are looked through for an error


def find_body_error(body: bytes) -> AnswerError | None:
    """Return the error that a body reports, whatever its form: a document, or documents of a stream."""
    documents = _list_documents(body)
    errors = (find_error(document) or find_envelope_error(document) for document in documents)
    return next(filter(None, errors), None)


def explain_body(declared: AnswerForm, body: bytes, content_type: str | None, status: int) -> str | None:
    """Return why a body without a readable document is not the declared answer, in the server's own words.

    If it has the declared form and only its contents are wrong, return `None`.

    Args:
        declared: The declaration.
        body: The body, or its beginning.
        content_type: Its header `Content-Type`.
        status: The status of the response.
    """
    answer = declared.answer
    form = guess_form(body)
    if form is BodyForm.EMPTY:
        return "there was no message" if answer.kind == "websocket" else "the body is empty"
    if form is _FORMS[answer.kind] and not (answer.kind == "ndjson" and _is_document(body)):
        return None
    words = " ".join(find_words(body, content_type).split())[:_LONGEST_SHOWN]
    if declared.asks_stream and answer.kind != "json" and _is_document(body):
        return f"{NO_STREAM}: {words}"
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type in {"", *_MEDIA_TYPES[answer.kind]}:
        if form is BodyForm.TEXT:
            return f"the {'body' if answer.kind == 'json' else 'stream'} has plain text: {words}"
        media_type = form.value
    return f"{status} {media_type} where {_EXPECTED[answer.kind]} was expected: {words}"


def _is_document(body: bytes) -> bool:
    """Return whether a body is one document, whose lines alone are none."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _list_documents(body: bytes) -> Iterator[Any]:
    """Yield the first JSON values of a body: of a whole document, of events, or of lines."""
    for content in (body, *islice(_decode(body[:_LARGEST_DECODED]), _MOST_EVENTS)):
        try:
            yield json.loads(content)
        except (ValueError, RecursionError):
            continue


def _decode(body: bytes) -> Iterator[bytes]:
    is_stream = guess_form(body) is BodyForm.EVENTS
    decoder = SseDecoder() if is_stream else NdjsonDecoder()
    try:
        yield from decoder.feed([body], [0.0]).data
        yield from decoder.end(0.0).data
    except StreamError:
        return
