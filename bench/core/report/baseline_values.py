"""The values of each run of a baseline, so that a reader sees how much the runs differ from each other."""

import math
from collections.abc import Sequence

from bench.core.run.figures import ALL, Figures
from bench.core.run.tails import Tail
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metrics import SUCCESS_RATIO, metric, metric_of_tail, tail_key, tier_name
from bench.core.values import stats
from bench.core.values.histogram import RELATIVE_ERROR, log_bounds
from bench.core.values.record import Record
from bench.core.verdict.baseline import BaselineRun
from bench.core.verdict.tails import TAIL_PROBABILITY


class BaselineValues(Record):
    """One value of a metric for each run of a baseline that has the metric."""

    key: str
    """Key of the metric."""
    values: tuple[float, ...]
    """The typical value of each run in the metric's unit, the oldest run first."""


def list_baseline_values(runs: Sequence[BaselineRun]) -> tuple[BaselineValues, ...]:
    """Return the values of some runs by metric; a metric that no run has is left out.

    The metrics are latencies, 95th percentiles, success, throughput and the safe load. A run without its own
    95th percentile has that of its stored tail.

    Args:
        runs: The runs of the baseline, the oldest first.
    """
    values: dict[str, list[float]] = {}
    for run in runs:
        for key, value in _values_of(run).items():
            values.setdefault(key, []).append(value)
    return tuple(BaselineValues(key=key, values=tuple(of_key)) for key, of_key in sorted(values.items()))


def _values_of(run: BaselineRun) -> dict[str, float]:
    values: dict[str, float] = {}
    for key, tail in run.tails.items():
        percentile_ms = _percentile_ms(tail)
        if percentile_ms is not None:
            values[tail_key(key)] = percentile_ms
    for key, figures in run.figures.items():
        if tier_name(key) is None and figures:
            values[key] = _typical(key, figures)
    for key, costs in run.costs.items():
        if ALL in costs:
            values[key] = costs[ALL]
    if run.ok + run.failed and run.safe_load is None:
        values[SUCCESS_RATIO] = run.ok / (run.ok + run.failed)
    return values


def _typical(key: str, figures: Figures) -> float:
    """Return the typical value over the messages; a value of all requests as it is."""
    if ALL in figures and (key in SAFE_LOADS or metric_of_tail(key) is not None):
        return figures[ALL]
    return stats.typical(list(figures.values()), metric(key).resolution)


def _percentile_ms(tail: Tail) -> float | None:
    """Return the 95th percentile by linear interpolation; None with too few requests."""
    if not tail.counts or not stats.has_quantile(tail.total, TAIL_PROBABILITY):
        return None
    position = TAIL_PROBABILITY * (tail.total - 1)
    rank = math.floor(position)
    lower_ms = _of_rank_ms(tail, rank)
    upper_ms = _of_rank_ms(tail, min(rank + 1, tail.total - 1))
    return lower_ms + (position - rank) * (upper_ms - lower_ms)


def _of_rank_ms(tail: Tail, rank: int) -> float:
    """Return the duration with a number in ascending order, from 0, in the middle of its bucket."""
    longer = tail.total - 1 - rank
    keys = sorted(tail.counts, reverse=True)
    above = 0
    for key in keys:
        above += tail.counts[key]
        if above > longer:
            break
    upper_ms = math.exp(float(log_bounds([key])[0]))
    return upper_ms * (1.0 - RELATIVE_ERROR)
