"""The drawing of the change that decided: its interval on the tolerated range, without a script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.load_trial import SafeLoad, TrialVerdict
from bench.core.limits.judge import ThresholdResult
from bench.core.report.affected import describe_change, find_decisive_row, list_classes
from bench.core.report.capacity_words import describe_load, describe_range
from bench.core.report.load_change import load_values
from bench.core.report.report import Report, find_claim
from bench.core.report.sentences import detectable_text, interval_text
from bench.core.report.words import VERDICTS, Tone, verdict_text
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metrics import label_and_unit, metric, step_name, tier_name
from bench.core.values import wording
from bench.core.verdict.accepted_runs import MARGIN_RATIO
from bench.core.verdict.compare import Decision
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.success import SUCCESS
from bench.core.verdict.verdict import MetricComparison, Verdict

_BLANK = 0.06
"""Part of the axis that stays free at each end."""
_MOST_TICKS = 7
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_START_SIDE = 27.0
_END_SIDE = 73.0
"""A label left of the first place starts at its mark, right of the second one it ends there."""
_SMALLEST_SPAN = 1e-9
_MS = " ms"

Row = MetricComparison | MessageComparison


@dataclass(frozen=True, slots=True)
class AxisMark:
    """A place on the axis with its label."""

    at: float
    """Place in per cent of the width."""
    label: str
    """Its label."""
    side: str = "middle"
    """Where the label is anchored: `start`, `middle` or `end`."""
    is_minor: bool = False
    """A narrow window leaves the label out."""
    look: str = ""
    """Its CSS class."""


@dataclass(frozen=True, slots=True)
class Reach:
    """A change with its interval, in per cent of the width."""

    label: str
    """Name of the metric, the class or the message."""
    note: str
    """More about it, such as the number of messages."""
    change: str
    """The change in words."""
    interval: str
    """The interval in words; empty without one."""
    low: float
    """Start of the interval."""
    middle: float
    """The change."""
    high: float
    """End of the interval."""
    tone: Tone
    """Its colour by meaning."""
    side: str = "middle"
    """Where the words are anchored."""
    starts_before: bool = False
    """The interval starts before the axis."""
    ends_after: bool = False
    """The interval ends behind the axis."""


@dataclass(frozen=True, slots=True)
class Decisive:
    """The drawing, and its result in words."""

    title: str
    """Name of the metric."""
    result: str
    """The result in words: `worse by more than the tolerance`."""
    tone: Tone
    """Tone of the result."""
    main: Reach
    """The change that decided."""
    others: tuple[Reach, ...]
    """Classes of messages, or messages, on the same axis."""
    ticks: tuple[AxisMark, ...]
    """Labels of the axis."""
    zero: float | None
    """Place of the base's value; None without a base."""
    tolerated: tuple[float, float] | None
    """Start and width of the tolerated range; None without one."""
    base: AxisMark | None
    """Name of the base, with the tolerance; None without a base."""
    marks: tuple[AxisMark, ...] = ()
    """Tried loads of a search."""

    @property
    def summary(self) -> str:
        """The drawing in words."""
        parts = [f"{self.title}: {self.main.change}"]
        if self.main.interval:
            parts.append(self.main.interval)
        if self.base is not None:
            parts.append(self.base.label)
        parts.append(self.result)
        parts += [f"{other.label} {other.change}" for other in self.others]
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class _Scale:
    """The unit of an axis: a ratio r stands at `offset + factor · r`."""

    factor: float
    unit: str
    offset: float = 0.0
    signed: bool = True

    def place(self, ratio: float) -> float:
        return self.offset + self.factor * ratio

    def label(self, value: float, step: float) -> str:
        decimals = max(0, -math.floor(math.log10(step) + _SMALLEST_SPAN))
        decimals = max(decimals, 1) if not float(step).is_integer() else decimals
        number = f"{value:{'+' if self.signed and value else ''},.{decimals}f}"
        return f"{number.replace('-', wording.MINUS)}{self.unit}"


