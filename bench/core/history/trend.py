"""Judge the history of a scenario: the level of each metric, and its changes."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import AwareDatetime

from bench.core.calibration.machine_speed import MachineSpeed, compare_speed, machine_slope
from bench.core.history.change_points import (
    ChangePoint,
    MetricTrend,
    Series,
    SeriesPoint,
    change_size,
    series_of,
    trend_of,
)
from bench.core.history.history import HistoryPoint
from bench.core.history.history_columns import make_columns
from bench.core.history.levels import LEVEL_RUNS, MAX_TREND_RUNS, MIN_TREND_RUNS
from bench.core.run.figures import ALL
from bench.core.run.result import environment
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metric import MetricKind, Part
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.values.record import Record
from bench.core.values.robust import Point
from bench.core.verdict.accepted_runs import ALPHAS, MARGIN_RATIO
from bench.core.verdict.accepted_searches import AcceptedSearches
from bench.core.verdict.baseline import MIN_RUNS, BaselineRun, PinnedBaseline
from bench.core.verdict.change import ChangeEstimate, compare_metric
from bench.core.verdict.comparable import condition_differences
from bench.core.verdict.compare import Decision
from bench.core.verdict.level_shift import LevelRuns, estimate_from_baseline
from bench.core.verdict.margins import margin_of
from bench.core.verdict.success import SUCCESS, count_successes, judge_success
from bench.core.verdict.verdict import MetricComparison, regressions, sort_by_part

RECENT_RUNS = 20  # an older change for the worse counts as the present state


@dataclass(frozen=True, slots=True)
class NewestRuns:
    """The selection of the newest comparable runs of a history."""

    places: tuple[int, ...]
    """Places of these runs among all runs, oldest first."""
    comparable: tuple[bool, ...]
    """Of each of the conditions, whether its runs are comparable with the newest run."""
    older: int
    """Number of older comparable runs, which are left out."""
    unlike: int
    """Number of runs that are not comparable."""
    unlike_for: tuple[str, ...]
    """Differences of the newest run that is not comparable."""


@dataclass(frozen=True, slots=True)
class ComparableHistory:
    """The runs of a history that are comparable with its newest run."""

    runs: Sequence[HistoryPoint]
    """The newest comparable runs, oldest first."""
    selection: NewestRuns
    """The selection of these runs."""
    series: Mapping[str, Series]
    """Values by metric of the newest run, without the effect of the machines."""


class Trend(Record):
    """The judged history of a scenario on one stack in one environment."""

    scenario: str
    """Name of the scenario."""
    stack: str
    """Name of the stack."""
    environment: str
    """Name of the environment."""
    decision: Decision
    """Fail for an unresolved change for the worse, or a regression compared with the pinned baseline."""
    first_at: AwareDatetime
    """Start of the oldest compared run."""
    newest_at: AwareDatetime
    """Start of the newest run."""
    runs: int
    """Number of compared runs, with the newest."""
    left_out: int
    """Number of runs that are not comparable."""
    left_out_for: tuple[str, ...]
    """Differences of the newest run that is not comparable."""
    recent_runs: int
    """A change for the worse fails if it is within this number of the newest runs."""
    metrics: tuple[MetricTrend, ...]
    """The deciding metrics, then the tiers."""
    vanished: tuple[str, ...] = ()
    """Keys of the metrics that earlier runs have and the newest does not have."""
    against_pinned: tuple[MetricComparison, ...] = ()
    """The newest level compared with the pinned baseline; empty without one."""
    pinned_at: AwareDatetime | None = None
    """When the baseline was pinned."""

    @property
    def unresolved(self) -> tuple[ChangePoint, ...]:
        """The changes that fail the trend: deciding metrics first, and the largest of each part first."""
        changes: list[ChangePoint] = []
        for row in self.metrics:
            changes += filter(_is_unresolved, row.change_points)
        return tuple(sorted(changes, key=_change_order))

    @property
    def drifted(self) -> tuple[MetricComparison, ...]:
        """The deciding metrics that regressed compared with the pinned baseline."""
        return regressions(self.against_pinned)

    @property
    def worse(self) -> frozenset[str]:
        """Keys of the metrics that fail the trend."""
        rows: tuple[ChangePoint | MetricComparison, ...] = (*self.unresolved, *self.drifted)
        return frozenset(row.key for row in rows)


def select_newest(conditions: Sequence[int], examples: Sequence[HistoryPoint]) -> NewestRuns:
    """Select the newest runs that are comparable with the newest one, by the conditions of all runs.

    Args:
        conditions: Of each run, oldest first, the index of its conditions in `examples`; at least one.
        examples: A run with each of the conditions.
    """
    newest = examples[conditions[-1]]
    differences = [condition_differences(newest, example) for example in examples]
    comparable = tuple(not different for different in differences)
    places: list[int] = []
    unlike: list[int] = []
    for place, index in enumerate(conditions):
        (places if comparable[index] else unlike).append(place)
    selected = places[-MAX_TREND_RUNS:]
    return NewestRuns(
        places=tuple(selected),
        comparable=comparable,
        older=len(places) - len(selected),
        unlike=len(unlike),
        unlike_for=differences[conditions[unlike[-1]]] if unlike else (),
    )


def select_comparable(points: Sequence[HistoryPoint]) -> ComparableHistory:
    """Select the runs of a history that are comparable with its newest run.

    Args:
        points: At least one run of one scenario on one stack in one environment, oldest first.
    """
    columns = make_columns(points)
    selection = select_newest(columns.conditions.tolist(), columns.examples)
    return correct_machines(selection, [points[place] for place in selection.places])


def correct_machines(selection: NewestRuns, runs: Sequence[HistoryPoint]) -> ComparableHistory:
    """Return the selected runs with their values, without the effect of the machines."""
    newest = runs[-1]
    speed = compare_speed([], runs) if not newest.fingerprint.simulated else None
    series: dict[str, Series] = {}
    for key in _judged_keys(newest):
        series[key] = _correct(key, series_of(key, runs), speed)
    return ComparableHistory(runs, selection, series)


def _judged_keys(newest: HistoryPoint) -> tuple[str, ...]:
    """Return the judged metrics. A capacity search tries loads that fail, so its success is not judged."""
    is_search = not SAFE_LOADS.isdisjoint(newest.figures)
    return tuple(newest.figures) if is_search else (SUCCESS, *newest.figures)


def trend(
    points: Sequence[HistoryPoint], pinned: PinnedBaseline | None = None, recent: int = RECENT_RUNS
) -> Trend:
    """Judge a history.

    Args:
        points: At least one run of one scenario on one stack in one environment, oldest first.
        pinned: The pinned baseline, if there is one.
        recent: A change for the worse fails if it is within this number of the newest runs.
    """
    return judge_history(select_comparable(points), pinned, recent)


def judge_history(history: ComparableHistory, pinned: PinnedBaseline | None, recent: int) -> Trend:
    """Judge the comparable runs of a history; the other arguments are those of `trend`."""
    runs = history.runs
    newest = runs[-1]
    against_pinned = _compare_with_pinned(runs, pinned) if pinned else ()
    judged = Trend(
        scenario=newest.scenario,
        stack=newest.fingerprint.stack,
        environment=environment(newest.fingerprint),
        decision=Decision.PASS if len(runs) >= MIN_TREND_RUNS else Decision.INCONCLUSIVE,
        first_at=runs[0].started_at,
        newest_at=newest.started_at,
        runs=len(runs),
        left_out=history.selection.unlike,
        left_out_for=history.selection.unlike_for,
        recent_runs=recent,
        metrics=tuple(sorted(_judge_metrics(history.series, recent), key=_metric_order)),
        vanished=_vanished(history),
        against_pinned=against_pinned,
        pinned_at=pinned.pinned_at if pinned and against_pinned else None,
    )
    if judged.worse:
        return judged.model_copy(update={"decision": Decision.FAIL})
    return judged


def _judge_metrics(series: Mapping[str, Series], recent: int) -> list[MetricTrend]:
    """Find the changes of each metric, with p values adjusted for the tested metrics of the same part."""
    tested = dict.fromkeys(Part, 0)
    for key, values in series.items():
        if len(values) >= MIN_TREND_RUNS:
            tested[metric(key).part] += 1
    times_ms = [point.value for point in series.get("e2e_ms", ())]
    response_ms = statistics.median(times_ms) if times_ms else None
    trends: list[MetricTrend] = []
    for key, values in series.items():
        trends.append(trend_of(key, values, tested[metric(key).part], recent, response_ms))
    return trends


def _metric_order(row: MetricTrend) -> tuple[int, bool, str]:
    """Sort key: deciding metrics first, with success at the top, then the tiers by name."""
    return _part_rank(row.part), row.key != SUCCESS, row.key


def _change_order(change: ChangePoint) -> tuple[int, float, str]:
    """Sort key: deciding metrics first, and the largest change of each part first."""
    return _part_rank(metric(change.key).part), -change_size(change), change.key


def _is_unresolved(change: ChangePoint) -> bool:
    return change.unresolved


def _part_rank(part: Part) -> int:
    return list(Part).index(part)


def _vanished(history: ComparableHistory) -> tuple[str, ...]:
    earlier = set[str]()
    for run in history.runs:
        earlier |= run.figures.keys()
    return tuple(sorted(earlier - history.series.keys()))


def _correct(key: str, series: Series, speed: MachineSpeed | None) -> Series:
    """Remove the effect of the machines from a metric.

    With y_i the started logarithm of the value of run i, x_i its log workload time, and b the slope of y on
    x, the corrected value is exp(y_i - b (x_i - median(x))) - start, at least 0. The level of a history may
    change, so the slope comes from groups of neighbouring runs.
    """
    row = metric(key)
    if speed is None or row.kind is not MetricKind.TREND:
        return series
    logs: list[Point] = []
    for point in series:
        log_time = speed.base_log_times[point.position]
        logs.append((log_time, stats.started_log(point.value, row.resolution)))
    slope = machine_slope([logs[first : first + LEVEL_RUNS] for first in range(0, len(logs), LEVEL_RUNS)])
    usual_log_time = statistics.median([log_time for log_time, _ in logs])
    corrected: list[SeriesPoint] = []
    for point, (log_time, log_value) in zip(series, logs, strict=True):
        value = math.exp(log_value - slope * (log_time - usual_log_time)) - row.resolution
        corrected.append(point._replace(value=max(0.0, value)))
    return corrected


def _compare_with_pinned(
    runs: Sequence[HistoryPoint], pinned: PinnedBaseline
) -> tuple[MetricComparison, ...]:
    """Compare the newest level of the deciding metrics with the pinned runs, by the rule of a single run.

    The newest runs share the conditions of their days and are not independent. The standard error therefore
    remains that of one run, as in `estimate_from_baseline`.
    """
    newest = runs[-LEVEL_RUNS:]
    comparable = [run for run in pinned.runs if not condition_differences(runs[-1], run)]
    if runs[-1].safe_load is not None:
        return _compare_searches(newest, comparable)
    if len(comparable) < MIN_RUNS or len(newest) < LEVEL_RUNS:
        return ()
    speed = None if runs[-1].fingerprint.simulated else compare_speed(newest, comparable)
    if speed is not None:
        # The level is one value, on a machine of the median speed of the newest runs.
        speed = replace(speed, head_log_times=(statistics.median(speed.head_log_times),))
    rows: dict[str, MetricComparison] = {}
    for key in runs[-1].figures:
        estimate = _estimate_level(key, newest, comparable, speed)
        if metric(key).part is Part.DECIDES and estimate is not None:
            rows[key] = compare_metric(estimate, ALPHAS[Part.DECIDES], margin_of(key, {}, MARGIN_RATIO, None))
    success = judge_success(count_successes(newest), count_successes(comparable))
    return (success, *sort_by_part(rows))


def _compare_searches(
    newest: Sequence[HistoryPoint], pinned: Sequence[BaselineRun]
) -> tuple[MetricComparison, ...]:
    """Compare the median of the newest safe loads with the pinned ones; the error is that of its search."""
    loads = sorted(filter(None, [run.safe_load for run in newest]), key=lambda safe: safe.load)
    base = list(filter(None, [run.safe_load for run in pinned]))
    if not base:
        return ()
    middle = loads[len(loads) // 2]
    simulated = newest[-1].fingerprint.simulated
    speed = None if simulated else compare_speed(newest[-1:], pinned)
    return AcceptedSearches([middle], [base], {}, speed=speed, simulated=simulated).judge().metrics


def _estimate_level(
    key: str, newest: Sequence[HistoryPoint], pinned: Sequence[BaselineRun], speed: MachineSpeed | None
) -> ChangeEstimate | None:
    """Return the change of the newest runs' median against the pinned runs, with one value per run."""
    start = metric(key).resolution
    level = statistics.median([run.figures[key] for run in newest if key in run.figures])
    pinned_values: list[dict[str, float]] = []
    for run in pinned:
        values = list(run.figures.get(key, {}).values())
        pinned_values.append({ALL: stats.typical(values, start)} if values else {})
    return estimate_from_baseline(key, LevelRuns([{ALL: level}], [pinned_values]), speed=speed)
