"""The deciding metrics over all comparable runs of a history: a bounded number of values for any number."""

from dataclasses import dataclass

import numpy as np

from bench.core.history.history_columns import Integers, Numbers, RunColumns
from bench.core.history.trend import ComparableHistory
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric
from bench.core.verdict.success import SUCCESS

MOST_GROUPS = 200
"""A curve has at most this number of groups: on a screen, each is a few pixels wide."""
_US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class LongTermCurve:
    """A measured metric over groups of neighbouring runs, in its unit."""

    key: str
    """Key of the metric."""
    runs: int
    """Number of runs that have the metric."""
    at_s: tuple[float, ...]
    """Start of each group's first run, in seconds since 1970; strictly ascending."""
    lowest: tuple[float, ...]
    """Lowest value of each group."""
    middle: tuple[float, ...]
    """Median of each group."""
    highest: tuple[float, ...]
    """Highest value of each group."""


def long_term_curves(
    columns: RunColumns, order: Integers, history: ComparableHistory
) -> tuple[LongTermCurve, ...]:
    """Return the curves of a history; none if the page shows all comparable runs one by one.

    Args:
        columns: All runs.
        order: Indices of the runs, oldest first.
        history: The newest comparable runs.
    """
    selection = history.selection
    if not selection.older:
        return ()
    is_comparable = np.array(selection.comparable)[columns.conditions[order]]
    runs = order[is_comparable]
    starts_us = columns.started_us[runs]
    curves: list[LongTermCurve] = []
    for key, values in metric_columns(columns).items():
        own = values[runs]
        has_metric = ~np.isnan(own)
        is_judged = key in history.series and metric(key).part is Part.DECIDES
        if is_judged and has_metric.any():
            curves.append(_make_curve(key, starts_us[has_metric], own[has_metric]))
    return tuple(curves)


def metric_columns(columns: RunColumns) -> dict[str, Numbers]:
    """Return the values of each metric of a history: success first, then the figures by name."""
    success = columns.ok / (columns.ok + columns.failed)
    return {SUCCESS: success, **{key: columns.figures[key] for key in sorted(columns.figures)}}


def group_starts(count: int, most: int) -> Integers:
    """Return the first index of each of at most `most` groups of neighbours of nearly equal size."""
    groups = min(most, count)
    return np.arange(groups, dtype=np.int64) * count // max(1, groups)


def group_medians(values: Numbers, starts: Integers) -> Numbers:
    """Return the median of each group, without its NaN; NaN for a group that has no other value."""
    groups = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(values)))
    ascending = values[np.lexsort((values, groups))]  # NaN last in each group
    counts = np.add.reduceat(~np.isnan(values), starts, dtype=np.int64)
    lower = ascending[starts + np.maximum(counts - 1, 0) // 2]
    upper = ascending[starts + counts // 2 * (counts > 0)]
    return np.asarray((lower + upper) / 2.0)


def _make_curve(key: str, starts_us: Integers, values: Numbers) -> LongTermCurve:
    starts = group_starts(len(values), MOST_GROUPS)
    # Groups that begin in the same second get different places.
    places = np.arange(len(starts))
    seconds = np.maximum.accumulate(starts_us[starts] // _US_PER_S - places) + places
    return LongTermCurve(
        key=key,
        runs=len(values),
        at_s=tuple(seconds.astype(np.float64).tolist()),
        lowest=tuple(np.minimum.reduceat(values, starts).tolist()),
        middle=tuple(group_medians(values, starts).tolist()),
        highest=tuple(np.maximum.reduceat(values, starts).tolist()),
    )
