"""Reads an ordinary document: a text, its counts, and nothing else that a target declares.

Nearly all documents are ordinary, and this reader is much faster than the complete one.
The complete reader reads all other documents, and explains what is wrong with them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from bench.core.config.prompts import Expectation
from bench.core.config.target import Answer, JsonAnswer
from bench.core.response.answer_form import AnswerForm
from bench.core.response.counts import MOST_TOKENS
from bench.core.response.either_form import EitherForm
from bench.core.response.paths import Keys, as_paths, declared_paths, walk
from bench.core.response.plain_events import TextStep, plan_text
from bench.core.response.tier_times import Headers

# The usual reasons why a model stopped. Another one may be an error.
_USUAL_REASONS = frozenset({"stop", "length", "end_turn", "max_tokens", "STOP", "MAX_TOKENS", "COMPLETE"})
_NO_TIMES: Mapping[str, float] = {}
_ERROR = "error"


class PlainAnswer(NamedTuple):
    """The content of an ordinary document, as the complete reader finds it."""

    text: str
    """The complete text, which is the expected one."""
    finish_reason: str | None = None
    """Why the model stopped, in the server's own word."""
    tokens: int | None = None
    """Number of output tokens that the document reports."""
    reasoning_tokens: int | None = None
    """Number of tokens of the reasoning that the document reports."""
    tier_times: Mapping[str, float] = _NO_TIMES
    """Times in milliseconds by tier that the document reports."""


class PlainDocumentReader:
    """Reads documents of one declaration, for one expectation. Create it with `prepare_plain_reader`.

    Args:
        form: The declaration of a document, without rules.
        steps: The way to its text.
        expected: The expectation.
        either: Decides by its headers whether a response is a document; `None` if each one is.

    Attributes:
        form: The declaration of a document.
    """

    __slots__ = (
        "_contains", "_either", "_finish_reason", "_has_more", "_is_checked", "_matches", "_reasoning_tokens",
        "_steps", "_tokens", "_wanted_reason", "form",
    )  # fmt: skip

    def __init__(
        self, form: AnswerForm, steps: Sequence[TextStep], expected: Expectation, either: EitherForm | None
    ) -> None:
        answer = form.answer
        self.form = form
        self._either = either
        self._steps = [(step.key, step.others | step.types, step) for step in steps]
        self._contains = expected.contains
        self._matches = None if expected.matches is None else re.compile(expected.matches)
        self._is_checked = expected.contains is not None or expected.matches is not None
        self._wanted_reason = expected.finish_reason
        self._finish_reason = _prepare(answer.finish_reason)
        self._tokens = _prepare(answer.tokens)
        self._reasoning_tokens = _keys(answer.reasoning_tokens)
        declared = (answer.finish_reason, answer.tokens, answer.reasoning_tokens, answer.durations)
        self._has_more = any(declared) or expected.finish_reason is not None

    def read(self, body: bytes, headers: Headers) -> PlainAnswer | None:
        """Return the content of a complete response whose status is one of success.

        Args:
            body: Its body.
            headers: Its headers.

        Returns:
            The content; `None` if only the complete reader can judge the response.
        """
        try:
            document = text = orjson.loads(body)
            for key, names, step in self._steps:
                if names and not names.isdisjoint(text) and not _are_silent(text, step):
                    return None
                text = text[key]
        except (ValueError, LookupError, TypeError, AttributeError):
            return None
        if type(text) is not str or not text or text.isspace():
            return None
        if self._is_checked and not self._is_expected(text):
            return None
        if self._either is not None and not self._either.is_surely_document(headers):
            return None
        return self._read_more(text, document) if self._has_more else PlainAnswer(text)

    def _is_expected(self, text: str) -> bool:
        if self._contains is not None and self._contains not in text:
            return False
        return self._matches is None or self._matches.search(text) is not None

    def _read_more(self, text: str, document: Any) -> PlainAnswer | None:
        """Return a text with the values beside it; `None` if one of them is missing or unusual."""
        reason = _find(document, self._finish_reason) if self._finish_reason else None
        if reason is not None and (type(reason) is not str or reason not in _USUAL_REASONS):
            return None
        if self._wanted_reason is not None and reason != self._wanted_reason:
            return None
        tokens = _find(document, self._tokens) if self._tokens else None
        if self._tokens and (type(tokens) is not int or not 0 < tokens <= MOST_TOKENS):
            return None
        reasoning = walk(document, self._reasoning_tokens) if self._reasoning_tokens else None
        if reasoning is not None and (type(reasoning) is not int or not 0 <= reasoning <= MOST_TOKENS):
            return None
        times_ms = _NO_TIMES
        if self.form.answer.durations is not None:
            times_ms = self.form.tier_reader.read_document(document)
        return PlainAnswer(text, reason, tokens, reasoning or None, times_ms)


def prepare_plain_reader(form: AnswerForm | EitherForm, expected: Expectation) -> PlainDocumentReader | None:
    """Return the reader of ordinary documents; `None` if no response is one by its declaration.

    Args:
        form: The declaration of the response.
        expected: The expectation of the message.
    """
    either = form if isinstance(form, EitherForm) else None
    document = form.document if isinstance(form, EitherForm) else form
    needs_more = expected.tool_call is not None or expected.refusal or expected.json_path is not None
    if needs_more or expected.max_ms is not None or not expected.accepts_status:
        return None
    if not isinstance(document.answer, JsonAnswer) or document.asks_stream or document.has_rules:
        return None
    steps = _plan(document.answer)
    return PlainDocumentReader(document, steps, expected, either) if steps else None


def _plan(answer: Answer) -> Sequence[TextStep]:
    """Return the way to the first place of the answer's text; without steps, no document is ordinary."""
    places = as_paths(answer.text_places.get("content", ()))
    if not places:
        return ()
    read = {*map(_keys, (answer.finish_reason, answer.tokens, answer.reasoning_tokens))}
    declared = [path.split(".") for path in declared_paths(answer) if tuple(path.split(".")) not in read]
    return plan_text(places[0].split("."), declared)


def _are_silent(holder: dict[str, Any], step: TextStep) -> bool:
    """Return whether the fields beside the way to the text have no values."""
    if any(map(holder.get, step.others)):
        return False
    return _ERROR not in map(holder.get, step.types)


class _Place(NamedTuple):
    """A path, split twice."""

    indexed: Sequence[str | int]
    """Keys with the indexes of lists as numbers."""
    keys: Keys
    """Keys for `walk`."""


def _prepare(place: Any) -> _Place | None:
    keys = _keys(place)
    if keys is None:
        return None
    return _Place([int(key) if key.isdecimal() else key for key in keys], keys)


def _find(document: Any, place: _Place) -> Any:
    """Return the value at a place, as `walk` does. Its caller accepts no single character of a text."""
    value = document
    try:
        for key in place.indexed:
            value = value[key]
    except (LookupError, TypeError):
        return walk(document, place.keys)
    return value


def _keys(place: Any) -> Keys | None:
    paths = as_paths(place)
    return tuple(paths[0].split(".")) if paths else None
