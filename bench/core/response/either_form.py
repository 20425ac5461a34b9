"""Choose between the two forms that an answer may have: a stream, or one JSON document."""

from collections.abc import Mapping
from typing import Any

from bench.core.config.target import EitherAnswer, SseAnswer, Target
from bench.core.response.answer_form import AnswerForm
from bench.core.response.json_text import parse_json
from bench.core.response.server_words import BodyForm, guess_form
from bench.core.response.tier_times import Headers

NO_STREAM = "answers as a JSON document, does not stream"
"""The failure of an answer to a request that asks for a stream."""
STREAM_OPTIONS = "stream_options"
"""Field of OpenAI's API that servers accept only in a request that asks for a stream."""
_DOCUMENT_TYPE = "application/json"
_STREAM_TYPES = frozenset(
    {"text/event-stream", "application/x-ndjson", "application/ndjson", "application/jsonl"}
)


class EitherForm:
    """Two declarations of which one reads an answer.

    Args:
        answer: The declarations.
        asks_stream: Whether the request asks for a stream; `None` if it does not decide.

    Attributes:
        stream: Reads an answer that is streamed.
        document: Reads an answer that is one JSON document.
    """

    def __init__(self, answer: EitherAnswer, asks_stream: bool | None) -> None:
        self.stream = AnswerForm(answer.stream, asks_stream=asks_stream is True)
        self.document = AnswerForm(answer.document, asks_stream=asks_stream is True)
        self._asks_stream = asks_stream

    def choose(self, content_type: str | None, head: bytes) -> AnswerForm:
        """Return the declaration that reads an answer.

        Args:
            content_type: Its header `Content-Type`.
            head: The beginning of its body.
        """
        return self.stream if self._is_stream(content_type, head) else self.document

    def is_surely_document(self, headers: Headers) -> bool:
        """Return whether `choose` takes each readable document with these headers as one JSON document."""
        content_type = next((value for name, value in headers if name == b"content-type"), b"")
        media_type = content_type.partition(b";")[0].strip().lower()
        is_event_stream = isinstance(self.stream.answer, SseAnswer)
        return media_type == _DOCUMENT_TYPE.encode() and (is_event_stream or self._asks_stream is False)

    def _is_stream(self, content_type: str | None, head: bytes) -> bool:
        media_type = (content_type or "").partition(";")[0].strip().lower()
        if media_type in _STREAM_TYPES:
            return True
        if isinstance(self.stream.answer, SseAnswer):
            return guess_form(head) is BodyForm.EVENTS
        if media_type == _DOCUMENT_TYPE and self._asks_stream is False:
            return False
        line, end, _ = head.lstrip().partition(b"\n")
        return _is_json(line) if end else self._asks_stream is True


def prepare_form(target: Target, body: Mapping[str, Any]) -> AnswerForm | EitherForm:
    """Return the declaration of a target's answers, prepared for reading.

    Args:
        target: The target.
        body: The body of its requests. A field `stream` states whether they ask for a stream.
    """
    asks_stream = body.get("stream")
    if isinstance(target.answer, EitherAnswer):
        return EitherForm(target.answer, asks_stream if isinstance(asks_stream, bool) else None)
    return AnswerForm(target.answer, asks_stream=asks_stream is True)


def _is_json(line: bytes) -> bool:
    try:
        parse_json(line)
    except ValueError:
        return False
    return True
