"""The figures of a history's page: each metric run by run, with its levels and its baselines."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.core.history.change_points import ChangePoint, MetricTrend, Series
from bench.core.history.history import HistoryPoint, history_key
from bench.core.history.history_columns import make_columns
from bench.core.history.trend import (
    RECENT_RUNS,
    ComparableHistory,
    Trend,
    judge_history,
    select_comparable,
)
from bench.core.report.affected_history import describe_affected_by
from bench.core.report.long_term import LongTermCurve, group_medians, group_starts, long_term_curves
from bench.core.run.origin import Fingerprint
from bench.core.run.result import differences
from bench.core.samples.metrics import RESPONSE_TIME, metric
from bench.core.values import stats
from bench.core.values.record import Record
from bench.core.verdict.baseline import Baseline, BaselineRun
from bench.core.verdict.compare import Decision
from bench.core.verdict.success import SUCCESS

MOST_IN_LINE = 34
"""A small line has at most this number of values."""


@dataclass(frozen=True, slots=True)
class BaselineRange:
    """The range of a metric in the runs of a baseline, in the metric's unit."""

    low: float
    """Lowest value."""
    high: float
    """Highest value."""
    runs: int
    """Number of runs."""


@dataclass(frozen=True, slots=True)
class MetricHistory:
    """A metric over a history, in its unit."""

    key: str
    """Key of the metric."""
    values: tuple[float | None, ...]
    """Value of each run of the page; `None` for a run without the metric."""
    levels: tuple[float, ...]
    """Level at each run: the median of the runs between two change points."""
    change_points: tuple[ChangePoint, ...]
    """Change points, oldest first."""
    band: BaselineRange | None
    """Range in the baseline's runs; `None` without a baseline."""
    pinned: float | None
    """Median of the pinned baseline's runs; `None` without one."""


class SmallLine(Record):
    """A metric of the newest runs as a small line."""

    key: str
    """Key of the metric."""
    runs: int
    """Number of runs."""
    values: tuple[float | None, ...]
    """Median of each group of neighbouring runs, oldest first; null for a group without the metric."""
    level: float
    """The present level."""


class HistorySummary(Record):
    """What the front page shows of a history."""

    where: str
    """Path of the history: `<stack>/<environment>/<scenario>`."""
    trend: Trend
    """The judgement."""
    newest: HistoryPoint
    """The newest run."""
    line: SmallLine
    """The response time, or the first metric of a history without it."""
    affected: str = ""
    """Whom the change for the worse affects; empty without one."""


@dataclass(frozen=True, slots=True)
class TrendPage:
    """A history with its judgement and its curves."""

    where: str
    """Path of the history: `<stack>/<environment>/<scenario>`."""
    trend: Trend
    """The judgement."""
    runs: tuple[HistoryPoint, ...]
    """Compared runs, oldest first."""
    older: int
    """Number of older comparable runs, which only the curves of all runs contain."""
    metrics: tuple[MetricHistory, ...]
    """History of each metric of the trend, in its order."""
    long_term: tuple[LongTermCurve, ...] = ()
    """Curves of all comparable runs; empty without older runs."""

    @property
    def newest(self) -> HistoryPoint:
        """The newest run."""
        return self.runs[-1]

    @property
    def summary(self) -> HistorySummary:
        """The part of the page that the front page shows."""
        return HistorySummary(
            where=self.where,
            trend=self.trend,
            newest=self.newest,
            line=_small_line(self.metrics),
            affected=self.affected,
        )

    @property
    def affected(self) -> str:
        """Whom the worst change affects; empty if the history is not worse, or for a change of no message."""
        if self.trend.decision is not Decision.FAIL:
            return ""
        response_ms: Sequence[float | None] = [None] * len(self.runs)
        for history in self.metrics:
            if history.key == RESPONSE_TIME:
                response_ms = history.values
        return describe_affected_by(self.trend, self.runs, response_ms)


