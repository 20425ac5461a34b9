"""Drawings made of characters: a change with its interval on its tolerance, and the time of a tier.

Each character has one column, and a plain replacement for encodings that lack it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.text import Text

from bench.core.samples.metrics import tier_name
from bench.core.values import wording
from bench.render.document.table import Compared

FIELD = "░"
ZERO = "│"
LOW = "├"
HIGH = "┤"
LINE = "─"
CROSSING = "┼"
POINT = "●"
FULL = "█"
MORE = "▓"
LESS = "░"
DRAWN = FIELD + ZERO + LOW + HIGH + LINE + CROSSING + POINT + FULL + MORE
"""Every character of the drawings."""
_QUIET = "dim"


@dataclass(frozen=True, slots=True)
class DrawnChange:
    """A change in the unit of its table: milliseconds of a tier, else a share of the base."""

    low: float
    """Lower end of the interval."""
    middle: float
    """The change."""
    high: float
    """Upper end of the interval."""
    tolerated: float
    """Tolerated change in both directions; 0 if it is unknown."""


@dataclass(frozen=True, slots=True)
class BarScale:
    """The changes from the left to the right end of a drawing."""

    left: float
    right: float

    def place(self, change: float, width: int) -> int:
        """Return the column of a change."""
        reach = self.right - self.left
        place = round((change - self.left) / reach * (width - 1))
        return min(width - 1, max(0, place))


def find_change(row: Compared) -> DrawnChange | None:
    """Return the change of a row for a drawing; None if its interval is unknown."""
    if not row.base or row.change_ratio is None or row.low_ratio is None or row.high_ratio is None:
        return None
    scale = row.base if tier_name(row.key) else 1.0
    change = DrawnChange(
        low=scale * row.low_ratio,
        middle=scale * row.change_ratio,
        high=scale * row.high_ratio,
        tolerated=scale * (row.margin_ratio or 0.0),
    )
    is_finite = all(map(math.isfinite, (change.low, change.middle, change.high, change.tolerated)))
    return change if is_finite else None


def find_scale(changes: Iterable[DrawnChange | None]) -> BarScale | None:
    """Return a scale with all changes, their tolerances and zero; None without a change."""
    ends = [0.0]
    for change in changes:
        if change is not None:
            ends += [change.low, change.middle, change.high, change.tolerated, -change.tolerated]
    left = min(ends)
    right = max(ends)
    return BarScale(left, right) if right > left else None


def draw_change(change: DrawnChange, scale: BarScale, width: int, style: str) -> Text:
    """Return the interval on the field of tolerated changes: `░░░│░░░  ├──●──┤`."""
    letters = [" "] * width
    styles = [""] * width
    if change.tolerated > 0.0:
        for column in _columns(scale, -change.tolerated, change.tolerated, width):
            letters[column] = FIELD
            styles[column] = _QUIET
    marks = {scale.place(end, width) for end in (-change.tolerated, 0.0, change.tolerated)}
    letters[scale.place(0.0, width)] = ZERO
    interval = _columns(scale, change.low, change.high, width)
    for column in interval:
        letters[column] = CROSSING if column in marks else LINE
        styles[column] = style
    if len(interval) > 1:
        letters[interval[0]] = LOW
        letters[interval[-1]] = HIGH
    point = scale.place(change.middle, width)
    letters[point] = POINT
    styles[point] = style
    drawn = Text()
    for of_run, columns in groupby(range(width), styles.__getitem__):
        drawn.append("".join(map(letters.__getitem__, columns)), of_run)
    return drawn


def _columns(scale: BarScale, low: float, high: float, width: int) -> range:
    return range(scale.place(low, width), scale.place(high, width) + 1)


def draw_axis(change: DrawnChange, scale: BarScale, width: int) -> Text:
    """Return the line below a change: the ends of the tolerance, and zero."""
    marks = [(scale.place(0.0, width), "0")]
    if change.tolerated > 0.0:
        for end in (change.tolerated, -change.tolerated):
            marks.append((scale.place(end, width), wording.change(end)))
    return Text(_place_marks(marks, width), _QUIET)


def _place_marks(marks: Sequence[tuple[int, str]], width: int) -> str:
    """Return marks centred at their columns; a mark that would touch an earlier one is left out."""
    line = " " * width
    for column, mark in marks:
        start = min(max(0, column - len(mark) // 2), width - len(mark))
        end = start + len(mark)
        if start >= 0 and not line[max(0, start - 1) : end + 1].strip():
            line = line[:start] + mark + line[end:]
    return line


def draw_tier(base_ms: float | None, head_ms: float | None, longest_ms: float, width: int) -> Text:
    """Return one bar for both versions: the common time, then what the head adds or saves."""
    base = _length(base_ms, longest_ms, width)
    head = _length(head_ms, longest_ms, width)
    common = min(base, head)
    if head > base:
        return Text.assemble(FULL * common, (MORE * (head - base), "red"))
    return Text.assemble(FULL * common, (LESS * (base - head), "green"))


def _length(value_ms: float | None, longest_ms: float, width: int) -> int:
    if value_ms is None or value_ms <= 0.0 or longest_ms <= 0.0:
        return 0
    return max(1, round(width * min(1.0, value_ms / longest_ms)))
