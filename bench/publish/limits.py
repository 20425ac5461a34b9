"""How long a rate limit of GitHub lasts. Pure: no request is sent here.

Source: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_TOO_MANY_REQUESTS = 429
_UNPROCESSABLE = 422  # also the status of text that was submitted too quickly
_REFUSALS = frozenset({403, _UNPROCESSABLE, _TOO_MANY_REQUESTS})
_DEFAULT_WAIT_S = 60.0  # GitHub's advice for a rate limit without a time
_CLOCKS_AGREE_S = 86_400.0  # GitHub's limits end within an hour
_WORDS = re.compile(r"rate limit|abuse detection|submitted too quickly", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,10}(\.[0-9]+)?", re.ASCII)


def rate_limit_wait_s(status: int, headers: Mapping[str, str], words: str, now: float) -> float | None:
    """Return the seconds until a rate limit ends; `None` if the answer is not a rate limit.

    Args:
        status: Status of the answer.
        headers: Headers of the answer; their names ignore capitals.
        words: GitHub's explanation.
        now: Seconds since 1970 by the clock of this machine.
    """
    if status not in _REFUSALS:
        return None
    requested_s = _number(headers.get("Retry-After", ""))
    if requested_s is not None:
        return requested_s
    clocks = (_date(headers.get("Date", "")), now)
    reset = None if status == _UNPROCESSABLE else _reset(headers)
    for moment in (_date(headers.get("Retry-After", "")), reset):
        if moment is not None:
            return _seconds_until(moment, clocks)
    return _DEFAULT_WAIT_S if status == _TOO_MANY_REQUESTS or _WORDS.search(words) else None


def _seconds_until(moment: float, clocks: tuple[float | None, float]) -> float:
    """Return the seconds until a moment by the first clock that can be right: GitHub's, then our own."""
    for clock in clocks:
        if clock is not None and abs(moment - clock) <= _CLOCKS_AGREE_S:
            return max(0.0, moment - clock)
    return _DEFAULT_WAIT_S


def _reset(headers: Mapping[str, str]) -> float | None:
    """Return the moment at which a used-up rate limit starts again; `None` if requests remain."""
    used_up = headers.get("X-RateLimit-Remaining") == "0"
    return _number(headers.get("X-RateLimit-Reset", "")) if used_up else None


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def _date(text: str) -> float | None:
    """Return the seconds since 1970 of a date in a header; `None` if the text is no date."""
    try:
        moment = parsedate_to_datetime(text)
        # A date without a zone is in UTC.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
