"""Words for safe loads."""

import pytest

from bench.core.report.load_change import describe_load_with_interval
from bench.core.run.safe_load import ComparedLoad, LoadInterval
from bench.core.samples.cost_metrics import SAFE_LOAD


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(6.0, None, "at least 6 users"), (6.0, 9.0, "8 users (6 to 9, 90 % certain)")],
)
def test_only_the_certain_load_is_a_lower_limit(low: float, high: float | None, words: str) -> None:
    """If no objective broke, the best estimate of 8 users is not certain; each page states the lower end."""
    safe = ComparedLoad(SAFE_LOAD, 8.0, LoadInterval(low=low, high=high, confidence=0.9))
    assert describe_load_with_interval(safe) == words
