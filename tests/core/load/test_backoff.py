"""The laws of retries: which failures are sent again, when, and how many."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.config.retry import Retry
from bench.core.load.backoff import is_retryable, wait_s
from bench.core.load.retry_budget import RetryBudget
from bench.core.samples.sample import Outcome
from bench.core.values.retry_after import read_retry_after
from tests.factories import make_sample

RETRY = Retry(backoff=(0.5, 8.0))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@given(st.lists(st.booleans(), max_size=300), st.sampled_from([0.125, 0.5, 1.0, 2.0]))
def test_retries_never_exceed_the_budget(steps: list[bool], share: float) -> None:
    """Of N requests, at most one more than the share is sent again, in any order of failures."""
    budget = RetryBudget()
    requests = retries = 0
    for is_request in steps:
        if is_request:
            budget.deposit(share)
            requests += 1
        else:
            retries += budget.withdraw()
        assert retries <= 1 + share * requests


@given(st.integers(1, 19), st.integers())
def test_a_wait_is_random_within_growing_limits(number: int, seed: int) -> None:
    """It is never shorter than the shortest one, and the longest possible wait doubles up to the limit."""
    waited_s = wait_s(RETRY, number, None, Random(seed))
    assert 0.5 <= waited_s <= min(8.0, 0.5 * 2**number)


@given(st.integers(1, 19), st.integers(), st.integers(0, 120))
def test_retry_after_is_honoured(number: int, seed: int, retry_after_s: int) -> None:
    """A VU never comes back earlier than the service wants, unless the scenario says so."""
    assert wait_s(RETRY, number, float(retry_after_s), Random(seed)) >= retry_after_s
    ignoring = RETRY.model_copy(update={"honour_retry_after": False})
    assert wait_s(ignoring, number, float(retry_after_s), Random(seed)) <= 8.0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"outcome": Outcome.RATE_LIMITED, "status": 429}, True),
        ({"outcome": Outcome.HTTP_ERROR, "status": 503}, True),
        ({"outcome": Outcome.CONNECT_FAILED, "status": None}, True),
        ({"outcome": Outcome.HTTP_ERROR, "status": 500}, False),
        ({"outcome": Outcome.HTTP_ERROR, "status": 503, "first_token_s": 1.0}, False),
        ({"outcome": Outcome.TIMEOUT, "status": 503}, False),
        ({"outcome": Outcome.OK, "status": 429}, False),
        ({"outcome": Outcome.NOT_SENT, "status": None}, False),
    ],
)
def test_only_refusals_for_now_are_sent_again(fields: dict[str, Any], expected: bool) -> None:
    """An expected status, an answer that has begun, a time-out, and other errors are not retried."""
    assert is_retryable(RETRY, make_sample(**fields)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", 3.0),
        ("Mon, 01 Jun 2026 12:00:30 GMT", 30.0),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        (None, None),
    ],
)
def test_retry_after_has_seconds_or_a_date(text: str | None, expected: float | None) -> None:
    """RFC 9110 allows both; anything else is as if the header were missing."""
    assert read_retry_after(text, NOW) == expected