_UNITS = {
    "ms": _Scale(1.0, _MS, signed=False),
    "ratio": _Scale(100.0, " %", signed=False),
    "requests/s": _Scale(1.0, "/s", signed=False),
}
"""Scales of measured values by unit; others have no unit on the axis."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """A range of values."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Return a place in per cent of the width, at most at the ends."""
        share = (value - self.low) / (self.high - self.low)
        return round(100.0 * min(1.0, max(0.0, share)), 2)


def draw_decisive(report: Report) -> Decisive | None:
    """Return the drawing of the change that decided; None if there is nothing to draw.

    Without a base, a search has its own safe load among the tried loads.
    """
    row = find_decisive_row(report)
    capacity = report.result.capacity
    drawn = None if row is None else _draw_change(row, report)
    crossed = next((limit for limit in report.result.thresholds if limit.crossed), None)
    if crossed is not None and _is_decided_by_threshold(report):
        return draw_threshold(crossed) or drawn
    if drawn is None and capacity is not None and capacity.safe_load is not None:
        return _draw_safe_load(capacity, capacity.safe_load)
    return drawn


def _is_decided_by_threshold(report: Report) -> bool:
    """Return whether a run failed and no compared row is the reason."""
    claim = find_claim(report)
    return report.decision is Decision.FAIL and claim is not None and not claim.rows


def _draw_change(row: Row, report: Report) -> Decisive | None:
    if row.base is None or row.change_ratio is None:
        return _draw_shares(row, report)
    low_ratio, high_ratio = _ends(row, row.change_ratio)
    margin_ratio = MARGIN_RATIO if row.margin_ratio is None else row.margin_ratio
    scale = _scale(row)
    others = list_classes(report)
    ratios = [0.0, low_ratio, high_ratio, -margin_ratio, margin_ratio, row.change_ratio]
    for other in others:
        ratios += [ratio for ratio in _shown_ratios(other) if ratio is not None]
    axis = _make_axis([scale.place(ratio) for ratio in ratios])
    start = axis.at(scale.place(-margin_ratio))
    end = axis.at(scale.place(margin_ratio))
    label = f"{_name_base(row, report)}, tolerated ±{_size(scale.factor * margin_ratio, scale)}"
    reaches = [_reach(other, scale, axis) for other in (row, *others)]
    return Decisive(
        title=_title(row),
        result=describe_result(row),
        tone=VERDICTS[row.verdict].tone,
        main=reaches[0],
        others=tuple(reaches[1:]),
        ticks=_ticks(axis, scale),
        zero=axis.at(scale.place(0.0)),
        tolerated=(start, round(end - start, 2)),
        base=AxisMark(axis.at(scale.place(0.0)), label, _side(axis.at(scale.place(0.0)))),
    )


def _shown_ratios(row: Row) -> Sequence[float | None]:
    """Return the ratios that the axis must reach: the interval of a class, of a message only its change."""
    if isinstance(row, MessageComparison) and row.kind is MessageKind.CLASS:
        return (row.change_ratio, row.low_ratio, row.high_ratio)
    return (row.change_ratio,)


def _scale(row: Row) -> _Scale:
    """Return the unit of a row: per cent, milliseconds of a tier, or users of a safe load."""
    base = row.base or 0.0
    if isinstance(row, MetricComparison) and base and tier_name(row.key) is not None:
        return _Scale(base, _MS)
    if row.key in SAFE_LOADS and base:
        return _Scale(base, "")
    return _Scale(100.0, " %")


def _size(value: float, scale: _Scale) -> str:
    """Return a size in the unit of an axis: `10 %`, `8.7 ms`, `1.7`."""
    if scale.unit == _MS:
        return wording.duration(value)
    return f"{value:,.3g}{scale.unit}" if value < wording.THOUSAND else f"{value:,.0f}{scale.unit}"


def _reach(row: Row, scale: _Scale, axis: _Axis) -> Reach:
    middle = row.change_ratio or 0.0
    low, high = _ends(row, middle)
    interval = _describe_interval(row)
    at = axis.at(scale.place(middle))
    return Reach(
        label=_title(row),
        note=_note(row),
        change=describe_change(row),
        interval=interval,
        low=axis.at(scale.place(low)),
        middle=at,
        high=axis.at(scale.place(high)),
        tone=VERDICTS[row.verdict].tone,
        side=_side(at),
        starts_before=scale.place(low) < axis.low,
        ends_after=scale.place(high) > axis.high,
    )


