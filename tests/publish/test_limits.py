from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from requests.structures import CaseInsensitiveDict

from bench.publish.limits import rate_limit_wait_s

NOW = 1_800_000_000.0
DAY_S = 86_400.0


def wait_s(status: int, words: str = "", **headers: str) -> float | None:
    """Return the wait that an answer asks for; underscores in names of headers are hyphens."""
    named = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return rate_limit_wait_s(status, named, words, NOW)


@pytest.mark.parametrize("status", [200, 401, 404, 410, 500, 502, 503])
def test_only_a_refusal_can_be_a_rate_limit(status: int) -> None:
    """The words of other answers are not read."""
    assert wait_s(status, "rate limit", retry_after="5") is None


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("7", 7), (" 7 ", 7), ("1.5", 1.5)])
def test_retry_after_is_a_number_of_seconds(text: str, expected: float) -> None:
    """Fractions and blanks are allowed."""
    assert wait_s(403, retry_after=text) == expected


@pytest.mark.parametrize("text", ["soon", "-5", "inf", "nan", "1e3", "٣", "9" * 400, "32 Foo 2026", "1,5"])
def test_an_unreadable_retry_after_means_one_minute(text: str) -> None:
    """GitHub sends the header only with a rate limit."""
    assert wait_s(403, retry_after=text) == wait_s(429, retry_after=text) == 60


def test_retry_after_is_a_date_by_the_clock_of_github() -> None:
    """A wrong clock of this machine changes no wait; a date in the past is no wait."""
    github_now = NOW - 3600
    date = formatdate(github_now, usegmt=True)
    assert wait_s(429, retry_after=formatdate(github_now + 30, usegmt=True), date=date) == 30
    assert wait_s(429, retry_after=formatdate(github_now - 30, usegmt=True), date=date) == 0
    assert wait_s(429, retry_after=formatdate(NOW + 40, usegmt=True)) == 40
    assert wait_s(429, retry_after=datetime.fromtimestamp(NOW + 40, UTC).isoformat()) == 40


def test_a_time_that_fits_no_clock_means_one_minute() -> None:
    """A rate limit ends within a day, so a later time comes from a wrong clock."""
    assert wait_s(429, retry_after=formatdate(NOW + 2 * DAY_S, usegmt=True)) == 60
    assert wait_s(403, x_ratelimit_remaining="0", x_ratelimit_reset=f"{NOW - 2 * DAY_S:.0f}") == 60


@pytest.mark.parametrize(("offset_s", "expected"), [(90, 90), (1800, 1800), (-10, 0)])
def test_a_used_up_limit_ends_at_its_reset(offset_s: float, expected: float) -> None:
    """The time is in seconds since 1970; with remaining requests it means no limit."""
    reset = f"{NOW + offset_s:.0f}"
    assert wait_s(403, x_ratelimit_remaining="0", x_ratelimit_reset=reset) == expected
    assert wait_s(403, x_ratelimit_remaining="9", x_ratelimit_reset=reset) is None


@pytest.mark.parametrize("reset", ["", "soon"])
def test_a_used_up_limit_without_its_end_means_one_minute(reset: str) -> None:
    """No request remains, so the refusal is a limit in any words."""
    assert wait_s(403, "Forbidden", x_ratelimit_remaining="0", x_ratelimit_reset=reset) == 60


def test_a_wrong_field_is_no_limit_in_other_words() -> None:
    """The words of a limit of length are no rate limit."""
    assert wait_s(422, "Validation Failed: exceeded the limit of 100 labels") is None
    assert wait_s(403, "Commenting is disabled on issues with more than 2500 comments") is None


def test_a_wrong_field_is_no_rate_limit_after_the_last_request() -> None:
    """The status 422 is a rate limit only by its words."""
    assert wait_s(422, "Body is too long", x_ratelimit_remaining="0", x_ratelimit_reset=f"{NOW}") is None
    assert wait_s(422, "Validation Failed: was submitted too quickly") == 60


@pytest.mark.parametrize(
    "words",
    [
        "You have exceeded a secondary rate limit. Please wait a few minutes",
        "You have exceeded a Secondary Rate Limit",
        "You have triggered an abuse detection mechanism.",
        "API rate limit exceeded for 192.0.2.1",
        "Too many requests",
        "Request was throttled. Expected available in 5 seconds.",
        "You have exceeded the hourly limit of requests",
        "Please wait a few minutes before you try again.",
        "Rate-limited by the proxy",
    ],
)
def test_a_rate_limit_without_headers_is_known_by_its_words(words: str) -> None:
    """Proxies remove headers, and old servers send none."""
    assert wait_s(403, words) == 60
    assert wait_s(403, "Resource not accessible by integration") is None
