"""The curves of several runs in common places, so that one drawing shows them all."""

import math
from collections.abc import Callable, Sequence
from operator import attrgetter

import numpy as np

from bench.core.report.distribution import round_for_chart
from bench.core.report.run_times import RunTimes
from bench.core.report.timeline import Curve
from bench.core.run.result import RunResult
from bench.core.samples.arrays import Floats
from bench.core.samples.metrics import RESPONSE_TIME
from bench.core.values.histogram import LOG_GROWTH, DurationCounts
from bench.core.values.record import NotNegative, Number, Record

_POINTS = 120
"""Places of a distribution."""
_NAMED = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
"""Percentiles that a curve has exactly."""
_LAST_PLACE = 4.0
"""The last percentile, p99.99."""
_ALMOST_ONE = 1.0 - 1e-9
"""One request, in spite of rounding errors."""
_MOST_P99 = 1.25
"""A distribution ends at this multiple of the largest p99."""


class OverlaidCurves(Record):
    """A curve for each of some runs, in common places."""

    at: tuple[Number, ...]
    """The places."""
    curves: tuple[Curve, ...]
    """The curves; the label is the letter of the run."""


class SideCurves(Record):
    """The curves of several runs. A part is null if fewer than two runs have it."""

    latency_ms: OverlaidCurves | None
    """Median response time by seconds since the start of the run."""
    cpu_pct: OverlaidCurves | None
    """Processor time of all services by seconds since the start, in per cent of one core."""
    shares: OverlaidCurves | None
    """Share of the requests that took at most a time in milliseconds."""
    percentiles_ms: OverlaidCurves | None
    """Percentiles of the response time; the places are `-log10(1 - p)`."""


class SearchCurve(Record):
    """The trials of a capacity search by load."""

    letter: str
    """Letter of the run."""
    loads: tuple[NotNegative, ...]
    """The loads, ascending."""
    p95_ms: tuple[NotNegative | None, ...]
    """The p95 of the response time at each load."""
    throughput_rps: tuple[NotNegative, ...]
    """Successful requests per second at each load."""

    @property
    def has_times(self) -> bool:
        """Whether a load has a p95."""
        return any(self.p95_ms)


def find_search_curves(letters: Sequence[str], results: Sequence[RunResult]) -> tuple[SearchCurve, ...]:
    """Return the curve of each capacity search that has trials."""
    curves: list[SearchCurve] = []
    for letter, result in zip(letters, results, strict=True):
        if result.capacity is None or not result.capacity.trials:
            continue
        trials = sorted(result.capacity.trials, key=attrgetter("load"))
        loads, p95_ms, rates = zip(*map(attrgetter("load", "p95_ms", "throughput_rps"), trials), strict=True)
        curves.append(SearchCurve(letter=letter, loads=loads, p95_ms=p95_ms, throughput_rps=rates))
    return tuple(curves)


def overlay_curves(
    letters: Sequence[str],
    histograms: Sequence[DurationCounts | None],
    times: Sequence[RunTimes | None],
) -> SideCurves:
    """Return the curves of several runs.

    Args:
        letters: The letters of the runs.
        histograms: The response times of each run; None if it has none, or many loads.
        times: Each run over time; None if its requests were not kept.
    """
    return SideCurves(
        latency_ms=_overlay_times(letters, times, attrgetter("latency_ms")),
        cpu_pct=_overlay_times(letters, times, attrgetter("cpu_pct")),
        shares=_overlay_shares(letters, histograms),
        percentiles_ms=_overlay_percentiles(letters, histograms),
    )


def find_histogram(result: RunResult) -> DurationCounts | None:
    """Return the response times of a run; None without requests, and for a search, which has many loads."""
    row = result.summary.metrics.get(RESPONSE_TIME)
    return None if row is None or result.capacity is not None else row.histogram


