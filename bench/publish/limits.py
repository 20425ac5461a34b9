"""How long a rate limit of GitHub lasts. Pure: no request is sent here.

Source: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_TOO_MANY_REQUESTS = 429
_UNPROCESSABLE = 422  # also the status of text that was submitted too quickly
_REFUSALS = frozenset({403, _UNPROCESSABLE, _TOO_MANY_REQUESTS})
_DEFAULT_WAIT_S = 60.0  # GitHub's advice for a rate limit without a time
_CLOCKS_AGREE_S = 86_400.0  # GitHub's limits end within an hour
_WORDS = re.compile(
    r"rate[- ]?limit|abuse (detect|limit|rate)|too many requests|too quickly|throttl|(api|request) quota"
    r"|wait a (few|moment|minute)|slow down|limit exceeded|exceeded [^.]{0,40}\blimit",
    re.IGNORECASE,
)
_WORDS_OF_422 = re.compile(r"rate[- ]?limit|too quickly|abuse detect", re.IGNORECASE)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", re.ASCII)
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
    retry_after = headers.get("Retry-After", "").strip()
    requested_s = _number(retry_after)
    if requested_s is not None:
        return requested_s
    is_used_up = status != _UNPROCESSABLE and _is_used_up(headers)
    reset = _number(headers.get("X-RateLimit-Reset", "")) if is_used_up else None
    clocks = (_date(headers.get("Date", "")), now)
    for moment in (_date(retry_after), reset):
        if moment is not None:
            return _seconds_until(moment, clocks)
    pattern = _WORDS_OF_422 if status == _UNPROCESSABLE else _WORDS
    is_limit = status == _TOO_MANY_REQUESTS or is_used_up or retry_after or pattern.search(words)
    return _DEFAULT_WAIT_S if is_limit else None


def remaining_requests(headers: Mapping[str, str]) -> float | None:
    """Return the number of requests that remain until the rate limit; `None` if the answer does not tell."""
    return _number(headers.get("X-RateLimit-Remaining", ""))


def _seconds_until(moment: float, clocks: tuple[float | None, float]) -> float:
    """Return the seconds until a moment by the first clock that can be right: GitHub's, then our own."""
    for clock in clocks:
        if clock is not None and abs(moment - clock) <= _CLOCKS_AGREE_S:
            return max(0.0, moment - clock)
    return _DEFAULT_WAIT_S


def _is_used_up(headers: Mapping[str, str]) -> bool:
    return remaining_requests(headers) == 0


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def _date(text: str) -> float | None:
    """Return the seconds since 1970 of a date in a header; `None` if the text is no date."""
    try:
        moment = datetime.fromisoformat(text) if _ISO_DATE.match(text) else parsedate_to_datetime(text)
        # A date without a zone is in UTC.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
