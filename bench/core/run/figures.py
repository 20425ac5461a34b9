"""The compared values of a run: by metric and by prompt, so that a prompt is compared with itself."""

import statistics
from collections.abc import Mapping, Sequence

from bench.core.run.summary import RunSummary
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metric import MetricKind, Part
from bench.core.samples.metrics import (
    is_request_metric,
    metric,
    metric_of_tail,
    step_name,
    tail_key,
    tier_name,
)
from bench.core.values import stats

# Value by prompt.
Figures = Mapping[str, float]

# With fewer requests, a 95th percentile is the value of a few requests only.
TAIL_REQUESTS = 100
# Replaces the id of a prompt if one value covers all requests of a run.
ALL = "all"


def check_compared(key: str) -> None:
    """Refuse the key of a metric that is not compared.

    Raises:
        ValueError: The metric is unknown, or it is only shown.
    """
    if key in SAFE_LOADS:
        return
    if tier_name(key) is None and metric_of_tail(key) is None and step_name(key) is None:
        row = metric(key) if is_request_metric(key) else None
        if row is None or row.kind is not MetricKind.TREND or row.part is Part.INFORMS:
            raise ValueError(f"there is no compared metric '{key}'")


def bounds_of(summary: RunSummary) -> dict[str, tuple[str, ...]]:
    """Return the prompts by metric, as in `figures_of`, whose compared value is a lower bound."""
    bounds: dict[str, tuple[str, ...]] = {}
    for key in figures_of(summary):
        tail_of = metric_of_tail(key)
        row = summary.metrics[tail_of or key]
        bounded = row.bounded_figures
        if tail_of is not None:
            bounded = (ALL,) if "p95" in row.lower_bounds else ()
        if bounded:
            bounds[key] = bounded
    return bounds


def figures_of(summary: RunSummary) -> dict[str, dict[str, float]]:
    """Return the compared values of a run, by metric and prompt; metrics first, then 95th percentiles."""
    figures: dict[str, dict[str, float]] = {}
    percentiles: dict[str, dict[str, float]] = {}
    for key, row in summary.metrics.items():
        if row.figures and metric(key).part is not Part.INFORMS:
            figures[key] = row.figures
        has_tail = metric_of_tail(tail_key(key)) is not None
        if has_tail and row.count >= TAIL_REQUESTS and row.p95 is not None:
            percentiles[tail_key(key)] = {ALL: row.p95}
    return figures | percentiles


def usual_value(key: str, runs: Sequence[Figures]) -> float | None:
    """Return the median over runs of a metric's typical value; `None` if no run has a value."""
    start = metric(key).resolution
    values = [stats.typical(list(run.values()), start) for run in runs if run]
    return statistics.median(values) if values else None