def _overlay_times(
    letters: Sequence[str],
    times: Sequence[RunTimes | None],
    read: Callable[[RunTimes], Sequence[float | None]],
) -> OverlaidCurves | None:
    """Return a curve of each run in slices of the smallest width."""
    with_values: dict[str, RunTimes] = {}
    for letter, run in zip(letters, times, strict=True):
        if run is not None and {*read(run)} - {None}:
            with_values[letter] = run
    if len(with_values) < 2:  # noqa: PLR2004 - a pair
        return None
    end_s = max(map(attrgetter("end_s"), with_values.values()))
    width_s = min(map(attrgetter("slice_s"), with_values.values()))
    places = (np.arange(max(1, math.floor(end_s / width_s + 0.5))) + 0.5) * width_s
    curves = []
    for letter, run in with_values.items():
        values = _move(places.tolist(), width_s, run, read(run))
        curves.append(Curve(label=letter, values=values))
    return OverlaidCurves(at=round_for_chart(places), curves=tuple(curves))


def _move(
    places: Sequence[float], width_s: float, run: RunTimes, values: Sequence[float | None]
) -> tuple[float | None, ...]:
    """Return the value of the slice that contains each place; None after the end of the run."""
    moved: list[float | None] = []
    for place in places:
        number = min(int(place / run.slice_s), len(values) - 1)
        moved.append(values[number] if place - width_s / 2 < run.end_s else None)
    return tuple(moved)


def _find_times(
    letters: Sequence[str], histograms: Sequence[DurationCounts | None]
) -> dict[str, DurationCounts]:
    """Return the response times by letter, of the runs that have them; empty if fewer than two have."""
    times: dict[str, DurationCounts] = {}
    for letter, counts in zip(letters, histograms, strict=True):
        if counts is not None and _count(counts):
            times[letter] = counts
    return times if len(times) > 1 else {}


def _overlay_shares(
    letters: Sequence[str], histograms: Sequence[DurationCounts | None]
) -> OverlaidCurves | None:
    times = _find_times(letters, histograms)
    if not times:
        return None
    longest_ms = 0.0
    for counts in times.values():
        longest_ms = max(longest_ms, _find_quantiles(counts, np.array([0.99]))[0])
    places = np.linspace(0.0, _MOST_P99 * longest_ms, _POINTS)
    curves = []
    for letter, counts in times.items():
        bounds_ms, shares = _cumulate(counts)
        own = np.interp(places, bounds_ms, shares)
        curves.append(Curve(label=letter, values=round_for_chart(own)))
    return OverlaidCurves(at=round_for_chart(places), curves=tuple(curves))


def _overlay_percentiles(
    letters: Sequence[str], histograms: Sequence[DurationCounts | None]
) -> OverlaidCurves | None:
    times = _find_times(letters, histograms)
    if not times:
        return None
    last = min(math.log10(max(map(_count, times.values()))), _LAST_PLACE)
    named = -np.log10(1.0 - np.array(_NAMED))
    places = np.unique(np.append(np.linspace(0.0, last, _POINTS // 2), named[named <= last]))
    shares = 1.0 - 10.0**-places
    curves = []
    for letter, counts in times.items():
        # A percentile with less than one request beyond it would be the slowest request.
        exists = (1.0 - shares) * _count(counts) > _ALMOST_ONE
        own: list[float | None] = [None] * len(places)
        own[: int(exists.sum())] = round_for_chart(_find_quantiles(counts, shares[exists]))
        curves.append(Curve(label=letter, values=tuple(own)))
    return OverlaidCurves(at=tuple(places.tolist()), curves=tuple(curves))


def _count(counts: DurationCounts) -> int:
    return counts.zero_count + sum(counts.counts.values())


def _cumulate(counts: DurationCounts) -> tuple[Floats, Floats]:
    """Return times, ascending, and the share of the requests that took at most each of them."""
    keys = np.array(sorted(counts.counts), dtype=np.int64)
    numbers = np.array([*map(counts.counts.__getitem__, keys.tolist())])
    until = counts.zero_count + np.cumsum(numbers)
    total = max(1, _count(counts))
    bounds_ms = np.exp(LOG_GROWTH * np.column_stack([keys - 1, keys]).ravel())
    shares = np.column_stack([until - numbers, until]).ravel() / total
    return np.append(0.0, bounds_ms), np.append(counts.zero_count / total, shares)


def _find_quantiles(counts: DurationCounts, shares: Floats) -> Floats:
    """Return quantiles by linear interpolation within a bucket, whose width is 2 %."""
    times_ms, reached = _cumulate(counts)
    quantiles: Floats = np.interp(shares, reached, times_ms)
    return quantiles
