"""Bars of differences in the rows of a table, the tiers of each run, and the ranges of safe loads."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter

from bench.core.report.compared_metrics import ComparedMetric
from bench.core.report.side_by_side import SideBySide
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.values import wording
from bench.render.document.side_by_side import list_letters, write_both, write_difference, write_value
from bench.render.document.table import Table

_MOST_SIZE = 5.0
"""Bars end at this multiple of the tolerance; a longer one reaches the edge."""
_LEAST_SIZE = 2.0
_THINNEST = 4
"""Height of a bar in pixels, and the distance to the next one."""
_ROW = 16
_BLANK = 1.15
"""The scale of loads reaches this much further than the largest one."""
_LONGEST = 24
"""Shown characters of a tier's name."""
_LABELLED_PCT = 14.0
"""A narrower tier has no label."""


@dataclass(frozen=True, slots=True)
class DifferenceBar:
    """The difference of a run from the first run."""

    letter: str
    """Letter of the run."""
    start: float
    """Left end, in per cent of the width; 50 is no difference."""
    width: float
    """Width in per cent."""
    top: int
    """Distance from above, in pixels."""


@dataclass(frozen=True, slots=True)
class DrawnDifferences:
    """The drawing of a row."""

    bars: tuple[DifferenceBar, ...]
    """A bar for each run but the first one."""
    tolerated: float
    """Width of the tolerance to each side of 50."""
    height: int
    """Height in pixels."""


@dataclass(frozen=True, slots=True)
class StackedTier:
    """A tier in the bar of a run."""

    start: float
    """Left end, in per cent of the width."""
    width: float
    """Width in per cent."""
    shade: int
    """Number of its shade: neighbours differ."""
    label: str
    """Name and time; empty if it has no room."""
    text: str
    """Name, time and difference from the first run."""


@dataclass(frozen=True, slots=True)
class TierStack:
    """The tiers of a run in one bar."""

    letter: str
    """Letter of the run."""
    parts: tuple[StackedTier, ...]
    """The tiers, in the same order in each bar."""
    summary: str
    """The bar in a sentence."""


@dataclass(frozen=True, slots=True)
class SafeRange:
    """The safe load of a run with its interval."""

    letter: str
    """Letter of the run."""
    low: float
    """Lower end, in per cent of the width."""
    middle: float
    """The safe load."""
    high: float
    """Upper end."""
    text: str
    """The safe load and its interval."""


def draw_differences(side: SideBySide) -> tuple[DrawnDifferences, ...]:
    """Return a drawing for each metric, all on one scale: the tolerance of the metric."""
    largest = max(map(attrgetter("size"), side.metrics), default=0.0)
    reach = min(max(largest, _LEAST_SIZE), _MOST_SIZE)
    drawings = []
    for row in side.metrics:
        drawings.append(_draw_row(side, row, reach))
    return tuple(drawings)


def _draw_row(side: SideBySide, row: ComparedMetric, reach: float) -> DrawnDifferences:
    others = len(side.runs) - 1
    height = max(_ROW, _THINNEST * others)
    step = height // others
    bars = []
    for number, (run, value) in enumerate(zip(side.runs[1:], row.values[1:], strict=True)):
        if value is None or value.size is None or value.difference is None:
            continue
        width = round(50.0 * min(value.size, reach) / reach, 1)
        start = 50.0 if value.difference > 0 else 50.0 - width
        bars.append(DifferenceBar(run.letter, round(start, 1), width, number * step))
    return DrawnDifferences(tuple(bars), round(50.0 / reach, 1), height)


def bar_height(side: SideBySide) -> int:
    """Return the height of a bar."""
    others = len(side.runs) - 1
    return max(2, max(_ROW, _THINNEST * others) // others - 1)


def draw_tiers(side: SideBySide) -> tuple[TierStack, ...]:
    """Return the bar of each run whose tiers are known; empty if fewer than two runs have tiers."""
    tiers = _list_tiers(side)
    totals = [0.0] * len(side.runs)
    for row in tiers:
        for number, value in enumerate(row.values):
            totals[number] += 0.0 if value is None else value.value
    longest_ms = max(totals)
    stacks = []
    for number, run in enumerate(side.runs):
        if totals[number] > 0:
            parts = _stack_tiers(tiers, number, longest_ms)
            summary = "; ".join(map(attrgetter("text"), parts))
            stacks.append(TierStack(run.letter, parts, f"run {run.letter}: {summary}"))
    return tuple(stacks) if len(stacks) > 1 else ()


def _list_tiers(side: SideBySide) -> list[ComparedMetric]:
    """Return the tiers, the one with the largest time first."""
    return sorted(filter(attrgetter("is_tier"), side.metrics), key=_find_largest, reverse=True)


def _find_largest(row: ComparedMetric) -> float:
    return float(max(map(attrgetter("value"), filter(None, row.values))))


def _stack_tiers(tiers: Sequence[ComparedMetric], number: int, longest_ms: float) -> tuple[StackedTier, ...]:
    parts = []
    start = 0.0
    for place, row in enumerate(tiers):
        value = row.values[number]
        if value is None or value.value <= 0:
            continue
        width = 100.0 * value.value / longest_ms
        name = row.label.removeprefix("time in ").removesuffix(" time")
        label = f"{wording.shorten(name, _LONGEST)} {write_value(row, value)}"
        difference = "" if value.difference is None else f" ({write_difference(row, value)})"
        shown = label if width >= _LABELLED_PCT else ""
        parts.append(StackedTier(round(start, 2), round(width, 2), place % 3, shown, f"{label}{difference}"))
        start += width
    return tuple(parts)


def tier_table(side: SideBySide) -> Table:
    """Return the tiers of all runs in rows."""
    rows = []
    for row in _list_tiers(side):
        rows.append((row.label, *map(write_both, repeat(row), row.values)))
    columns = ("tier", *list_letters(side))
    return Table("Typical time of each tier", columns, tuple(rows), ends_in_number=True)


def draw_safe_loads(side: SideBySide) -> tuple[SafeRange, ...]:
    """Return the safe load of each search with its interval; empty without two of the same unit."""
    for row in side.metrics:
        if row.key not in SAFE_LOADS or row.count_values(range(len(side.runs))) < 2:  # noqa: PLR2004 - a pair
            continue
        largest = 0.0
        for value in row.values:
            if value is not None:
                largest = max(largest, _BLANK * (value.high or value.value))
        ranges = []
        for run, value in zip(side.runs, row.values, strict=True):
            if value is None:
                continue
            low = value.value if value.low is None else value.low
            high = largest if value.lower_bound else value.high or value.value
            text = f"run {run.letter}: {write_value(row, value)}"
            ranges.append(
                SafeRange(
                    letter=run.letter,
                    low=round(100.0 * low / largest, 2),
                    middle=round(100.0 * value.value / largest, 2),
                    high=round(100.0 * high / largest, 2),
                    text=text,
                )
            )
        return tuple(ranges)
    return ()
