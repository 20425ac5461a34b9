"""The distribution of a latency in a run, and the typical times and percentiles of its baseline."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from statistics import median

import numpy as np

from bench.core.run.metric_summary import MetricSummary
from bench.core.run.result import RunResult
from bench.core.run.tails import Tail, tail_quantile_ms
from bench.core.samples.arrays import Floats
from bench.core.samples.metrics import metric, milestone_name
from bench.core.samples.samples import Samples
from bench.core.values import stats
from bench.core.values.histogram import Histogram
from bench.core.values.observations import Observations
from bench.core.values.record import Count, Number, Record
from bench.core.values.units import Values
from bench.core.verdict.baseline import BaselineRun
from bench.core.verdict.effect import run_value

_Quantiles = tuple[float | None, ...]
_KEYS = ("e2e_ms", "ttft_ms")
_POINTS = 80
"""Number of points of a percentile curve."""
_NAMED_SHARES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999)
"""Percentiles that a curve has exactly."""
_MOST_BARS = 40
_FEWEST_BARS = 8
_LONGEST_P95 = 2.0
"""Bars end at this multiple of the p95. The number of longer requests is given in words."""
_MOST_RESTORED = 1_000
"""Number of requests that are restored from the buckets of a result without its requests."""
_DIGITS = 4
"""Significant digits of a chart's numbers."""


class Basis(StrEnum):
    """Values whose percentiles of a run and of its baseline are compared."""

    REQUESTS = "requests"
    """Times of requests. A baseline keeps those of its slowest quarter."""
    MESSAGES = "messages"
    """Typical times of the messages."""


class TypicalRange(Record):
    """Typical time of a run, and of the runs of its baseline."""

    run_ms: Number
    """Typical time of the run."""
    lowest_ms: Number | None
    """Lowest typical time of a run of the baseline; `null` without a baseline."""
    middle_ms: Number | None
    """Median of the runs of the baseline."""
    highest_ms: Number | None
    """Highest typical time of a run of the baseline."""


class PercentileCurve(Record):
    """Percentiles of a run and of its baseline.

    The places are `-log10(1 - p)` of a percentile `p` from 0 to 1, so that each nine has the same width.
    """

    places: tuple[Number, ...]
    """Places of the percentiles, ascending."""
    requests_ms: tuple[Number | None, ...]
    """Percentiles of the run's requests; `null` where it has too few."""
    messages_ms: tuple[Number | None, ...]
    """Percentiles of the typical times of the run's messages."""
    basis: Basis | None
    """Values of the baseline's percentiles; `null` without a baseline."""
    lowest_ms: tuple[Number | None, ...]
    """Lowest percentile of a run of the baseline; empty without a baseline."""
    middle_ms: tuple[Number | None, ...]
    """Median of the runs of the baseline."""
    highest_ms: tuple[Number | None, ...]
    """Highest percentile of a run of the baseline."""


class Distribution(Record):
    """The times of a run's requests by metric, and those of its baseline, which keeps no single requests."""

    key: str
    """Key of the metric."""
    edges_ms: tuple[Number, ...]
    """Edges of the bars."""
    counts: tuple[Count, ...]
    """Number of requests by bar."""
    longer: Count
    """Number of requests beyond the last bar."""
    unfinished: Count
    """Number of requests that were ended while they waited; they count with their wait."""
    typical: TypicalRange
    """Typical times."""
    percentiles: PercentileCurve
    """Percentiles."""
    baseline_runs: Count
    """Number of runs of the baseline."""


def distributions(
    result: RunResult, runs: Sequence[BaselineRun], samples: Samples | None
) -> tuple[Distribution, ...]:
    """Return the distributions of the response time and, for streamed answers, of the times to the first
    token and to each milestone.

    Args:
        result: The run.
        runs: Comparable runs of the baseline.
        samples: The run's requests; `None` if they were not kept.
    """
    summaries = result.summary.metrics
    keys = [*filter(summaries.__contains__, _KEYS), *filter(milestone_name, summaries)]
    return tuple(_distribution(key, summaries[key], runs, samples) for key in keys)


def _distribution(
    key: str, row: MetricSummary, runs: Sequence[BaselineRun], samples: Samples | None
) -> Distribution:
    compared = [run for run in runs if run.figures.get(key)]
    requests = _find_requests(key, row, samples)
    typical = _typical_times(key, row, compared)
    edges = _edges(requests.values, [typical.run_ms, typical.lowest_ms, typical.highest_ms])
    shown = requests.values[requests.values <= edges[-1]]
    counts, _ = np.histogram(shown, bins=edges)
    return Distribution(
        key=key,
        edges_ms=round_for_chart(edges),
        counts=tuple(counts.tolist()),
        longer=len(requests) - len(shown),
        unfinished=requests.censored,
        typical=typical,
        percentiles=_percentiles(key, row, requests, compared),
        baseline_runs=len(compared),
    )


