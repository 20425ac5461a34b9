"""The header `Retry-After` of a response (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def read_retry_after(text: str | None, now: datetime) -> float | None:
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
    return max(0.0, (until - now).total_seconds())
