"""What a page on a history shows: each metric run by run, beside its levels, its baseline and its anchor."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.history.change_points import ChangePoint, MetricTrend, Series
from bench.core.history.history import HistoryPoint, where_of
from bench.core.history.trend import RECENT_RUNS, Trend, compared, judge
from bench.core.run.result import Fingerprint, differences
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.verdict.baseline import Baseline, BaselineRun
from bench.core.verdict.success import SUCCESS


@dataclass(frozen=True, slots=True)
class Band:
    """The least and the most of a metric in the runs of a baseline, in its unit."""

    low: float
    high: float
    runs: int


@dataclass(frozen=True, slots=True)
class Course:
    """A metric over a history, in its unit.

    Attributes:
        key: The metric.
        values: Of each run of the page; None where it has none.
        levels: What was usual at that run: the median between one change point and the next.
        change_points: Oldest first.
        band: Of the baseline's runs; None without any.
        pinned: The median of the anchor's runs; None without any.
    """

    key: str
    values: tuple[float | None, ...]
    levels: tuple[float, ...]
    change_points: tuple[ChangePoint, ...]
    band: Band | None
    pinned: float | None


@dataclass(frozen=True, slots=True)
class TrendPage:
    """A history, judged and drawn.

    Attributes:
        where: Whose it is: `<stack>/<environment>/<scenario>`.
        trend: The judgement.
        runs: Those that are compared, oldest first.
        older: How many more there are that could be, and are too old.
        courses: A course for each metric of the trend, in its order.
    """

    where: str
    trend: Trend
    runs: tuple[HistoryPoint, ...]
    older: int
    courses: tuple[Course, ...]

    @property
    def newest(self) -> HistoryPoint:
        """The newest run."""
        return self.runs[-1]


def trend_page(
    points: Sequence[HistoryPoint], baseline: Baseline | None = None, recent: int = RECENT_RUNS
) -> TrendPage:
    """The page of a history.

    Args:
        points: Of one scenario on one stack in one environment, oldest first; at least one.
        baseline: Of the same; None when there is none.
        recent: How many of the newest runs a change for the worse may lie back.
    """
    pinned = baseline.pinned if baseline else None
    history = compared(points)
    judged = judge(history, pinned, recent)
    where = points[-1].fingerprint
    accepted = _alike(where, baseline.runs if baseline else ())
    pinned_runs = _alike(where, pinned.runs if pinned else ())
    return TrendPage(
        where=where_of(points[-1]),
        trend=judged,
        runs=tuple(history.runs),
        older=history.older,
        courses=tuple(
            _course(each, history.series[each.key], len(history.runs), accepted, pinned_runs)
            for each in judged.metrics
        ),
    )


def _alike(where: Fingerprint, runs: Iterable[BaselineRun]) -> list[BaselineRun]:
    return [each for each in runs if not differences(where, each.fingerprint)]


def _course(
    found: MetricTrend,
    series: Series,
    count: int,
    accepted: Sequence[BaselineRun],
    pinned: Sequence[BaselineRun],
) -> Course:
    values: list[float | None] = [None] * count
    for place, _, value in series:
        values[place] = value
    usual, anchored = _typical(found.key, accepted), _typical(found.key, pinned)
    return Course(
        key=found.key,
        values=tuple(values),
        levels=tuple(_levels(found, count)),
        change_points=found.change_points,
        band=Band(min(usual), max(usual), len(usual)) if usual else None,
        pinned=float(np.median(anchored)) if anchored else None,
    )


def _levels(found: MetricTrend, count: int) -> Iterable[float]:
    cuts = [*(each.position for each in found.change_points), count]
    levels = [*(each.before for each in found.change_points), found.level]
    begin = 0
    for cut, level in zip(cuts, levels, strict=True):
        yield from [level] * (cut - begin)
        begin = cut


def _typical(key: str, runs: Iterable[BaselineRun]) -> list[float]:
    """What is typical of a metric in each of the runs that have it."""
    if key == SUCCESS:
        return [each.ok / (each.ok + each.failed) for each in runs if each.ok + each.failed]
    start = metric(key).smallest_change
    return [stats.typical([*each.figures[key].values()], start) for each in runs if each.figures.get(key)]