def trend_page(
    points: Sequence[HistoryPoint], baseline: Baseline | None = None, recent: int = RECENT_RUNS
) -> TrendPage:
    """Return the page of a history; the other arguments are those of `make_page`.

    Args:
        points: Runs of one scenario on one stack in one environment, oldest first; at least one.
        baseline: See `make_page`.
        recent: See `make_page`.
    """
    history = select_comparable(points)
    order = np.arange(len(points))
    curves = long_term_curves(make_columns(points), order, history)
    return replace(make_page(history, baseline, recent), long_term=curves)


def make_page(
    history: ComparableHistory, baseline: Baseline | None = None, recent: int = RECENT_RUNS
) -> TrendPage:
    """Return the page of a history, without the curves of all runs.

    Args:
        history: The runs that are comparable with the newest one.
        baseline: Baseline of the same scenario, stack and environment; `None` without one.
        recent: Number of the newest runs in which a regression counts as recent.
    """
    pinned = baseline.pinned if baseline else None
    trend = judge_history(history, pinned, recent)
    newest = history.runs[-1]
    baseline_runs = _comparable(newest.fingerprint, baseline.newest.counted if baseline else ())
    pinned_runs = _comparable(newest.fingerprint, pinned.runs if pinned else ())
    metrics: list[MetricHistory] = []
    for metric_trend in trend.metrics:
        series = history.series[metric_trend.key]
        values = _values(series, len(history.runs))
        metrics.append(_metric_history(metric_trend, values, baseline_runs, pinned_runs))
    return TrendPage(
        where=history_key(newest),
        trend=trend,
        runs=tuple(history.runs),
        older=history.selection.older,
        metrics=tuple(metrics),
    )


def _small_line(metrics: Sequence[MetricHistory]) -> SmallLine:
    history = next((row for row in metrics if row.key == "e2e_ms"), metrics[0])
    numbers = np.array(history.values, dtype=np.float64)
    medians = group_medians(numbers, group_starts(len(numbers), MOST_IN_LINE)).tolist()
    values = tuple(None if math.isnan(value) else value for value in medians)
    return SmallLine(key=history.key, runs=len(history.values), values=values, level=history.levels[-1])


def _comparable(fingerprint: Fingerprint, runs: Iterable[BaselineRun]) -> list[BaselineRun]:
    return [run for run in runs if not differences(fingerprint, run.fingerprint)]


def _values(series: Series, count: int) -> tuple[float | None, ...]:
    values: list[float | None] = [None] * count
    for position, _, value in series:
        values[position] = value
    return tuple(values)


def _metric_history(
    trend: MetricTrend,
    values: tuple[float | None, ...],
    baseline_runs: Sequence[BaselineRun],
    pinned_runs: Sequence[BaselineRun],
) -> MetricHistory:
    accepted = _typical_values(trend.key, baseline_runs)
    pinned = _typical_values(trend.key, pinned_runs)
    return MetricHistory(
        key=trend.key,
        values=values,
        levels=_levels(trend, len(values)),
        change_points=trend.change_points,
        band=BaselineRange(min(accepted), max(accepted), len(accepted)) if accepted else None,
        pinned=float(np.median(pinned)) if pinned else None,
    )


def _levels(trend: MetricTrend, count: int) -> tuple[float, ...]:
    """Return the level at each run."""
    levels: list[float] = []
    for change_point in trend.change_points:
        levels += [change_point.before] * (change_point.position - len(levels))
    levels += [trend.level] * (count - len(levels))
    return tuple(levels)


def _typical_values(key: str, runs: Iterable[BaselineRun]) -> list[float]:
    """Return the typical value of a metric in each run that has it."""
    values: list[float] = []
    for run in runs:
        if key == SUCCESS:
            if run.ok + run.failed:
                values.append(run.ok / (run.ok + run.failed))
        elif run.figures.get(key):
            values.append(stats.typical(list(run.figures[key].values()), metric(key).resolution))
    return values
