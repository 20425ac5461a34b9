"""The drawing of the change that decided: its interval on the tolerated range, without a script."""

from collections.abc import Sequence
from dataclasses import replace

from bench.core.report.affected import describe_change, find_decisive_row, list_classes
from bench.core.report.load_change import load_values
from bench.core.report.report import Report, find_claim
from bench.core.report.row_words import margin_ratio_of
from bench.core.report.sentences import detectable_text, interval_text
from bench.core.report.words import VERDICTS, verdict_text
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metrics import metric, step_name, tier_name
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.success import SUCCESS
from bench.core.verdict.verdict import MetricComparison, Verdict
from bench.render.html.run.axis import (
    LARGE_PX,
    MS,
    SMALL_PX,
    AxisMark,
    AxisRange,
    AxisScale,
    find_side,
    list_ticks,
    make_axis,
    place_label,
)
from bench.render.html.run.decisive_parts import Decisive, Reach
from bench.render.html.run.decisive_values import draw_safe_load, draw_threshold, find_allowed

_REQUESTS = " requests"
_SHORT_BASE = 15
"""Characters of the longest name of a base that stands at the zero of the axis."""

Row = MetricComparison | MessageComparison


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
        return draw_safe_load(capacity, capacity.safe_load)
    return drawn


def _is_decided_by_threshold(report: Report) -> bool:
    """Return whether a run failed and no compared row is the reason."""
    claim = find_claim(report)
    return report.decision is Decision.FAIL and claim is not None and not claim.rows


def _draw_change(row: Row, report: Report) -> Decisive | None:
    if row.base is None or row.change_ratio is None:
        return _draw_shares(row, report)
    low_ratio, high_ratio = _ends(row, row.change_ratio)
    margin_ratio = margin_ratio_of(row)
    scale = _scale(row)
    others = list_classes(report)
    ratios = [0.0, low_ratio, high_ratio, -margin_ratio, margin_ratio, row.change_ratio]
    for other in others:
        ratios += [ratio for ratio in _shown_ratios(other) if ratio is not None]
    axis = make_axis([scale.place(ratio) for ratio in ratios])
    tolerance = f"tolerated ±{_size(scale.factor * margin_ratio, scale)}"
    base = _name_base(row, report)
    is_short = len(base) <= _SHORT_BASE
    label = tolerance if is_short else f"{base}, {tolerance}"
    zero = axis.at(scale.place(0.0))
    reaches = [_reach(other, scale, axis) for other in (row, *others)]
    for number, other in enumerate(others, 1):
        reaches[number] = replace(reaches[number], note=_note(other, margin_ratio))
    return Decisive(
        title=_title(row),
        result=describe_result(row),
        tone=VERDICTS[row.verdict].tone,
        main=reaches[0],
        others=tuple(reaches[1:]),
        ticks=list_ticks(axis, scale, base if is_short else "0", scale.factor * margin_ratio),
        zero=zero,
        base=AxisMark(place_label(zero, label, SMALL_PX), label),
    )


def _shown_ratios(row: Row) -> Sequence[float | None]:
    """Return the ratios that the axis must reach: of a message only its change."""
    if isinstance(row, MessageComparison) and row.kind is MessageKind.CLASS:
        margin_ratio = margin_ratio_of(row)
        return (row.change_ratio, row.low_ratio, row.high_ratio, -margin_ratio, margin_ratio)
    return (row.change_ratio,)


def _scale(row: Row) -> AxisScale:
    """Return the unit of a row: per cent, milliseconds of a tier, or users of a safe load."""
    base = row.base or 0.0
    if isinstance(row, MetricComparison) and base and tier_name(row.key) is not None:
        return AxisScale(base, MS)
    if row.key in SAFE_LOADS and base:
        return AxisScale(base, "")
    return AxisScale(100.0, " %")


def _size(value: float, scale: AxisScale) -> str:
    """Return a size in the unit of an axis: `10 %`, `8.7 ms`, `1.7`."""
    if scale.unit == MS:
        return wording.duration(value)
    return f"{value:,.3g}{scale.unit}" if value < wording.THOUSAND else f"{value:,.0f}{scale.unit}"


