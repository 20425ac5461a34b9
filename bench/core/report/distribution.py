"""How a latency spreads, beside what a baseline keeps of it: a typical time for each message of each run."""

from collections.abc import Iterable, Sequence

import numpy as np

from bench.core.run.result import RunResult
from bench.core.samples.arrays import Floats
from bench.core.samples.metrics import metric
from bench.core.samples.samples import Samples
from bench.core.values.record import Number, Record
from bench.core.values.units import Values
from bench.core.verdict.baseline import BaselineRun

_KEYS = ("e2e_ms", "ttft_ms")
_PLACES = 160  # of a curve
_DIGITS = 4  # nobody sees more in a chart


class Distribution(Record):
    """Shares of requests, and of messages, that took at most so long: empirical distribution functions.

    A baseline keeps no requests, so what is compared are the messages' typical times, which it does keep.

    Attributes:
        key: The metric.
        at_ms: Places of the curves, ascending.
        requests: Share of this run's requests; empty when its requests were not kept.
        messages: Share of the messages, by what is typical of each in this run.
        lowest: The same of the baseline's runs: the lowest share that any of them has; empty without any.
        middle: The median of them.
        highest: The highest.
        baseline_runs: How many runs these are.
    """

    key: str
    at_ms: tuple[Number, ...]
    requests: tuple[Number, ...]
    messages: tuple[Number, ...]
    lowest: tuple[Number, ...]
    middle: tuple[Number, ...]
    highest: tuple[Number, ...]
    baseline_runs: int


def distributions(
    result: RunResult, runs: Sequence[BaselineRun], samples: Samples | None
) -> tuple[Distribution, ...]:
    """Of the response time, and of the time to first token where answers are streamed.

    Args:
        result: The run.
        runs: Those of the baseline that compare with it.
        samples: Its requests; None when they were not kept.
    """
    summaries = result.summary.metrics
    return tuple(_distribution(key, result, runs, samples) for key in _KEYS if key in summaries)


def _distribution(
    key: str, result: RunResult, runs: Sequence[BaselineRun], samples: Samples | None
) -> Distribution:
    figures = [*result.summary.metrics[key].figures.values()]
    usual = [[*run.figures[key].values()] for run in runs if run.figures.get(key)]
    values = np.empty(0) if samples is None else metric(key).values(samples)
    known = values[~np.isnan(values)]
    places = _places([known, figures, *usual])
    shares = np.array([_shares(each, places) for each in usual])
    return Distribution(
        key=key,
        at_ms=rounded(places),
        requests=rounded(_shares(known, places)) if len(known) else (),
        messages=rounded(_shares(figures, places)),
        lowest=rounded(shares.min(axis=0)) if usual else (),
        middle=rounded(np.median(shares, axis=0)) if usual else (),
        highest=rounded(shares.max(axis=0)) if usual else (),
        baseline_runs=len(usual),
    )


def _places(parts: Iterable[Values]) -> Floats:
    """From a little below the least to a little above the most, at equal distances."""
    values = np.concatenate([np.asarray(each) for each in parts])
    low, high = float(values.min()), float(values.max())
    margin = max((high - low) / 20, high / 50, 1e-3)
    return np.linspace(max(0.0, low - margin), high + margin, _PLACES)


def _shares(values: Values, places: Floats) -> Floats:
    """The share of the values that are at most each place."""
    return np.searchsorted(np.sort(values), places, side="right") / len(values)


def rounded(values: Iterable[float]) -> tuple[float, ...]:
    """Numbers as a chart needs them: to four digits."""
    return tuple(float(f"{value:.{_DIGITS}g}") for value in values)
