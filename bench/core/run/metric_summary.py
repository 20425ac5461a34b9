"""Summarise one metric over a run: its quantiles, its histogram, and its typical value by prompt."""

from collections.abc import Collection, Mapping

import numpy as np

from bench.core.run.percentiles import PERCENTILES, unreliable_percentiles
from bench.core.samples.arrays import Column
from bench.core.samples.metric import Metric, MetricKind
from bench.core.samples.samples import Samples
from bench.core.values import stats
from bench.core.values.histogram import DurationCounts, Histogram
from bench.core.values.observations import Estimate, Observations
from bench.core.values.record import Count, Number, Record


class MetricSummary(Record):
    """One metric over a run, in the metric's unit. An absent value is null, never 0."""

    count: Count
    """Number of values, with the censored ones; for a rate, the number of requests that it is a share of."""
    mean: Number
    """Arithmetic mean; for a rate, the share of successes."""
    censored: Count = 0
    """Number of censored values: requests that were ended while they waited, so their value is longer."""
    lower_bounds: tuple[str, ...] = ()
    """Names of the statistics that are lower bounds, because they lie beyond all complete values."""
    typical: Number | None = None
    """Typical value, weighted by the requests of each message, without messages that must be refused; null
    for rates."""
    p50: Number | None = None
    """Median; null with so few values that a quantile would be the maximum."""
    p90: Number | None = None
    """90th percentile, or null."""
    p95: Number | None = None
    """95th percentile, or null."""
    p99: Number | None = None
    """99th percentile, or null."""
    p99_9: Number | None = None
    """99.9th percentile, or null: it takes 1,000 values, and 6,636 to be reliable."""
    max: Number | None = None
    """Largest value; null for rates, and in older results."""
    p99_corrected: Number | None = None
    """The p99 of the response time, corrected for coordinated omission; null for other metrics, for open
    loops, which need no correction, and without a p99."""
    unreliable: tuple[str, ...] = ()
    """Names of the quantiles that have too few values to be reliable."""
    figures: dict[str, Number] = {}
    """Typical value of each prompt; a comparison pairs runs by prompt."""
    bounded_figures: tuple[str, ...] = ()
    """Prompts whose typical value is a lower bound."""
    histogram: DurationCounts | None = None
    """All values of a duration, a censored one with the length of its wait; null for rates and counters, and
    for tiers of a step."""


def summarise_metric(
    row: Metric, samples: Samples, refusals: Collection[str] = (), *, with_histogram: bool = True
) -> MetricSummary | None:
    """Return the summary of a metric over some requests; `None` if no request has a value.

    Args:
        row: The metric.
        samples: The requests.
        refusals: Messages that must be refused: they are not part of the typical value.
        with_histogram: Return the histogram as well.
    """
    observed, present = row.observe(samples)
    if not len(observed):
        return None
    if row.kind is not MetricKind.TREND:
        return MetricSummary(count=len(observed), mean=float(np.mean(observed.values)))
    prompts = samples.column("prompt")[present]
    figures = _figures(row, observed, prompts, samples.prompts)
    bounded = tuple(prompt for prompt, figure in figures.items() if figure.is_lower_bound)
    typical = _typical(row, figures, np.bincount(prompts), samples.prompts, refusals)
    ascending = np.sort(observed.values)
    statistics = observed.quantiles(PERCENTILES, ascending)
    statistics["mean"] = observed.mean()
    statistics["typical"] = typical
    statistics["max"] = observed.largest()
    return MetricSummary(
        count=len(observed),
        censored=observed.censored,
        lower_bounds=tuple(name for name, estimate in statistics.items() if estimate.is_lower_bound),
        unreliable=unreliable_percentiles(len(observed), PERCENTILES),
        figures={prompt: figure.value for prompt, figure in figures.items()},
        bounded_figures=bounded,
        histogram=Histogram.of_ascending(ascending).written() if with_histogram else None,
        **{name: estimate.value for name, estimate in statistics.items()},
    )


def _figures(
    row: Metric, observed: Observations, prompts: Column, names: Mapping[str, int]
) -> dict[str, Estimate]:
    """Return the typical value of each message, in alphabetical order."""
    start = None if row.adds_up else row.resolution
    typical = observed.typical_by_group(prompts, len(names), start)
    return {name: typical[number] for name, number in sorted(names.items()) if number in typical}


def _typical(
    row: Metric,
    figures: Mapping[str, Estimate],
    requests: Column,
    names: Mapping[str, int],
    refusals: Collection[str],
) -> Estimate:
    """Return the typical value of all requests; of refusals only if there are no others."""
    kept = sorted(figures.keys() - set(refusals)) or [*figures]
    values: list[float] = []
    weights: list[int] = []
    is_bound = False
    for name in kept:
        values.append(figures[name].value)
        weights.append(int(requests[names[name]]))
        is_bound |= figures[name].is_lower_bound
    if row.adds_up:
        return Estimate(float(np.average(values, weights=weights)), is_bound)
    return Estimate(stats.typical(values, row.resolution, weights), is_bound)
