"""The causes of failed answers, for parts that ask again or stop asking."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

import httpx

_FIRST_SERVER_ERROR = 500


class Cause(Enum):
    """The reason why a question has no answer."""

    REFUSED = "refused"
    """The question does not fit, so the same question fails again."""
    UNREACHABLE = "unreachable"
    """The question was not sent."""
    BROKEN = "broken"
    """The connection broke before the end of the answer."""
    LATE = "late"
    """The answer did not come in time, and the model may still work on it."""
    LIMITED = "limited"
    """The server works, and accepts no more questions of this client for now (429)."""
    BUSY = "busy"
    """The server accepts no more questions for now (503)."""
    FAULTY = "faulty"
    """The server reports another error of its own (5xx)."""


def cause_of_status(status: int) -> Cause:
    """Return the cause of a response that is no answer."""
    match status:
        case 429:
            return Cause.LIMITED
        case 503:
            return Cause.BUSY
        case _:
            return Cause.FAULTY if status >= _FIRST_SERVER_ERROR else Cause.REFUSED


def cause_of_error(error: httpx.HTTPError) -> Cause:
    """Return the cause of an exchange without a response."""
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return Cause.UNREACHABLE
        case httpx.TimeoutException():
            return Cause.LATE
        case _:
            return Cause.BROKEN


def read_retry_after(text: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds of a `Retry-After` header, which has seconds or a date; `None` if it has neither."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())
