"""Whom a lasting change of a history affects: the messages whose own time rose with it."""

import math
import statistics
from collections.abc import Mapping, Sequence

from bench.core.history.change_points import ChangePoint
from bench.core.history.history import HistoryPoint
from bench.core.report.affected import MOST_ROWS, NONE_ALONE, UNKNOWN
from bench.core.samples.metrics import RESPONSE_TIME, tier_name
from bench.core.values import stats, wording
from bench.core.verdict.success import SUCCESS

Sides = tuple[list[float], list[float]]
_FEWEST_RUNS = 3
"""Runs on each side of a change, below which a message is not compared."""
_SHORTEST_MS = 1e-3
"""A shorter time counts as this one, whose logarithm is finite."""
_ALPHA = 0.05
"""False-alarm rate of all messages of a change together."""


def describe_affected_by(point: ChangePoint | None, runs: Sequence[HistoryPoint]) -> str:
    """Return whom a change of a level affects: `3 of 13 messages: a, b, c`; empty without requests.

    Args:
        point: The change; None for drift since the pinned baseline.
        runs: The compared runs of the history, oldest first.
    """
    if point is None:
        return UNKNOWN
    if point.key == SUCCESS:
        newest = runs[-1]
        return f"{newest.failed:,} of {newest.ok + newest.failed:,} requests failed in the newest run"
    if point.key != RESPONSE_TIME and tier_name(point.key) is None:
        return ""
    sides = _collect_times(runs, point.position)
    return _describe_slower(_find_slower(sides), len(sides)) if sides else UNKNOWN


def _describe_slower(slower: Sequence[str], count: int) -> str:
    """Return the slower messages of a number of messages."""
    total = wording.counted(count, "message")
    if len(slower) == count:
        return f"all {total}"
    if not slower:
        return NONE_ALONE
    names = [wording.shorten(name) for name in slower[:MOST_ROWS]]
    rest = len(slower) - len(names)
    return f"{len(slower)} of {total}: {wording.listing([*names, f'{rest} more'] if rest else names)}"


def _collect_times(runs: Sequence[HistoryPoint], position: int) -> Mapping[str, Sides]:
    """Return the logarithms of the times of each message before and after a change."""
    sides: dict[str, Sides] = {}
    for number, run in enumerate(runs):
        for name, time_ms in (run.vitals.messages if run.vitals else {}).items():
            before, after = sides.setdefault(name, ([], []))
            (before if number < position else after).append(math.log(max(time_ms, _SHORTEST_MS)))
    return {name: side for name, side in sides.items() if min(map(len, side)) >= _FEWEST_RUNS}


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