def _ends(row: Row, middle: float) -> tuple[float, float]:
    """Return the ends of an interval; the change itself if it is unknown, or if a safe load is a bound."""
    if row.low_ratio is None or row.high_ratio is None or not _describe_interval(row):
        return middle, middle
    return row.low_ratio, row.high_ratio


def _describe_interval(row: Row) -> str:
    """Return an interval in words; empty without one."""
    if isinstance(row, MetricComparison) and tier_name(row.key) is not None and row.base is not None:
        if row.low_ratio is None or row.high_ratio is None:
            return ""
        low_ms = row.base * row.low_ratio
        return wording.change_interval_ms(low_ms, row.base * row.high_ratio, exact=True)
    text = interval_text(row)
    return "" if text == wording.DASH else text


def _title(row: Row) -> str:
    if isinstance(row, MessageComparison):
        return wording.shorten(row.name)
    tier = tier_name(row.key)
    return f"time in {tier}" if tier else step_name(row.key) or metric(row.key).label


def _note(row: Row) -> str:
    if isinstance(row, MessageComparison) and row.kind is MessageKind.CLASS:
        return wording.counted(row.messages, "message")
    return ""


def describe_result(row: Row) -> str:
    """Return the verdict on a row with the tolerance: `worse by more than the tolerance`."""
    match row.verdict:
        case Verdict.WORSE:
            return "worse by more than the tolerance"
        case Verdict.WITHIN_TOLERANCE:
            return "worse, but within the tolerance"
        case Verdict.UNCHANGED | Verdict.INCONCLUSIVE:
            detectable = wording.DASH if isinstance(row, MessageComparison) else detectable_text(row)
            text = "no change" if row.verdict is Verdict.UNCHANGED else "cannot tell"
            return text if detectable == wording.DASH else f"{text}; detectable {detectable}"
        case _:
            return verdict_text(row.key, row.verdict)


def _name_base(row: Row, report: Report) -> str:
    if row in report.comparison.against_pinned:
        return "pinned baseline"
    name = report.comparison.base_name
    if name is not None:
        return wording.shorten(name, 20)
    if isinstance(row, MetricComparison) and row.key in SAFE_LOADS:
        return f"baseline: {load_values(row).split(' → ')[0]}"
    return "baseline"


def _make_axis(values: Sequence[float]) -> _Axis:
    low = min(values)
    high = max(values)
    blank = _BLANK * max(high - low, _SMALLEST_SPAN)
    return _Axis(low - blank, high + blank)


def _step(span: float) -> float:
    """Return a round distance of ticks, of which at most `_MOST_TICKS` stand on the axis."""
    rough = span / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(max(rough, _SMALLEST_SPAN)))
    return next(power * step for step in _STEPS if power * step >= rough * (1.0 - _SMALLEST_SPAN))


def _ticks(axis: _Axis, scale: _Scale) -> tuple[AxisMark, ...]:
    """Return the labels of the axis; every second one is left out in a narrow window."""
    step = _step(axis.high - axis.low)
    ticks = []
    for number in range(math.ceil(axis.low / step), math.floor(axis.high / step) + 1):
        label = "0" if number == 0 and scale.signed else scale.label(number * step, step)
        ticks.append(AxisMark(axis.at(number * step), label, is_minor=number % 2 == 1))
    return tuple(ticks)


def _side(at: float) -> str:
    if at < _START_SIDE:
        return "start"
    return "end" if at > _END_SIDE else "middle"