def _reach(row: Row, scale: AxisScale, axis: AxisRange) -> Reach:
    middle = row.change_ratio or 0.0
    low, high = _ends(row, middle)
    interval = _describe_interval(row)
    at = axis.at(scale.place(middle))
    margin_ratio = margin_ratio_of(row)
    start = axis.at(scale.place(-margin_ratio))
    return Reach(
        label=_title(row),
        note="",
        tolerated=(start, round(axis.at(scale.place(margin_ratio)) - start, 2)),
        change=describe_change(row),
        interval=interval,
        low=axis.at(scale.place(low)),
        middle=at,
        high=axis.at(scale.place(high)),
        tone=VERDICTS[row.verdict].tone,
        label_at=place_label(at, describe_change(row), LARGE_PX),
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


def _note(row: Row, margin_ratio: float) -> str:
    """Return the number of messages of a class, and the tolerance of a row if it differs."""
    notes = []
    if isinstance(row, MessageComparison) and row.kind is MessageKind.CLASS:
        notes.append(wording.counted(row.messages, "message"))
    own = wording.magnitude(margin_ratio_of(row))
    if own != wording.magnitude(margin_ratio):
        notes.append(f"tolerated ±{own}")
    return ", ".join(notes)


def describe_result(row: Row) -> str:
    """Return the verdict on a row with the tolerance: `worse by more than the tolerance`."""
    match row.verdict:
        case Verdict.WORSE:
            return "worse by more than the tolerance"
        case Verdict.WITHIN_TOLERANCE:
            return f"worse, but within the tolerance{_describe_excess(row)}"
        case Verdict.UNCHANGED | Verdict.INCONCLUSIVE:
            detectable = wording.DASH if isinstance(row, MessageComparison) else detectable_text(row)
            text = "no change" if row.verdict is Verdict.UNCHANGED else "cannot tell"
            return (
                text
                if detectable == wording.DASH
                else f"{text}; a change of {detectable} or more would be found"
            )
        case _:
            return verdict_text(row.key, row.verdict)


def _describe_excess(row: Row) -> str:
    """Return the largest change that is possible, if it is larger than the tolerance."""
    if row.low_ratio is None or row.high_ratio is None or row.margin_ratio is None or row.key in SAFE_LOADS:
        return ""
    largest_ratio = row.high_ratio if (row.change_ratio or 0.0) > 0 else -row.low_ratio
    if largest_ratio <= row.margin_ratio:
        return ""
    return f"; up to {wording.magnitude(largest_ratio)} is possible"


def _name_base(row: Row, report: Report) -> str:
    if row in report.comparison.against_pinned:
        return "pinned baseline"
    name = report.comparison.base_name
    if name is not None:
        return wording.shorten(name, 20)
    if isinstance(row, MetricComparison) and row.key in SAFE_LOADS:
        return f"baseline: {load_values(row).split(' → ')[0]}"
    return "baseline"


def _draw_shares(row: Row, report: Report) -> Decisive | None:
    """Return the shares of requests that succeeded on both sides, which have no interval."""
    if row.key != SUCCESS or not isinstance(row, MetricComparison) or row.base is None or row.head is None:
        return None
    base_pct = 100.0 * row.base
    head_pct = 100.0 * row.head
    limits = [limit for limit in report.result.thresholds if limit.metric == SUCCESS]
    allowed_pct = [100.0 * limit.expression.limit for limit in limits[:1]]
    axis = make_axis([base_pct, head_pct, 100.0, min(base_pct, head_pct) - 1.0, *allowed_pct])
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
        tolerated=find_allowed(limits[0], axis.at(allowed_pct[0])) if limits else None,
        label_at=place_label(at, wording.percent(row.head), LARGE_PX),
    )
    words = {Verdict.WORSE: "fewer requests succeed", Verdict.BETTER: "more requests succeed"}
    base_at = axis.at(base_pct)
    allowed = f"; threshold: {allowed_pct[0]:g} %" if limits else ""
    return Decisive(
        title="success",
        result=words.get(row.verdict, verdict_text(row.key, row.verdict)),
        tone=main.tone,
        main=main,
        others=(),
        ticks=list_ticks(axis, AxisScale(1.0, " %", signed=False)),
        zero=base_at,
        base=AxisMark(
            base_at,
            f"{_name_base(row, report)}: {row.base_text.removesuffix(_REQUESTS)}{allowed}",
            find_side(base_at),
        ),
    )
