"""Whom a lasting change of a history affects: the messages whose own time rose with it."""

import math
import statistics
from collections.abc import Mapping, Sequence

from bench.core.history.change_points import ChangePoint
from bench.core.history.history import HistoryPoint
from bench.core.history.trend import Trend
from bench.core.report.affected import MOST_ROWS, NONE_ALONE, UNKNOWN
from bench.core.samples.metrics import RESPONSE_TIME, tier_name
from bench.core.values import stats, wording
from bench.core.verdict.success import SUCCESS

Logs = Mapping[str, float]
"""Logarithm of the time of each message or class in a run."""
Sides = tuple[list[float], list[float]]
"""Logarithms of the times of a message in the runs before and after a change."""
_FEWEST_RUNS = 3
"""Runs on each side of a change, below which a message is not compared."""
_SHORTEST_MS = 1e-3
"""A shorter time counts as this one, whose logarithm is finite."""
_ALPHA = 0.05
"""False-alarm rate of all messages of a change together."""


def describe_affected_by(
    trend: Trend, runs: Sequence[HistoryPoint], response_ms: Sequence[float | None]
) -> str:
    """Return whom the worst change of a trend affects: `3 of 13 messages: a, b, c`; empty without requests.

    Args:
        trend: The judged history.
        runs: Its compared runs, oldest first.
        response_ms: Response time of each run without the effect of its machine.
    """
    if not trend.unresolved:
        return UNKNOWN  # drift since the pinned baseline
    point = trend.unresolved[0]
    if point.key == SUCCESS:
        newest = runs[-1]
        return f"{newest.failed:,} of {newest.ok + newest.failed:,} requests failed in the newest run"
    if point.key != RESPONSE_TIME and tier_name(point.key) is None:
        return ""
    start = _find_start(trend, point)
    for kind in ("message", "class"):
        logs = [_list_logs(run, kind, value_ms) for run, value_ms in zip(runs, response_ms, strict=True)]
        sides = _collect_sides(logs[start : point.position], logs[point.position :])
        if sides:
            return _describe_slower(_find_slower(sides), kind, len(sides))
    return UNKNOWN


def _find_start(trend: Trend, point: ChangePoint) -> int:
    """Return the place of the first run of the level before a change."""
    start = 0
    for row in trend.metrics:
        for earlier in row.change_points if row.key == point.key else ():
            if earlier.position < point.position:
                start = earlier.position
    return start


def _list_logs(run: HistoryPoint, kind: str, response_ms: float | None) -> Logs:
    """Return the logarithms of the times of a run without the effect of its machine, by message or class."""
    if run.vitals is None:
        return {}
    times_ms = run.vitals.messages if kind == "message" else run.vitals.classes
    measured_ms = run.figures.get(RESPONSE_TIME)
    slowdown = measured_ms / response_ms if measured_ms and response_ms else 1.0
    return {name: math.log(max(time_ms, _SHORTEST_MS) / slowdown) for name, time_ms in times_ms.items()}


def _collect_sides(before: Sequence[Logs], after: Sequence[Logs]) -> Mapping[str, Sides]:
    """Return the times of each message that has enough of them before and after a change."""
    sides: dict[str, Sides] = {}
    for number, runs in enumerate((before, after)):
        for run in runs:
            for name, value in run.items():
                sides.setdefault(name, ([], []))[number].append(value)
    return {name: side for name, side in sides.items() if min(map(len, side)) >= _FEWEST_RUNS}


def _describe_slower(slower: Sequence[str], kind: str, count: int) -> str:
    """Return the slower messages or classes of a number of them."""
    total = f"{count} classes" if kind == "class" else f"{count} messages"
    if len(slower) == count:
        return f"all {total}" if count > 1 else f"the only {kind}"
    if not slower:
        return NONE_ALONE
    names = [wording.shorten(name) for name in slower[:MOST_ROWS]]
    rest = len(slower) - len(names)
    return f"{len(slower)} of {total}: {wording.listing([*names, f'{rest} more'] if rest else names)}"


def _find_slower(sides: Mapping[str, Sides]) -> list[str]:
    """Return the messages that became slower for certain, the one with the largest change first.

    Each has a one-sided t-test on the logarithms (Welch, 1947), adjusted for all messages (Holm, 1979).
    """
    p_values: dict[str, float] = {}
    changes: dict[str, float] = {}
    for name, (before, after) in sides.items():
        changes[name] = statistics.fmean(after) - statistics.fmean(before)
        p_values[name] = _test_slower(before, after)
    adjusted = stats.holm(p_values)
    slower = [name for name in sides if adjusted[name] < _ALPHA]
    return sorted(slower, key=lambda name: (-changes[name], name))


def _test_slower(before: Sequence[float], after: Sequence[float]) -> float:
    """Return the p value of larger values after a change."""
    of_before = statistics.variance(before) / len(before)
    of_after = statistics.variance(after) / len(after)
    difference = statistics.fmean(after) - statistics.fmean(before)
    variance = of_before + of_after
    if variance == 0.0:
        return 0.0 if difference > 0.0 else 1.0
    df = variance**2 / (of_before**2 / (len(before) - 1) + of_after**2 / (len(after) - 1))
    return stats.t_upper(difference / math.sqrt(variance), df)
