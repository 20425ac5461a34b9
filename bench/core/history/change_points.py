"""The level of one metric over a history, and the runs at which it changed."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from pydantic import AwareDatetime

from bench.core.history.history import HistoryPoint
from bench.core.history.levels import ALPHA, MIN_TREND_RUNS, LevelChange, find_changes
from bench.core.samples.metric import Better, Metric, Part
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.values.record import Record
from bench.core.verdict.margins import TIER_SHARE
from bench.core.verdict.success import SUCCESS

SMALLEST_RATIO = 0.05  # a smaller change of a level is ignored
SMALLEST_SUCCESS = 0.01  # the same for the success ratio: one more failure per hundred requests


class SeriesPoint(NamedTuple):
    """The value of a metric in one run of a history."""

    position: int
    """Index of the run among all compared runs; the oldest has 0."""
    run: HistoryPoint
    value: float


Series = Sequence[SeriesPoint]


class ChangePoint(Record):
    """A change of the level of a metric, in the metric's unit."""

    key: str
    """Key of the metric."""
    position: int
    """Index of the first run on the new level among the compared runs; the oldest has 0."""
    run_id: str
    """Id of that run."""
    started_at: AwareDatetime
    """Start of that run."""
    commit: str | None
    """Commit of that run; null outside a repository."""
    last_run_id: str
    """Id of the last run on the old level."""
    last_commit: str | None
    """Commit of the last run on the old level."""
    before: float
    """The old level: the median of its runs."""
    after: float
    """The new level: the median of its runs."""
    change_ratio: float | None
    """The change as a share of the old level; null if the old level is 0."""
    p_value: float
    """P value of a change this clear at any position, times the number of tested metrics (Bonferroni)."""
    worse: bool
    """The change is for the worse."""
    recent: bool
    """The first run on the new level is one of the newest, see `trend.RECENT_RUNS`."""
    recovered: bool
    """The newest level is not worse than the old level."""

    @property
    def unresolved(self) -> bool:
        """Whether the change fails the trend: it is recent, for the worse, and has not recovered."""
        return self.worse and self.recent and not self.recovered


class MetricTrend(Record):
    """One metric over a history, in its unit."""

    key: str
    """Key of the metric."""
    part: Part
    """The influence of the metric on the decision."""
    runs: int
    """Number of runs that have the metric."""
    level: float
    """The present level: the median of the runs since the last change."""
    level_runs: int
    """Number of runs since the last change."""
    change_points: tuple[ChangePoint, ...]
    """The changes, oldest first."""


def series_of(key: str, runs: Sequence[HistoryPoint]) -> Series:
    """Return the values of a metric, of the runs that have it."""
    series: list[SeriesPoint] = []
    for position, run in enumerate(runs):
        value = run.ok / (run.ok + run.failed) if key == SUCCESS else run.figures.get(key)
        if value is not None:
            series.append(SeriesPoint(position, run, value))
    return series


def trend_of(
    key: str, series: Series, tested: int, recent: int, response_ms: float | None = None
) -> MetricTrend:
    """Return the level of a metric and its changes.

    Args:
        key: The metric.
        series: Values of the metric, of at least one run.
        tested: Number of tested metrics of the same part; p values are adjusted for it.
        recent: A change for the worse fails if it is within this number of the newest runs.
        response_ms: Response time, of which a tier may grow by a share.
    """
    row = metric(key)
    if row.adds_up and response_ms is not None:
        row = replace(row, tolerated_change=TIER_SHARE * response_ms)
    values = [point.value for point in series]
    changes = _find_large_changes(values, row, tested)
    levels = _levels(values, changes)
    first_recent = series[-1].position - recent + 1
    change_points: list[ChangePoint] = []
    for change, (before, after) in zip(changes, pairwise(levels), strict=True):
        first = series[change.position]
        last = series[change.position - 1]
        change_points.append(
            ChangePoint(
                key=key,
                position=first.position,
                run_id=first.run.run_id,
                started_at=first.run.started_at,
                commit=first.run.commit,
                last_run_id=last.run.run_id,
                last_commit=last.run.commit,
                before=before,
                after=after,
                change_ratio=after / before - 1.0 if before > 0 else None,
                p_value=min(1.0, change.p_value * tested),
                worse=_worse(row, before, after),
                recent=first.position >= first_recent,
                recovered=_recovered(row, before, levels[-1]),
            )
        )
    return MetricTrend(
        key=key,
        part=row.part,
        runs=len(values),
        level=levels[-1],
        level_runs=len(values) - (changes[-1].position if changes else 0),
        change_points=tuple(change_points),
    )


def change_size(change: ChangePoint) -> float:
    """Return the size of a change on the compared scale."""
    return _size(metric(change.key), change.before, change.after)


def _find_large_changes(values: Sequence[float], row: Metric, tested: int) -> list[LevelChange]:
    """Return the significant changes that matter; too few runs have no change."""
    if len(values) < MIN_TREND_RUNS:
        return []
    scaled = [_scale(row, value) for value in values]
    return _drop_small(find_changes(scaled, ALPHA / tested), values, row)


def _drop_small(changes: Sequence[LevelChange], values: Sequence[float], row: Metric) -> list[LevelChange]:
    """Remove the smallest change that does not matter, and repeat with new levels until all matter."""
    remaining = list(changes)
    while remaining:
        sizes: dict[int, float] = {}
        for number, (before, after) in enumerate(pairwise(_levels(values, remaining))):
            if not _matters(row, before, after):
                sizes[number] = _size(row, before, after)
        if not sizes:
            break
        del remaining[min(sizes, key=sizes.__getitem__)]
    return remaining


def _levels(values: Sequence[float], changes: Sequence[LevelChange]) -> list[float]:
    """Return the medians between consecutive changes; a median does not follow a single outlier."""
    cuts = [0, *(change.position for change in changes), len(values)]
    return [float(np.median(values[begin:end])) for begin, end in pairwise(cuts)]


def _scale(row: Metric, value: float) -> float:
    """Return a value on the scale on which differences matter: the started logarithm, for times."""
    if row.key == SUCCESS:
        return value
    return stats.started_log(value, row.resolution)


def _size(row: Metric, before: float, after: float) -> float:
    return abs(_scale(row, after) - _scale(row, before))


def _matters(row: Metric, before: float, after: float) -> bool:
    """Whether a change of the level is large enough for a report."""
    if row.key == SUCCESS:
        return abs(after - before) >= SMALLEST_SUCCESS
    if abs(after - before) < (row.tolerated_change or row.resolution):
        return False
    return _size(row, before, after) >= math.log1p(SMALLEST_RATIO)


def _recovered(row: Metric, before: float, newest: float) -> bool:
    """Whether the newest level is not worse than the level before a change, or by too little to matter."""
    return not (_worse(row, before, newest) and _matters(row, before, newest))


def _worse(row: Metric, before: float, after: float) -> bool:
    return after > before if row.better is Better.LOWER else after < before
