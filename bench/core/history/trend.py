"""How a scenario's figures have gone over its history: their levels, and where those changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import AwareDatetime

from bench.core.calibration.machine import Machine, machine_of, slope_on
from bench.core.history.change_points import ChangePoint, MetricTrend, Series, series_of, size_of, trend_of
from bench.core.history.history import HistoryPoint
from bench.core.history.levels import FEWEST_RUNS, LEVEL_RUNS, MOST_RUNS
from bench.core.run.result import differences, environment
from bench.core.samples.metric import Metric, MetricKind, Part
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.values.record import Record
from bench.core.verdict.baseline import MIN_RUNS, PinnedBaseline
from bench.core.verdict.compare import Decision
from bench.core.verdict.shift import from_baseline
from bench.core.verdict.success import SUCCESS, Successes, accepted_successes, judge_success
from bench.core.verdict.verdict import (
    MARGIN_RATIO,
    MetricComparison,
    in_order,
    judge_shifts,
)

RECENT_RUNS = 20  # a change for the worse that is older than these runs is how things are
_ALL = "all messages"


@dataclass(frozen=True, slots=True)
class Compared:
    """What of a history is compared with its newest run.

    Attributes:
        runs: The newest that can be, oldest first.
        older: How many more can be, and are too old.
        unlike: What cannot be.
        series: By metric of the newest run, without what the machines did to it.
    """

    runs: Sequence[HistoryPoint]
    older: int
    unlike: Sequence[HistoryPoint]
    series: Mapping[str, Series]


class Trend(Record):
    """The history of a scenario on one stack in one environment, judged.

    Attributes:
        scenario: Its name.
        stack: Where it was run.
        environment: On what kind of machine.
        decision: Fail when a change for the worse stands, or what decides crept beside the anchor.
        first_at: When the oldest run that is compared was made.
        newest_at: When the newest was.
        runs: How many compare with the newest, itself among them, and were looked at.
        left_out: How many do not compare.
        left_out_for: In what the newest of these differs.
        recent_runs: How many of the newest runs a change for the worse may lie back.
        metrics: What decides, then the tiers.
        gone: Metrics that earlier runs have and the newest has not.
        against_pinned: The level of the newest runs beside the baseline's anchor; empty without one.
        pinned_at: When that was pinned.
    """

    scenario: str
    stack: str
    environment: str
    decision: Decision
    first_at: AwareDatetime
    newest_at: AwareDatetime
    runs: int
    left_out: int
    left_out_for: tuple[str, ...]
    recent_runs: int
    metrics: tuple[MetricTrend, ...]
    gone: tuple[str, ...] = ()
    against_pinned: tuple[MetricComparison, ...] = ()
    pinned_at: AwareDatetime | None = None

    @property
    def standing(self) -> tuple[ChangePoint, ...]:
        """The changes for the worse that fail it, what decides first and of each part the largest."""
        found = [each for row in self.metrics for each in row.change_points if each.stands]
        order = list(Part)
        return tuple(
            sorted(found, key=lambda each: (order.index(metric(each.key).part), -size_of(each), each.key))
        )

    @property
    def drifted(self) -> tuple[MetricComparison, ...]:
        """What decides and is worse than at the anchor."""
        return tuple(each for each in self.against_pinned if each.regressed)

    @property
    def worse(self) -> frozenset[str]:
        """The metrics that fail it."""
        return frozenset(each.key for each in self.standing) | frozenset(each.key for each in self.drifted)


def compared(points: Sequence[HistoryPoint]) -> Compared:
    """What of a history is compared.

    Args:
        points: Of one scenario on one stack in one environment, oldest first; at least one.
    """
    newest = points[-1]
    alike, unlike = list[HistoryPoint](), list[HistoryPoint]()
    for each in points:
        (unlike if differences(newest.fingerprint, each.fingerprint) else alike).append(each)
    runs = alike[-MOST_RUNS:]
    machine = (
        None if newest.fingerprint.simulated else machine_of([], [each.reference_workload for each in runs])
    )
    return Compared(
        runs=runs,
        older=len(alike) - len(runs),
        unlike=unlike,
        series={key: _steady(key, series_of(key, runs), machine) for key in (SUCCESS, *newest.figures)},
    )


def trend(
    points: Sequence[HistoryPoint], pinned: PinnedBaseline | None = None, recent: int = RECENT_RUNS
) -> Trend:
    """Judge a history.

    Args:
        points: Of one scenario on one stack in one environment, oldest first; at least one.
        pinned: Of the baseline; None when it has none.
        recent: How many of the newest runs a change for the worse may lie back.
    """
    return judge(compared(points), pinned, recent)


def judge(history: Compared, pinned: PinnedBaseline | None, recent: int) -> Trend:
    """Judge what of a history is compared; the other arguments are those of `trend`."""
    newest, runs, unlike, series = history.runs[-1], history.runs, history.unlike, history.series
    enough = [key for key, each in series.items() if len(each) >= FEWEST_RUNS]
    tested = {part: sum(metric(key).part is part for key in enough) for part in Part}
    metrics = {key: trend_of(key, each, tested[metric(key).part], recent) for key, each in series.items()}
    order = list(Part)
    compare_with = _against_pinned(runs, pinned) if pinned else ()
    judged = Trend(
        scenario=newest.scenario,
        stack=newest.fingerprint.stack,
        environment=environment(newest.fingerprint),
        decision=Decision.PASS if len(runs) >= FEWEST_RUNS else Decision.INCONCLUSIVE,
        first_at=runs[0].started_at,
        newest_at=newest.started_at,
        runs=len(runs),
        left_out=len(unlike),
        left_out_for=differences(newest.fingerprint, unlike[-1].fingerprint) if unlike else (),
        recent_runs=recent,
        metrics=tuple(
            sorted(metrics.values(), key=lambda each: (order.index(each.part), each.key != SUCCESS, each.key))
        ),
        gone=tuple(sorted({key for each in runs for key in each.figures} - series.keys())),
        against_pinned=compare_with,
        pinned_at=pinned.pinned_at if pinned and compare_with else None,
    )
    bad = judged.standing or judged.drifted
    return judged.model_copy(update={"decision": Decision.FAIL}) if bad else judged


def _steady(key: str, series: Series, machine: Machine | None) -> Series:
    """The values without what the machines did to them, as far as they follow their controls."""
    row = metric(key)
    if machine is None or row.kind is not MetricKind.TREND:
        return series
    logs = np.array([stats.started_log(value, row.smallest_change) for _, _, value in series])
    paces = np.array([machine.base[place] for place, _, _ in series])
    steady = np.exp(logs - slope_on(paces, logs) * (paces - paces.mean())) - row.smallest_change
    return [
        (place, run, max(0.0, float(value))) for (place, run, _), value in zip(series, steady, strict=True)
    ]


def _against_pinned(runs: Sequence[HistoryPoint], pinned: PinnedBaseline) -> tuple[MetricComparison, ...]:
    """What decides: the level of the newest runs beside the pinned ones, by the rule of a single run.

    They share their days' mood, so that the standard error stays that of one run, as in `from_baseline`.
    Where all have a control, what the machines did is taken out, as it is of a single run.
    """
    newest = runs[-LEVEL_RUNS:]
    alike = [each for each in pinned.runs if not differences(runs[-1].fingerprint, each.fingerprint)]
    if len(alike) < MIN_RUNS or len(newest) < LEVEL_RUNS:
        return ()
    machine = None
    if not runs[-1].fingerprint.simulated:
        machine = machine_of(
            [each.reference_workload for each in newest], [each.reference_workload for each in alike]
        )
    # One level of several runs, on machines that were this fast in the middle.
    known = None if machine is None else replace(machine, heads=(float(np.median(machine.heads)),))
    shifts = {}
    for key in runs[-1].figures:
        row = metric(key)
        values = [each.figures[key] for each in newest if key in each.figures]
        pinned_values = [
            _one(list(each.figures[key].values()), row) if key in each.figures else {} for each in alike
        ]
        shift = from_baseline(key, [{_ALL: float(np.median(values))}], pinned_values, machine=known)
        if row.part is Part.DECIDES and shift is not None:
            shifts[key] = shift
    counts = Successes(
        ok=sum(each.ok for each in newest),
        failed=sum(each.failed for each in newest),
        failed_blocks=sum(each.failed_blocks for each in newest),
        runs=len(newest),
    )
    success = judge_success(counts, accepted_successes(alike))
    moved = known is not None and known.moved
    return (success, *in_order(judge_shifts(shifts, {}, MARGIN_RATIO, moved=moved)))


def _one(values: Sequence[float], row: Metric) -> Mapping[str, float]:
    """All messages of a run as one."""
    return {_ALL: stats.typical(list(values), row.smallest_change)}
