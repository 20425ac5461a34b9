"""Summarise the times between the tokens of streamed responses."""

from collections.abc import Iterable

from bench.core.run.percentiles import PERCENTILES, unreliable_percentiles
from bench.core.values import stats
from bench.core.values.histogram import DurationCounts, Histogram
from bench.core.values.record import Count, Number, Record


class TokenGaps(Record):
    """Inter-token latency (ITL): times between the tokens of streamed responses, in milliseconds.

    As in vLLM, there is one gap between each piece of text and the next one of its response, and all gaps of
    all responses count. Quantiles have the error of the histogram; mean and maximum are exact.
    """

    count: Count
    """Number of gaps."""
    together: Count = 0
    """Number of gaps of 0: the token came in the same read as the one before it."""
    mean: Number
    """Mean gap."""
    p50: Number | None = None
    """Median gap; null with so few gaps that a quantile would be the maximum."""
    p90: Number | None = None
    """90th percentile, or null."""
    p95: Number | None = None
    """95th percentile, or null."""
    p99: Number | None = None
    """99th percentile, or null."""
    p99_9: Number | None = None
    """99.9th percentile, or null."""
    max: Number
    """Longest gap."""
    unreliable: tuple[str, ...] = ()
    """Names of the quantiles that have too few gaps to be reliable."""
    histogram: DurationCounts
    """All gaps."""


def summarise_gaps(gaps: Iterable[Histogram]) -> TokenGaps | None:
    """Return the gaps of all phases together; `None` without gaps."""
    total = join_gaps(gaps)
    if not total.count:
        return None
    quantiles: dict[str, float] = {}
    for name, share in PERCENTILES.items():
        if stats.has_quantile(total.count, share):
            quantiles[name] = total.quantile_ms(share)
    return TokenGaps(
        count=total.count,
        together=total.zero_count,
        mean=total.mean_ms(),
        max=total.max_ms,
        unreliable=unreliable_percentiles(total.count, PERCENTILES),
        histogram=total.written(),
        **quantiles,
    )


def join_gaps(gaps: Iterable[Histogram]) -> Histogram:
    """Return one histogram of several."""
    total = Histogram()
    for histogram in gaps:
        total.merge(histogram)
    return total