def _find_requests(key: str, row: MetricSummary, samples: Samples | None) -> Observations:
    """Return the times of the requests, restored from the result's buckets if the requests were not kept."""
    if samples is not None:
        requests, _ = metric(key).observe(samples.without_cancelled())
        if len(requests):
            return requests
    if row.histogram is None:
        return Observations.of_complete(list(row.figures.values()))
    histogram = Histogram.of(row.histogram)
    count = min(_MOST_RESTORED, histogram.count)
    middles = (np.arange(count) + 0.5) / max(1, count)
    return Observations.of_complete(list(map(histogram.quantile_ms, middles.tolist())))


def _typical_times(key: str, row: MetricSummary, runs: Sequence[BaselineRun]) -> TypicalRange:
    own_ms = row.typical
    if own_ms is None:
        own_ms = stats.typical(list(row.figures.values()), metric(key).resolution)
    values: list[float] = []
    for run in runs:
        value = run_value(run, key)
        if value is not None:
            values.append(value)
    return TypicalRange(
        run_ms=round_for_chart([own_ms])[0],
        lowest_ms=round_for_chart([min(values)])[0] if values else None,
        middle_ms=round_for_chart([median(values)])[0] if values else None,
        highest_ms=round_for_chart([max(values)])[0] if values else None,
    )


def _edges(requests_ms: Floats, shown_ms: Iterable[float | None]) -> Floats:
    """Return the edges of bars of equal, round width that contain the values to show."""
    marks_ms = list(_drop_none(shown_ms))
    low = min(float(requests_ms.min()), *marks_ms)
    longest_ms = float(requests_ms.max())
    high = max(min(longest_ms, _LONGEST_P95 * float(np.quantile(requests_ms, 0.95))), *marks_ms)
    bars = min(_MOST_BARS, max(_FEWEST_BARS, round(2.0 * len(requests_ms) ** 0.5)))
    width = stats.round_up(max((high - low) / bars, high / 500.0, 1e-3))
    first = np.floor(low / width)
    count = int(np.ceil(high / width) - first) or 1
    edges: Floats = (first + np.arange(count + 1)) * width
    edges[0] = min(edges[0], low)  # rounding must not exclude a request
    edges[-1] = max(edges[-1], high)
    return edges


def _percentiles(
    key: str, row: MetricSummary, requests: Observations, runs: Sequence[BaselineRun]
) -> PercentileCurve:
    furthest = max(1.0, float(np.log10(len(requests))))
    named = [place for place in map(_place, _NAMED_SHARES) if place <= furthest]
    places = np.union1d(np.linspace(0.0, furthest, _POINTS), named)
    shares = 1.0 - 10.0**-places
    messages = Observations.of_complete(list(row.figures.values()))
    basis, curves = _baseline_curves(key, runs, shares)
    lowest, middle, highest = _band(curves)
    return PercentileCurve(
        places=round_for_chart(places),
        requests_ms=_quantiles(requests, shares),
        messages_ms=_quantiles(messages, shares) if basis is Basis.MESSAGES else (),
        basis=basis,
        lowest_ms=lowest,
        middle_ms=middle,
        highest_ms=highest,
    )


def _place(share: float) -> float:
    return -float(np.log10(1.0 - share))


def _baseline_curves(
    key: str, runs: Sequence[BaselineRun], shares: Floats
) -> tuple[Basis | None, list[_Quantiles]]:
    """Return the percentiles of each run of a baseline: of its slowest requests, or else of its messages."""
    if not runs:
        return None, []
    requests: list[_Quantiles] = []
    messages: list[_Quantiles] = []
    for run in runs:
        typical_ms = Observations.of_complete(list(run.figures[key].values()))
        messages.append(_quantiles(typical_ms, shares))
        if key in run.tails:
            requests.append(_tail_quantiles(run.tails[key], shares))
    if len(requests) == len(runs):
        return Basis.REQUESTS, requests
    return Basis.MESSAGES, messages


def _tail_quantiles(tail: Tail, shares: Floats) -> _Quantiles:
    quantiles: list[float | None] = []
    for share in shares.tolist():
        quantiles.append(tail_quantile_ms(tail, share))
    return tuple(quantiles)


def _quantiles(observations: Observations, shares: Floats) -> _Quantiles:
    quantiles: list[float | None] = []
    for share in shares.tolist():
        estimate = observations.quantile(share)
        quantiles.append(None if estimate is None else round_for_chart([estimate.value])[0])
    return tuple(quantiles)


def _band(curves: Sequence[_Quantiles]) -> tuple[_Quantiles, _Quantiles, _Quantiles]:
    """Return the lowest, the middle and the highest value at each place where all curves have one."""
    lowest: list[float | None] = []
    middle: list[float | None] = []
    highest: list[float | None] = []
    for at_place in zip(*curves, strict=True):
        values = list(_drop_none(at_place))
        complete = len(values) == len(curves)
        lowest.append(min(values) if complete else None)
        middle.append(round_for_chart([median(values)])[0] if complete else None)
        highest.append(max(values) if complete else None)
    return tuple(lowest), tuple(middle), tuple(highest)


def _drop_none(values: Iterable[float | None]) -> Iterator[float]:
    for value in values:
        if value is not None:
            yield value


def round_for_chart(values: Values) -> tuple[float, ...]:
    """Round numbers to the four significant digits that a chart shows."""
    return tuple(float(f"{value:.{_DIGITS}g}") for value in values)
