"""The slowest requests of a run, in few numbers, so that a baseline can keep them.

A 95th percentile of one run has few requests above it. A verdict therefore joins the tails of all runs of one
side. It needs the requests above the 75th percentile only, and the number of all others.
"""

import math

from bench.core.run.metric_summary import MetricSummary
from bench.core.run.summary import RunSummary
from bench.core.samples.metrics import metric_of_tail, tail_key
from bench.core.values.histogram import LOG_GROWTH
from bench.core.values.record import Count, Record
from bench.core.values.stats import has_quantile

TAIL_FROM = 0.75
"""A tail has the requests above this quantile."""


class Tail(Record):
    """The longest durations of a run, in the buckets of `DurationCounts`."""

    total: Count
    """Number of all requests, also of those below the tail."""
    censored: Count = 0
    """Number of those that were ended while they waited, and count with their wait."""
    counts: dict[int, Count] = {}
    """Number of durations in each bucket from that of the 75th percentile on, by the bucket's key."""


def tails_of(summary: RunSummary) -> dict[str, Tail]:
    """Return the tail of each deciding latency, by the metric's key, such as `e2e_ms`."""
    tails: dict[str, Tail] = {}
    for key, row in summary.metrics.items():
        if row.histogram is not None and metric_of_tail(tail_key(key)) is not None:
            tails[key] = _tail_of(row)
    return tails


def _tail_of(row: MetricSummary) -> Tail:
    buckets = row.histogram.counts if row.histogram is not None else {}
    in_tail = (1.0 - TAIL_FROM) * row.count
    counts: dict[int, int] = {}
    above = 0
    for key in sorted(buckets, reverse=True):
        if above >= in_tail:
            break
        counts[key] = buckets[key]
        above += buckets[key]
    return Tail(total=row.count, censored=row.censored, counts=dict(sorted(counts.items())))


def tail_quantile_ms(tail: Tail, probability: float) -> float | None:
    """Return a quantile of all requests; `None` below the tail, and if it would be the longest request.

    Within a bucket, the durations are taken as evenly spread on the scale of logarithms.
    """
    if not has_quantile(tail.total, probability):
        return None
    wanted = (1.0 - probability) * tail.total
    beyond = 0
    for key in sorted(tail.counts, reverse=True):
        count = tail.counts[key]
        if beyond + count >= wanted:
            return math.exp((key - (wanted - beyond) / count) * LOG_GROWTH)
        beyond += count
    return None
