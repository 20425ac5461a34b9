"""Find why a request failed, from its response and from the reason for which its exchange ended early."""

from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple

from bench.core.config.prompts import Expectation
from bench.core.response.answer_content import AnswerContent
from bench.core.response.expectation import check_answer, check_time
from bench.core.samples.sample import Outcome

Failure = tuple[Outcome, str]
"""Why a request is not OK: the outcome, and an explanation for people."""

ACCEPTED_WEBSOCKET = 101
"""Status of an accepted handshake of a WebSocket."""
STATUS_OUTCOMES = {401: Outcome.UNAUTHORIZED, 429: Outcome.RATE_LIMITED}


def is_success(status: int) -> bool:
    """Return whether a status is one of success, so that the response is an answer."""
    return 200 <= status < 300 or status == ACCEPTED_WEBSOCKET  # noqa: PLR2004 - success, by RFC 9110


class Response(NamedTuple):
    """A response, or the part of it that came."""

    status: int
    """HTTP status; 0 if no response came."""
    words: str
    """The server's explanation, if the status is not one of success."""
    content: AnswerContent
    """The content of the answer, if the status is one of success."""
    took_ms: float
    """Response time."""
    broken: Failure | None = None
    """Why the exchange ended before the response did; `None` if it is complete."""


def find_failure(response: Response, expected: Expectation) -> Failure | None:
    """Return why a request failed; `None` if its response is the expected one.

    A refusal and an error that the server reports are the cause of what follows them, so they come first. An
    answer whose end mark was read is complete, even if its connection broke after that.
    """
    content = response.content
    if response.status and not is_success(response.status):
        return _check_refused(response, expected)
    if content.error is not None:
        outcome = _outcome_of(content.error.status)
        return outcome, f"the server reports an error: {content.error.message}"
    if response.broken is not None and content.ended_s is None:
        return response.broken
    if not expected.accepts_status:
        return Outcome.WRONG_CONTENT, f"the status is {response.status}, expected {expected.status}"
    if content.problem is not None and not content.left:
        return Outcome.BAD_STREAM, content.problem
    unmet = None if content.left else check_answer(content, expected)
    return _wrong_content(unmet or check_time(response.took_ms, expected))


def _check_refused(response: Response, expected: Expectation) -> Failure | None:
    """Return why a response whose status is not one of success is a failure, if it is."""
    status = response.status
    if status != expected.status:
        return STATUS_OUTCOMES.get(status, Outcome.HTTP_ERROR), response.words or _find_phrase(status)
    return response.broken or _wrong_content(check_time(response.took_ms, expected))


def _find_phrase(status: int) -> str:
    """Return the phrase of a status, such as `Forbidden`; empty for one that has none."""
    with suppress(ValueError):
        return HTTPStatus(status).phrase
    return ""


def _wrong_content(unmet: str | None) -> Failure | None:
    return None if unmet is None else (Outcome.WRONG_CONTENT, unmet)


def _outcome_of(status: int | None) -> Outcome:
    """Return the outcome of an error that an answer reports, by the status in the error."""
    return Outcome.REPORTED_ERROR if status is None else STATUS_OUTCOMES.get(status, Outcome.HTTP_ERROR)
