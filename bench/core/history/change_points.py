"""The level of one metric over a history, and the places where it changed."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from pydantic import AwareDatetime

from bench.core.history.history import HistoryPoint
from bench.core.history.levels import ALPHA, FEWEST_RUNS, Change, changes
from bench.core.samples.metric import Better, Metric, Part
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.values.record import Record
from bench.core.verdict.success import SUCCESS

SMALLEST_RATIO = 0.05  # a smaller change of a level is none
SMALLEST_SUCCESS = 0.01  # of success: one more request in a hundred that fails

Series = Sequence[tuple[int, HistoryPoint, float]]


class ChangePoint(Record):
    """A place where the level of a metric changed, in the metric's unit.

    Attributes:
        key: The metric.
        position: Of the first run on the new level, among the runs that are compared; the oldest is 0.
        run_id: That run.
        started_at: When it was made.
        commit: What it measured; None outside a repository.
        last_run_id: The last run on the old level.
        last_commit: What that measured.
        before: The old level: the median of its runs.
        after: The new level.
        change_ratio: The change as a share of the old level; None where that was nothing.
        p_value: Of a change this clear at any place by chance, times the metrics that were looked at.
        worse: It is one for the worse.
        recent: Its first run is among the newest ones, see `trend.RECENT_RUNS`.
        mended: The newest level is no worse than the old one was.
    """

    key: str
    position: int
    run_id: str
    started_at: AwareDatetime
    commit: str | None
    last_run_id: str
    last_commit: str | None
    before: float
    after: float
    change_ratio: float | None
    p_value: float
    worse: bool
    recent: bool
    mended: bool

    @property
    def stands(self) -> bool:
        """Whether it is bad news: a recent change for the worse that nothing has mended."""
        return self.worse and self.recent and not self.mended


class MetricTrend(Record):
    """One metric over a history, in its unit.

    Attributes:
        key: The metric.
        part: What it may do to the decision.
        runs: How many have it.
        level: The level now: the median of the runs since the last change.
        level_runs: How many these are.
        change_points: Oldest first.
    """

    key: str
    part: Part
    runs: int
    level: float
    level_runs: int
    change_points: tuple[ChangePoint, ...]


def series_of(key: str, runs: Sequence[HistoryPoint]) -> Series:
    """The runs that have a metric: their place among all, themselves, and the value."""
    if key == SUCCESS:
        return [(place, run, run.ok / (run.ok + run.failed)) for place, run in enumerate(runs)]
    return [(place, run, run.figures[key]) for place, run in enumerate(runs) if key in run.figures]


def trend_of(key: str, series: Series, tested: int, recent: int) -> MetricTrend:
    """The level of a metric and its changes.

    Args:
        key: The metric.
        series: Of it; at least one run.
        tested: How many metrics of its part are looked at, for which the p values are adjusted.
        recent: How many of the newest runs a change for the worse may lie back.
    """
    row, values = metric(key), [value for _, _, value in series]
    scale = _scale(row)
    found: Sequence[Change] = ()
    if len(values) >= FEWEST_RUNS:
        found = _large(changes([scale(value) for value in values], ALPHA / tested), values, row)
    levels = _levels(values, found)
    since = found[-1].position if found else 0
    newest = series[-1][0]

    def point(change: Change, before: float, after: float) -> ChangePoint:
        (place, run, _), (_, last, _) = series[change.position], series[change.position - 1]
        return ChangePoint(
            key=key,
            position=place,
            run_id=run.run_id,
            started_at=run.started_at,
            commit=run.commit,
            last_run_id=last.run_id,
            last_commit=last.commit,
            before=before,
            after=after,
            change_ratio=after / before - 1.0 if before > 0 else None,
            p_value=min(1.0, change.p_value * tested),
            worse=_worse(row, before, after),
            recent=place > newest - recent,
            mended=not (_worse(row, before, levels[-1]) and _matters(row, before, levels[-1])),
        )

    return MetricTrend(
        key=key,
        part=row.part,
        runs=len(values),
        level=levels[-1],
        level_runs=len(values) - since,
        change_points=tuple(map(point, found, levels, levels[1:])),
    )


def _large(found: Sequence[Change], values: Sequence[float], row: Metric) -> list[Change]:
    """The changes that matter: the smallest that does not is taken out, until all do."""
    kept = list(found)
    while kept:
        levels, scale = _levels(values, kept), _scale(row)
        sizes = [abs(scale(after) - scale(before)) for before, after in pairwise(levels)]
        small = [
            number
            for number, (before, after) in enumerate(pairwise(levels))
            if not _matters(row, before, after)
        ]
        if not small:
            break
        del kept[min(small, key=lambda number: sizes[number])]
    return kept


def _levels(values: Sequence[float], found: Sequence[Change]) -> list[float]:
    """The median of the runs between one change and the next: one odd run does not move it."""
    cuts = [0, *(each.position for each in found), len(values)]
    return [float(np.median(values[begin:end])) for begin, end in pairwise(cuts)]


def _scale(row: Metric) -> Callable[[float], float]:
    """Where differences of a metric are what matters: for times the started logarithm."""
    if row.key == SUCCESS:
        return lambda value: value
    return lambda value: stats.started_log(value, row.smallest_change)


def _matters(row: Metric, before: float, after: float) -> bool:
    """Whether a change of the level is large enough to speak of."""
    if row.key == SUCCESS:
        return abs(after - before) >= SMALLEST_SUCCESS
    scale = _scale(row)
    far = abs(scale(after) - scale(before)) >= math.log1p(SMALLEST_RATIO)
    return far and abs(after - before) >= row.smallest_change


def _worse(row: Metric, before: float, after: float) -> bool:
    return after > before if row.better is Better.LOWER else after < before


def size_of(each: ChangePoint) -> float:
    """How large a change is, on the scale that is compared."""
    scale = _scale(metric(each.key))
    return abs(scale(each.after) - scale(each.before))
