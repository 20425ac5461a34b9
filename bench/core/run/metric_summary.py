"""Summarise one metric over a run: its quantiles, its histogram, and its typical value by prompt."""

import numpy as np

from bench.core.run.percentiles import PERCENTILES, unreliable_percentiles
from bench.core.samples.arrays import Mask
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
    """Mean of the prompts' typical values, on the compared scale; null for rates."""
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


def summarise_metric(row: Metric, samples: Samples, *, with_histogram: bool = True) -> MetricSummary | None:
    """Return the summary of a metric over some requests; `None` if no request has a value."""
    observed, present = row.observe(samples)
    if not len(observed):
        return None
    if row.kind is not MetricKind.TREND:
        return MetricSummary(count=len(observed), mean=float(np.mean(observed.values)))
    figures = _figures(row, observed, samples, present)
    bounded = tuple(prompt for prompt, figure in figures.items() if figure.is_lower_bound)
    typical = stats.typical([figure.value for figure in figures.values()], row.smallest_change)
    ascending = np.sort(observed.values)
    statistics = observed.quantiles(PERCENTILES, ascending)
    statistics["mean"] = observed.mean()
    statistics["typical"] = Estimate(typical, bool(bounded))
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


def _figures(row: Metric, observed: Observations, samples: Samples, present: Mask) -> dict[str, Estimate]:
    """Return the typical value of each prompt, in alphabetical order."""
    prompts = samples.column("prompt")[present]
    names = sorted(samples.prompts.items())
    typical = observed.typical_by_group(prompts, len(names), row.smallest_change)
    return {name: typical[number] for name, number in names if number in typical}
