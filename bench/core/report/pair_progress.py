"""The line after each pair of a comparison: what is known so far."""

from collections.abc import Sequence

from bench.core.samples.metric import Part
from bench.core.samples.metrics import RESPONSE_TIME, metric, sentence_name
from bench.core.values import wording
from bench.core.verdict.compare import Comparison
from bench.core.verdict.pair_limits import PairLimits
from bench.core.verdict.verdict import MetricComparison


def describe_pair(comparison: Comparison, number: int, limits: PairLimits) -> str:
    """Return the line after a pair: `pair 4: response time +12 % (+7 % … +17 %), 8 more at most`.

    Args:
        comparison: The comparison of all pairs so far; its `stopped` is set if this pair was the last.
        number: The number of pairs.
        limits: The smallest and the largest number of pairs.
    """
    row = _find_leading(comparison.metrics)
    estimate = "complete" if row is None else f"{sentence_name(row.key)} {_describe_change(row)}"
    if comparison.stopped is not None:
        return f"pair {number}: {estimate}; no more pairs: {comparison.stopped}"
    return f"pair {number}: {estimate}, {limits.most - number} more at most"


def _find_leading(rows: Sequence[MetricComparison]) -> MetricComparison | None:
    """Return the response time, or else the first latency with an estimated change; `None` without one."""
    estimated: dict[str, MetricComparison] = {}
    for row in rows:
        is_latency = metric(row.key).unit == "ms"
        if is_latency and row.part is Part.DECIDES and row.low_ratio is not None:
            estimated[row.key] = row
    return estimated.get(RESPONSE_TIME, next(iter(estimated.values()), None))


def _describe_change(row: MetricComparison) -> str:
    interval = f"{wording.change(row.low_ratio)} … {wording.change(row.high_ratio)}"
    return f"{wording.change(row.change_ratio)} ({interval})"
