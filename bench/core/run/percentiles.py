"""The percentiles of a result, and those that have too few values to be reliable."""

from collections.abc import Mapping

from bench.core.values import stats

PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "p99_9": 0.999}
"""The percentiles of a result: the probability of each by its field."""


def unreliable_percentiles(count: int, percentiles: Mapping[str, float]) -> tuple[str, ...]:
    """Return the names of the percentiles that this number of values does not make reliable.

    Args:
        count: Number of values.
        percentiles: Probability of each percentile by its name.
    """
    return tuple(
        name for name, probability in percentiles.items() if not stats.is_reliable(count, probability)
    )
