"""Errors that a server reports inside a response whose status is 200."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bench.core.response.server_words import explain, is_empty

_STATUS_FIELDS = ("status", "code", "statuscode", "status_code", "http_status")
_STATUS = re.compile(r"\s*([45]\d\d)(?!\d)")
_NAME_FIELDS = ("type", "code", "status", "__type")
# Names of errors without a status, such as `rate_limit_error` and `RESOURCE_EXHAUSTED`.
_NAMED_STATUSES = (
    (
        re.compile(
            r"rate.?limit|too.?many.?requests|resource.?exhausted|throttl|insufficient.?quota", re.IGNORECASE
        ),
        429,
    ),
    (re.compile(r"authentication|unauthenticated|unauthorized|invalid.?api.?key", re.IGNORECASE), 401),
)
# Names of a field with which a document states that it is an error.
ERROR_MARKS = ("object", "type", "event")
# Reasons of a server that broke its answer off: of OpenAI's APIs, Cohere, vLLM, SGLang, GLM and DeepSeek.
_BROKEN_OFF = re.compile(
    r"([a-z]+_)*(error|abort|aborted|failed|timeout)(_[a-z]+)*|insufficient_system_resource", re.IGNORECASE
)
_WORD_FIELDS = ("message", "msg", "detail", "error_message", "errmsg", "errorMessage")
ERROR_FIELDS = frozenset({"error", "errors", *_WORD_FIELDS})
"""Names of fields at the top of documents that report an error."""
_DEEPEST = 3
_MOST_FIELDS = 100  # of each object in an error
_MOST_CHILDREN = 16


@dataclass(frozen=True, slots=True)
class AnswerError:
    """An error that a response reports."""

    message: str
    """The server's own words."""
    status: int | None = None
    """The HTTP status in the error, from 400 to 599."""


def find_error(
    document: Any, declared: Iterable[Any] = (), reasons: Iterable[Any] = ()
) -> AnswerError | None:
    """Return the error that a document reports, if there is one.

    Args:
        document: A document of a response, or a list of them.
        declared: Values at the places where the target declares errors.
        reasons: Values at the places of the reason why the model stopped.
    """
    if isinstance(document, list):
        return next(filter(None, map(find_error, document[:_DEEPEST])), None)
    if not isinstance(document, dict):
        return None
    errors = document.get("errors")
    for value in (document.get("error"), *declared, errors if isinstance(errors, list) else None):
        if value is not None and not is_empty(value):
            return _read_error(value, document)
    if "error" in [document.get(name) for name in ERROR_MARKS]:
        return _read_error(document, document)
    given = [reason for reason in reasons if reason]
    return next(filter(None, (_read_reason(reason, document) for reason in given)), None) if given else None


def find_envelope_error(document: Any) -> AnswerError | None:
    """Return the error of a document without text that has a status and words beside each other.

    API gateways and frameworks send `{"code": 502, "message": …}` without a field `error`.
    """
    if not isinstance(document, dict):
        return None
    if document.keys().isdisjoint(_WORD_FIELDS):
        return None
    fields = islice(document.items(), _MOST_FIELDS)
    statuses = (_read_status(value) for name, value in fields if name.lower() in _STATUS_FIELDS)
    status = next((status for status in statuses if status is not None), None)
    has_words = any(isinstance(document.get(name), str) and document[name].strip() for name in _WORD_FIELDS)
    return AnswerError(explain(document), status) if status is not None and has_words else None


def read_error_event(data: bytes) -> AnswerError:
    """Return the error of an event that reports one, whatever its data is."""
    text = data.decode(errors="replace").strip()
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = text
    return AnswerError(explain(value) or text or "an event `error` without words", find_status(value))


def find_status(value: Any) -> int | None:
    """Return the HTTP status of an error: a number or digits in `status` or `code`, at any depth.

    Without them, it is the status that the name of the error stands for, such as `rate_limit_error`.
    """
    status = _search(value, _STATUS_FIELDS, _read_status)
    return _search(value, _NAME_FIELDS, _read_name) if status is None else status


def _search(
    value: Any, names: Iterable[str], read: Callable[[Any], int | None], depth: int = _DEEPEST
) -> int | None:
    """Return the first status that `read` finds in fields with these names, at any depth."""
    if isinstance(value, list):
        children = value[:_DEEPEST]
    elif isinstance(value, dict):
        fields = [*islice(value.items(), _MOST_FIELDS)]
        children = [child for _, child in fields if isinstance(child, dict | list)][:_MOST_CHILDREN]
        for name, child in fields:
            status = read(child) if name.lower() in names else None
            if status is not None:
                return status
    else:
        return None
    statuses = (_search(child, names, read, depth - 1) for child in children) if depth else ()
    return next((status for status in statuses if status is not None), None)


def _read_status(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _STATUS.match(str(value))
    return int(match.group(1)) if match else None


def _read_name(value: Any) -> int | None:
    if not isinstance(value, str):
        return None
    return next((status for pattern, status in _NAMED_STATUSES if pattern.search(value)), None)


def _read_reason(reason: Any, document: dict[str, Any]) -> AnswerError | None:
    """Return the error that the reason of an answer's end states: a word, or an object with a `type`."""
    name = reason.get("type") if isinstance(reason, dict) else reason
    if not isinstance(name, str) or not _BROKEN_OFF.fullmatch(name.strip()):
        return None
    words = f": {explain(reason)}" if isinstance(reason, dict) else ""
    return AnswerError(f"the model stopped with the reason `{name.strip()}`{words}", find_status(document))


def _read_error(value: Any, document: dict[str, Any]) -> AnswerError:
    """Return an error; if its value has neither words nor a status, the fields beside it may have them."""
    has_words = isinstance(value, str | dict | list)
    message = explain(value if has_words else document)
    status = find_status(value) if isinstance(value, dict | list) else _read_status(value)
    return AnswerError(message, find_status(document) if status is None else status)