def _draw_shares(row: Row, report: Report) -> Decisive | None:
    """Return the shares of requests that succeeded on both sides, which have no interval."""
    if row.key != SUCCESS or not isinstance(row, MetricComparison) or row.base is None or row.head is None:
        return None
    base_pct = 100.0 * row.base
    head_pct = 100.0 * row.head
    axis = _make_axis([base_pct, head_pct, 100.0, min(base_pct, head_pct) - 1.0])
    at = axis.at(head_pct)
    main = Reach(
        label="success",
        note="",
        change=wording.percent(row.head),
        interval="" if row.head_requests is None else f"of {wording.counted(row.head_requests, 'request')}",
        low=min(at, axis.at(base_pct)),
        middle=at,
        high=max(at, axis.at(base_pct)),
        tone=VERDICTS[row.verdict].tone,
        side=_side(at),
    )
    words = {Verdict.WORSE: "fewer requests succeed", Verdict.BETTER: "more requests succeed"}
    base_at = axis.at(base_pct)
    return Decisive(
        title="success",
        result=words.get(row.verdict, verdict_text(row.key, row.verdict)),
        tone=main.tone,
        main=main,
        others=(),
        ticks=_ticks(axis, _Scale(1.0, " %", signed=False)),
        zero=base_at,
        tolerated=None,
        base=AxisMark(base_at, f"{_name_base(row, report)}: {row.base_text}", _side(base_at)),
    )


def draw_threshold(limit: ThresholdResult) -> Decisive | None:
    """Return the measured value and the limit that it crossed; None without a value."""
    if limit.value is None:
        return None
    label, unit = label_and_unit(limit.metric)
    scale = _UNITS.get(unit, _Scale(1.0, "", signed=False))
    value = scale.place(limit.value)
    allowed = scale.place(limit.expression.limit)
    axis = _make_axis([value, allowed, 0.0 if unit != "ratio" else 100.0])
    at = axis.at(value)
    edge = axis.at(allowed)
    main = Reach(
        label=label,
        note="",
        change=limit.measured,
        interval="",
        low=min(at, edge),
        middle=at,
        high=max(at, edge),
        tone=Tone.BAD,
        side=_side(at),
    )
    keeps_below = limit.expression.operator in {"<", "<="}
    keeps_above = limit.expression.operator in {">", ">="}
    tolerated = (0.0, edge) if keeps_below else (edge, round(100.0 - edge, 2)) if keeps_above else None
    return Decisive(
        title=label,
        result=f"threshold {limit.expression} crossed",
        tone=Tone.BAD,
        main=main,
        others=(),
        ticks=_ticks(axis, scale),
        zero=edge,
        tolerated=tolerated,
        base=AxisMark(edge, f"allowed: {limit.expression}", _side(edge)),
    )


def _draw_safe_load(capacity: CapacityResult, safe: SafeLoad) -> Decisive:
    """Return the safe load among the tried loads."""
    loads = [trial.load for trial in capacity.trials]
    high = safe.low if safe.high is None else safe.high
    axis = replace(_make_axis([0.0, safe.load, high, *loads]), low=0.0)
    is_open = safe.high is None
    at = axis.at(safe.low if is_open else safe.load)
    load = describe_load(safe.low if is_open else safe.load, capacity.unit)
    interval = "" if is_open else f"{wording.confidence(safe.confidence)} {describe_range(safe)}"
    main = Reach(
        label="safe load",
        note="",
        change=f"≥ {load}" if is_open else load,
        interval=interval,
        low=axis.at(safe.low),
        middle=at,
        high=100.0 if is_open else axis.at(high),
        tone=Tone.QUIET,
        side=_side(at),
        ends_after=is_open,
    )
    marks = [
        AxisMark(axis.at(trial.load), trial.verdict.value, look=_look(trial.verdict))
        for trial in capacity.trials
    ]
    return Decisive(
        title="safe load",
        result="the largest load that meets the objectives",
        tone=Tone.QUIET,
        main=main,
        others=(),
        ticks=_ticks(axis, _Scale(1.0, "", signed=False)),
        zero=None,
        tolerated=None,
        base=AxisMark(50.0, f"tried {capacity.unit}: ○ met the objectives, ✕ broke one"),
        marks=tuple(marks),
    )


def _look(verdict: TrialVerdict) -> str:
    return {TrialVerdict.MET: "met", TrialVerdict.BROKEN: "broken", TrialVerdict.OPEN: "open"}[verdict]
