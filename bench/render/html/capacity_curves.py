"""The curves of a capacity search as drawings: its objectives, its throughput, and its models."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.load_trial import LoadTrial, ObjectiveCounts, TrialVerdict
from bench.core.capacity.model_fit import MODEL_ERROR
from bench.core.capacity.usl import UslFit
from bench.core.report.capacity_headline import describe_answer, list_first_broken
from bench.core.report.capacity_words import describe_load, describe_zones, shorten_objective, verdict_word
from bench.core.report.words import Tone
from bench.core.values import wording
from bench.render.html.load_curve import (
    BLANK,
    MOST_LIMITS,
    FittedLine,
    LinePiece,
    LoadCurve,
    Point,
    SafeMark,
    Scales,
    Tick,
    Zone,
    join_texts,
    list_ticks,
    mark_values,
    write_durations,
)

_LABEL_WIDTH = 14.0
"""Least distance of the labels of points above the scale, in per cent of the width."""
_SMALL_HEAD = 8.0
_SMALL_HEIGHT = 130.0
"""Heights of the upper and lower end of a small drawing."""
_LEAST_RESIDUAL = 0.1
"""The scale of differences reaches at least so far, so that noise looks small."""


def draw_curves(capacity: CapacityResult) -> tuple[LoadCurve, ...]:
    """Return the drawings of a search: each objective, first the one that breaks first; then throughput."""
    if not capacity.trials:
        return ()
    curves = [_draw_objective(capacity, name) for name in _sort_objectives(capacity)]
    return (*curves, _draw_throughput(capacity), *_draw_residuals(capacity))


def _sort_objectives(capacity: CapacityResult) -> list[str]:
    """Return the names of the objectives, those that the smallest load breaks first."""
    first = list_first_broken(capacity)
    order = {name: number for number, name in enumerate(first)}
    return sorted(capacity.objectives, key=lambda name: order.get(shorten_objective(name), len(order)))


def _draw_objective(capacity: CapacityResult, objective: str) -> LoadCurve:
    """Return the time or the missed share that an objective limits, by load."""
    counted: list[tuple[LoadTrial, ObjectiveCounts]] = []
    for trial in capacity.trials:
        counted += [(trial, counts) for counts in trial.counts if counts.objective == objective]
    is_time = any(counts.limit_ms and counts.time_ms is not None for _, counts in counted)
    limit = max((_limit(counts, is_time=is_time) for _, counts in counted), default=0.0)
    values = [(trial, counts, _value(counts, is_time=is_time)) for trial, counts in counted]
    largest = max((value for _, _, value in values if value is not None), default=0.0)
    scales = Scales(_right(capacity), min(BLANK * max(largest, limit), MOST_LIMITS * limit) or 1.0)
    write = write_durations(scales.top) if is_time else wording.percent
    points = []
    for trial, counts, value in values:
        if value is not None:
            points.append(_draw_trial(scales, (trial, counts), value, write))
    points = _space_labels(points)
    name = shorten_objective(objective)
    title = name.partition(" ≤")[0] if is_time else f"Requests that miss {name},"
    return LoadCurve(
        title=f"{title} by load ({capacity.unit})",
        text=_TIME_TEXT if is_time else _SHARE_TEXT,
        summary=f"{name}: {describe_answer(capacity)}",
        x_ticks=_load_ticks(capacity, scales),
        y_ticks=mark_values(scales, list_ticks(scales.top), write),
        zones=_draw_zones(capacity, scales),
        safe=_draw_safe_load(capacity, scales),
        limit=Tick(scales.height(limit), f"objective: at most {write(limit)}"),
        lines=(
            _connect(
                scales, "quiet", [(trial.load, value) for trial, _, value in values if value is not None]
            ),
            *(_draw_queue(capacity, scales) if is_time and "response time" in objective else ()),
        ),
        points=tuple(points),
        keys=_list_verdicts(capacity),
    )


def _draw_trial(
    scales: Scales, measured: tuple[LoadTrial, ObjectiveCounts], value: float, write: Callable[[float], str]
) -> Point:
    trial, counts = measured
    low = value if counts.low_ms is None else counts.low_ms
    high = scales.top if counts.high_ms is None else counts.high_ms
    if counts.low_ms is None or counts.time_ms != value:
        low = value
        high = value
    interval = "" if low == high else f", {write(low)} to {'more' if counts.high_ms is None else write(high)}"
    load = describe_load(trial.load, "users" if trial.load.is_integer() else "requests/s")
    return Point(
        look=trial.verdict.value,
        at=scales.place(trial.load),
        height=scales.height(value),
        low=scales.height(low),
        high=scales.height(high),
        over=write(value) if value > scales.top else "",
        text=f"{load}: {write(value)}{interval}, {verdict_word(trial)}",
    )


def _space_labels(points: Sequence[Point]) -> list[Point]:
    """Remove the labels of points above the scale that would overlap the one at their left."""
    spaced: list[Point] = []
    last_at = -_LABEL_WIDTH
    for point in sorted(points, key=lambda point: point.at):
        if point.over and point.at - last_at < _LABEL_WIDTH:
            spaced.append(replace(point, is_named=False))
            continue
        if point.over:
            last_at = point.at
        spaced.append(point)
    return spaced


def _draw_throughput(capacity: CapacityResult) -> LoadCurve:
    """Return the answers per second, and those that met all objectives, by load."""
    largest = max(trial.throughput_rps for trial in capacity.trials)
    scales = Scales(_right(capacity), BLANK * largest or 1.0)
    points = []
    for trial in sorted(capacity.trials, key=lambda trial: trial.load):
        for look, value, name in (
            ("all", trial.throughput_rps, "answers/s"),
            ("good", trial.goodput_rps, "of them within the objectives"),
        ):
            height = scales.height(value)
            text = f"{describe_load(trial.load, capacity.unit)}: {wording.rate(value)} {name}"
            place = scales.place(trial.load)
            points.append(Point(look, place, height, height, height, text))
    return LoadCurve(
        title=f"Answers per second by load ({capacity.unit})",
        text=_THROUGHPUT_TEXT + _explain_missing_model(capacity),
        summary=join_texts(points),
        x_ticks=_load_ticks(capacity, scales),
        y_ticks=mark_values(scales, list_ticks(scales.top), lambda rate: f"{wording.rate(rate)}/s"),
        zones=_draw_zones(capacity, scales),
        safe=_draw_safe_load(capacity, scales),
        limit=None,
        lines=(
            _connect(scales, "c0", [(trial.load, trial.throughput_rps) for trial in capacity.trials]),
            _connect(scales, "c1", [(trial.load, trial.goodput_rps) for trial in capacity.trials]),
            *_draw_usl(capacity, scales),
        ),
        points=tuple(points),
        keys=(("all", "all answers"), ("good", "answers within the objectives")),
    )


def _draw_residuals(capacity: CapacityResult) -> tuple[LoadCurve, ...]:
    """Return the differences of the measured loads from the models; empty without a model."""
    residuals = _list_residuals(capacity)
    if not residuals:
        return ()
    reach = max(_LEAST_RESIDUAL, *(abs(value) for _, _, value, _ in residuals)) * BLANK
    scales = Scales(_right(capacity), reach, -reach, _SMALL_HEAD, _SMALL_HEIGHT)
    points = []
    for look, load, value, name in residuals:
        height = scales.height(value)
        text = f"{describe_load(load, capacity.unit)}: {name} {wording.change(value)}"
        points.append(Point(look, scales.place(load), height, height, height, text))
    marks = (-reach / BLANK, 0.0, reach / BLANK)
    names = dict.fromkeys((look, name) for look, _, _, name in residuals)
    curve = LoadCurve(
        title=f"Differences from the models by load ({capacity.unit})",
        text=_RESIDUAL_TEXT if capacity.curve is None else capacity.curve.describe_fits(),
        summary=join_texts(points),
        x_ticks=_load_ticks(capacity, scales),
        y_ticks=mark_values(scales, marks, wording.change),
        zones=(),
        safe=None,
        limit=None,
        lines=(),
        points=tuple(points),
        keys=tuple(names),
        height=int(_SMALL_HEIGHT),
        is_detail=True,
    )
    return (curve,)


def _list_residuals(capacity: CapacityResult) -> list[tuple[str, float, float, str]]:
    """Return look, load, difference and name of each difference from a model."""
    curve = capacity.curve
    rows: list[tuple[str, float, float, str]] = []
    if curve is not None and curve.queue is not None:
        for residual in curve.queue.residuals:
            if residual.mean is not None:
                rows.append(("all", residual.load, residual.mean, "mean response time, queue model (M/G/c)"))
    if curve is not None and curve.usl is not None:
        for residual in curve.usl.residuals:
            if residual.throughput is not None:
                rows.append(
                    (
                        "good",
                        residual.load,
                        residual.throughput,
                        "answers/s, growth model (Universal Scalability Law)",
                    )
                )
    return rows


def _draw_usl(capacity: CapacityResult, scales: Scales) -> tuple[FittedLine, ...]:
    fit = None if capacity.curve is None else capacity.curve.usl
    if fit is None or not _explains_throughput(fit):
        return ()
    places = [(point.load, point.throughput_rps) for point in fit.line]
    return (FittedLine("c3", "growth model (Universal Scalability Law)", _draw_line(scales, places)),)


def _explains_throughput(fit: UslFit) -> bool:
    """Return whether a law that explains the response times also explains the answers per second.

    It does not if users did not wait as long between their requests as the fit assumes.
    """
    misses: list[float] = []
    for residual in fit.residuals:
        if residual.used and residual.throughput is not None:
            misses.append(abs(residual.throughput))
    return fit.adequate and bool(misses) and median(misses) <= MODEL_ERROR


def _explain_missing_model(capacity: CapacityResult) -> str:
    """Return why the growth model has no line; empty if it has one, or if the loads are too few for it."""
    fit = None if capacity.curve is None else capacity.curve.usl
    if fit is None or _explains_throughput(fit):
        return ""
    return " The growth model does not explain these loads, so it is not drawn."


def _draw_queue(capacity: CapacityResult, scales: Scales) -> tuple[FittedLine, ...]:
    fit = None if capacity.curve is None else capacity.curve.queue
    if fit is None or not fit.adequate:
        return ()
    places = [(point.load, point.p95_ms) for point in fit.line if point.p95_ms is not None]
    return (FittedLine("c3", "queue model (M/G/c)", _draw_line(scales, places)),)


def _connect(scales: Scales, tone: str, places: Sequence[tuple[float, float]]) -> FittedLine:
    """Return the line from each measured value to that of the next load."""
    return FittedLine(tone, "", _draw_line(scales, sorted(places)))


def _draw_line(scales: Scales, places: Sequence[tuple[float, float]]) -> tuple[LinePiece, ...]:
    """Return the pieces of a line inside the drawing."""
    segments = []
    for (load, value), (next_load, next_value) in pairwise(places):
        if next_load <= scales.right and max(value, next_value) <= scales.top:
            segments.append(
                LinePiece(
                    scales.place(load),
                    scales.height(value),
                    scales.place(next_load),
                    scales.height(next_value),
                )
            )
    return tuple(segments)


def _draw_zones(capacity: CapacityResult, scales: Scales) -> tuple[Zone, ...]:
    """Return the zones that begin inside the drawing."""
    if capacity.zones is None:
        return ()
    zones = []
    for words in describe_zones(capacity.zones, capacity.unit):
        start = scales.place(words.start)
        end = scales.place(scales.right if words.end is None else words.end)
        if start < end:
            text = f"{words.name}: {words.text}"
            zones.append(Zone(_ZONE_TONES[words.name], start, round(end - start, 2), words.name, text))
    return tuple(zones)


def _draw_safe_load(capacity: CapacityResult, scales: Scales) -> SafeMark | None:
    safe = capacity.safe_load
    if safe is None:
        return None
    load = safe.low if safe.high is None else safe.load
    at_least = "at least " if safe.high is None else ""
    return SafeMark(scales.place(load), f"safe load: {at_least}{describe_load(load, capacity.unit)}")


def _list_verdicts(capacity: CapacityResult) -> tuple[tuple[str, str], ...]:
    present = {trial.verdict for trial in capacity.trials}
    return tuple((verdict.value, _LEGEND[verdict]) for verdict in TrialVerdict if verdict in present)


def _limit(counts: ObjectiveCounts, *, is_time: bool) -> float:
    return counts.limit_ms or 0.0 if is_time else counts.allowed_ratio


def _value(counts: ObjectiveCounts, *, is_time: bool) -> float | None:
    return counts.time_ms if is_time else counts.missed_ratio


def _right(capacity: CapacityResult) -> float:
    return BLANK * max(trial.load for trial in capacity.trials) or 1.0


def _load_ticks(capacity: CapacityResult, scales: Scales) -> tuple[Tick, ...]:
    step = 1.0 if capacity.unit == "users" else 0.0
    loads = list_ticks(scales.right, step)
    return tuple(Tick(scales.place(load), wording.value(load, "1")) for load in loads)


_LEGEND = {
    TrialVerdict.MET: "met",
    TrialVerdict.BROKEN: "broken",
    TrialVerdict.OPEN: "not certain",
}
_ZONE_TONES = {"met": Tone.GOOD, "limit": Tone.UNSURE, "not measured": Tone.UNSURE, "breaks": Tone.BAD}
_TIME_TEXT = (
    "Mark: a trial. Line: its 90 % interval; a line to the top has no upper end. Arrow: a longer time."
)
_RESIDUAL_TEXT = "Measured loads compared with their model, which explains a load whose mark is near 0."
_SHARE_TEXT = "Mark: a trial. Arrow: a larger share."
_THROUGHPUT_TEXT = (
    "Where the lines part, answers are too slow or fail. Where they are flat, load only adds waiting."
)
