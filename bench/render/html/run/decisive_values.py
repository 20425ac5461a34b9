"""Drawings of values without a compared change: a crossed threshold, and a safe load."""

from dataclasses import replace

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.load_trial import SafeLoad, TrialVerdict
from bench.core.limits.judge import ThresholdResult, describe_crossed
from bench.core.report.capacity_words import describe_load, describe_range
from bench.core.report.words import Tone
from bench.core.samples.metrics import label_and_unit
from bench.core.values import wording
from bench.render.html.run.axis import (
    LARGE_PX,
    UNITS,
    AxisMark,
    AxisScale,
    find_side,
    list_ticks,
    make_axis,
    place_label,
)
from bench.render.html.run.decisive_parts import Decisive, Reach


def draw_threshold(limit: ThresholdResult) -> Decisive | None:
    """Return the measured value and the limit that it crossed; None without a value."""
    if limit.value is None:
        return None
    label, unit = label_and_unit(limit.metric)
    scale = UNITS.get(unit, AxisScale(1.0, "", signed=False))
    value = scale.place(limit.value)
    allowed = scale.place(limit.expression.limit)
    axis = make_axis([value, allowed, 0.0 if unit != "ratio" else 100.0])
    at = axis.at(value)
    edge = axis.at(allowed)
    main = Reach(
        label=label,
        note="",
        change=limit.measured,
        interval="",
        low=min(at, edge),
        middle=at,
        label_at=place_label(at, limit.measured, LARGE_PX),
        high=max(at, edge),
        tone=Tone.BAD,
        tolerated=find_allowed(limit, edge),
    )
    return Decisive(
        title=label,
        result=describe_crossed(limit),
        tone=Tone.BAD,
        main=main,
        others=(),
        ticks=list_ticks(axis, scale),
        zero=edge,
        base=AxisMark(edge, f"allowed: {limit.expression}", find_side(edge)),
    )


def find_allowed(limit: ThresholdResult, edge: float) -> tuple[float, float] | None:
    """Return start and width of the values that a threshold allows, in per cent of the axis.

    Args:
        limit: The threshold.
        edge: Place of its limit.
    """
    if limit.expression.operator in {"<", "<="}:
        return 0.0, edge
    if limit.expression.operator in {">", ">="}:
        return edge, round(100.0 - edge, 2)
    return None


def draw_safe_load(capacity: CapacityResult, safe: SafeLoad) -> Decisive:
    """Return the safe load among the tried loads."""
    loads = [trial.load for trial in capacity.trials]
    high = safe.low if safe.high is None else safe.high
    axis = replace(make_axis([0.0, safe.load, high, *loads]), low=0.0)
    is_open = safe.high is None
    at = axis.at(safe.low if is_open else safe.load)
    load = describe_load(safe.low if is_open else safe.load, capacity.unit)
    interval = "" if is_open else f"{describe_range(safe)} ({wording.confidence(safe.confidence)})"
    change = f"≥ {load}" if is_open else load
    main = Reach(
        label="safe load",
        note="",
        change=change,
        interval=interval,
        low=axis.at(safe.low),
        middle=at,
        label_at=place_label(at, change, LARGE_PX),
        high=100.0 if is_open else axis.at(high),
        tone=Tone.QUIET,
        ends_after=is_open,
    )
    marks = [
        AxisMark(axis.at(trial.load), trial.verdict.value, look=_look(trial.verdict))
        for trial in capacity.trials
    ]
    return Decisive(
        title="safe load",
        result=_describe_safe_load(safe),
        tone=Tone.QUIET,
        main=main,
        others=(),
        ticks=list_ticks(axis, AxisScale(1.0, "", signed=False)),
        zero=None,
        base=AxisMark(50.0, f"tried {capacity.unit}: {_list_looks(capacity)}"),
        marks=tuple(marks),
    )


def _describe_safe_load(safe: SafeLoad) -> str:
    """Return the meaning of the safe load, with its interval."""
    meaning = "the largest load that meets the objectives"
    return (
        meaning if safe.high is None or safe.low == safe.high else f"{meaning}, within {describe_range(safe)}"
    )


def _list_looks(capacity: CapacityResult) -> str:
    """Return the meaning of the marks of trials."""
    present = {trial.verdict for trial in capacity.trials}
    return ", ".join(text for verdict, text in _LOOKS.items() if verdict in present)


def _look(verdict: TrialVerdict) -> str:
    return {TrialVerdict.MET: "met", TrialVerdict.BROKEN: "broken", TrialVerdict.OPEN: "open"}[verdict]


_LOOKS = {
    TrialVerdict.MET: "● met",
    TrialVerdict.BROKEN: "✕ broken",
    TrialVerdict.OPEN: "○ not certain",
}
