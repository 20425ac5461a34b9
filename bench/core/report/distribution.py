"""The distribution of a latency in a run and in its baseline."""

from collections.abc import Iterable, Sequence

import numpy as np

from bench.core.run.result import RunResult
from bench.core.samples.arrays import Floats
from bench.core.samples.metrics import metric, milestone_name
from bench.core.samples.samples import Samples
from bench.core.values.observations import Observations
from bench.core.values.record import Number, Record
from bench.core.values.units import Values
from bench.core.verdict.baseline import BaselineRun

_KEYS = ("e2e_ms", "ttft_ms")
_POINTS = 160
"""Number of points of a curve."""
_DIGITS = 4
"""Significant digits of a chart's numbers."""


class Distribution(Record):
    """Empirical distribution functions of a metric: the share of requests that took at most a given time.

    A baseline keeps no requests, so the typical times of its messages are compared.
    """

    key: str
    """Key of the metric."""
    at_ms: tuple[Number, ...]
    """Times at which the curves are given, ascending."""
    requests: tuple[Number, ...]
    """Share of this run's requests. It ends below 1 if requests were ended while they waited; empty if the
    requests were not kept."""
    messages: tuple[Number, ...]
    """Share of this run's messages, by the typical time of each."""
    lowest: tuple[Number, ...]
    """Lowest share of messages in a run of the baseline; empty without a baseline."""
    middle: tuple[Number, ...]
    """Median share of messages in the runs of the baseline."""
    highest: tuple[Number, ...]
    """Highest share of messages in a run of the baseline."""
    baseline_runs: int
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
    return tuple(_distribution(key, result, runs, samples) for key in keys)


def _distribution(
    key: str, result: RunResult, runs: Sequence[BaselineRun], samples: Samples | None
) -> Distribution:
    row = result.summary.metrics[key]
    messages = list(row.figures.values())
    ended = [value for prompt, value in row.figures.items() if prompt not in row.bounded_figures]
    baseline = [list(run.figures[key].values()) for run in runs if run.figures.get(key)]
    requests = Observations.of_complete(())
    if samples is not None:
        requests, _ = metric(key).observe(samples.without_cancelled())
    points = _points([requests.values, messages, *baseline])
    shares = np.array([_shares(run_messages, points) for run_messages in baseline])
    return Distribution(
        key=key,
        at_ms=round_for_chart(points),
        requests=round_for_chart(requests.share_until(points)) if len(requests) else (),
        messages=round_for_chart(_shares(ended, points) * len(ended) / len(messages)),
        lowest=round_for_chart(shares.min(axis=0)) if baseline else (),
        middle=round_for_chart(np.median(shares, axis=0)) if baseline else (),
        highest=round_for_chart(shares.max(axis=0)) if baseline else (),
        baseline_runs=len(baseline),
    )


def _points(parts: Iterable[Values]) -> Floats:
    """Return equally spaced points from slightly below the lowest value to slightly above the highest."""
    values = np.concatenate([*parts])
    low = float(values.min())
    high = float(values.max())
    margin = max((high - low) / 20, high / 50, 1e-3)
    return np.linspace(max(0.0, low - margin), high + margin, _POINTS)


def _shares(values: Values, points: Floats) -> Floats:
    """Return the share of the values that are at most each point."""
    return np.searchsorted(np.sort(values), points, side="right") / max(1, len(values))


def round_for_chart(values: Iterable[float]) -> tuple[float, ...]:
    """Round numbers to the four significant digits that a chart shows."""
    return tuple(float(f"{value:.{_DIGITS}g}") for value in values)
