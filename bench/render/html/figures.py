"""Intervals in the rows of a table: drawings that need no script."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.report.row_words import margin_ratio_of
from bench.core.report.words import VERDICTS, Tone
from bench.core.samples.metrics import tier_name
from bench.render.document.table import Compared

_BLANK = 1.05
"""The axis reaches this much further than the longest interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A change with its confidence interval, in per cent of the drawing's width; 50 is no change."""

    low: float
    """Start of the interval."""
    middle: float
    """The change."""
    high: float
    """End of the interval."""
    tolerated: float
    """Width of the tolerated change to each side of 50."""
    tone: Tone
    """Colour by meaning."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A change in the unit of its table: milliseconds for tiers, else shares of the baseline."""

    low: float
    middle: float
    high: float
    tolerated: float


def make_intervals(rows: Sequence[Compared]) -> tuple[Interval | None, ...]:
    """Return an interval for each row, all on one scale; None if the interval is unknown."""
    changes = list(map(_change, rows))
    reach = 0.0
    for change in changes:
        if change is not None:
            reach = max(reach, abs(change.low), abs(change.middle), abs(change.high), change.tolerated)
    intervals: list[Interval | None] = []
    for row, change in zip(rows, changes, strict=True):
        if change is None or reach <= 0:
            intervals.append(None)
        else:
            intervals.append(_interval(row, change, _BLANK * reach))
    return tuple(intervals)


def _change(row: Compared) -> _Change | None:
    if not row.base or row.change_ratio is None or row.low_ratio is None or row.high_ratio is None:
        return None
    scale = row.base if tier_name(row.key) else 1.0
    return _Change(
        low=scale * row.low_ratio,
        middle=scale * row.change_ratio,
        high=scale * row.high_ratio,
        tolerated=scale * margin_ratio_of(row),
    )


def _interval(row: Compared, change: _Change, reach: float) -> Interval:
    return Interval(
        low=round(50.0 + 50.0 * change.low / reach, 1),
        middle=round(50.0 + 50.0 * change.middle / reach, 1),
        high=round(50.0 + 50.0 * change.high / reach, 1),
        tolerated=round(50.0 * change.tolerated / reach, 1),
        tone=VERDICTS[row.verdict].tone,
    )
