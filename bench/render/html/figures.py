"""Drawings that need no script: intervals in the rows of a table, and bars of the tiers' times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.core.report.report import Report
from bench.core.report.words import VERDICTS, Tone
from bench.core.samples.metrics import metric, tier_name
from bench.core.values import wording
from bench.core.verdict.accepted_runs import MARGIN_RATIO
from bench.render.document.table import Compared

_TONES = 7
"""Number of colours of tiers."""
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
class Segment:
    """The part of a bar that shows a tier."""

    tier: str
    """Name of the tier."""
    tone: int
    """Number of its colour."""
    start: float
    """Left end, in per cent of the width."""
    width: float
    """Width in per cent."""
    text: str
    """Name and time."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The tiers' times of the baseline or of this run."""

    label: str
    """The side."""
    segments: tuple[Segment, ...]
    """The tiers."""


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


def tier_bars(report: Report) -> tuple[Bar, ...]:
    """Return a bar for the baseline, if there is one, and a bar for this run."""
    head: dict[str, float] = {}
    compared = [row for row in report.comparison.metrics if tier_name(row.key)]
    if compared:
        base: dict[str, float] = {}
        for row in compared:
            if row.base:
                base[row.key] = row.base
            if row.head:
                head[row.key] = row.head
        return _make_bars({report.comparison.base_name or "baseline": base, "this run": head})
    for key, summary in report.result.summary.metrics.items():
        if tier_name(key) and summary.typical:
            head[key] = summary.typical
    return _make_bars({"this run": head})


def _make_bars(sides: Mapping[str, Mapping[str, float]]) -> tuple[Bar, ...]:
    longest_ms = max(sum(times.values()) for times in sides.values())
    if longest_ms <= 0:
        return ()
    keys: dict[str, None] = {}
    for times in sides.values():
        keys.update(dict.fromkeys(times))
    return tuple(_bar(label, times, list(keys), longest_ms) for label, times in sides.items() if times)


def _change(row: Compared) -> _Change | None:
    if not row.base or row.change_ratio is None or row.low_ratio is None or row.high_ratio is None:
        return None
    margin_ratio = MARGIN_RATIO if row.margin_ratio is None else row.margin_ratio
    scale = row.base if tier_name(row.key) else 1.0
    return _Change(
        low=scale * row.low_ratio,
        middle=scale * row.change_ratio,
        high=scale * row.high_ratio,
        tolerated=scale * margin_ratio,
    )


def _interval(row: Compared, change: _Change, reach: float) -> Interval:
    return Interval(
        low=round(50.0 + 50.0 * change.low / reach, 1),
        middle=round(50.0 + 50.0 * change.middle / reach, 1),
        high=round(50.0 + 50.0 * change.high / reach, 1),
        tolerated=round(50.0 * change.tolerated / reach, 1),
        tone=VERDICTS[row.verdict].tone,
    )


def _bar(label: str, times_ms: Mapping[str, float], keys: Sequence[str], longest_ms: float) -> Bar:
    """Return a bar. A tier starts where the previous one ends, and has the same colour in each bar."""
    segments = []
    start = 0.0
    for number, key in enumerate(keys):
        time_ms = times_ms.get(key, 0.0)
        width = 100.0 * time_ms / longest_ms
        if time_ms > 0:
            tier = metric(key).label
            text = f"{tier} {wording.duration(time_ms)}"
            segments.append(Segment(tier, number % _TONES, round(start, 2), round(width, 2), text))
        start += width
    return Bar(label, tuple(segments))
