"""Errors that a server reports inside a response whose status is 200."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.core.response.server_words import explain, is_empty

_STATUS_FIELDS = ("status", "code", "statuscode", "status_code", "http_status")
_STATUS = re.compile(r"\s*([45]\d\d)(?!\d)")
_DEEPEST = 3


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
    for value in (document.get("error"), *declared):
        if not is_empty(value):
            return _read_error(value, document)
    if document.get("object") == "error" or document.get("type") == "error":
        return _read_error(document, document)
    if "error" in reasons:
        return AnswerError("the model stopped with the reason `error`", find_status(document))
    return None


def read_error_event(data: bytes) -> AnswerError:
    """Return the error of an event that reports one, whatever its data is."""
    text = data.decode(errors="replace").strip()
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = text
    return AnswerError(explain(value) or text or "an event `error` without words", find_status(value))


def find_status(value: Any, depth: int = _DEEPEST) -> int | None:
    """Return the HTTP status of an error: a number or digits in `status` or `code`, at any depth."""
    if isinstance(value, list):
        children = value[:_DEEPEST]
    elif isinstance(value, dict):
        children = [*value.values()]
        for name, child in value.items():
            status = _read_status(child) if name.lower() in _STATUS_FIELDS else None
            if status is not None:
                return status
    else:
        return None
    statuses = (find_status(child, depth - 1) for child in children) if depth else ()
    return next((status for status in statuses if status is not None), None)


def _read_status(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _STATUS.match(str(value))
    return int(match.group(1)) if match else None


def _read_error(value: Any, document: dict[str, Any]) -> AnswerError:
    """Return an error; if its value has neither words nor a status, the fields beside it may have them."""
    has_words = isinstance(value, str | dict | list)
    message = explain(value if has_words else document)
    status = find_status(value)
    return AnswerError(message, find_status(document) if status is None else status)
