"""Draw the effects of an experiment with their intervals, one row for each metric, load and variant."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.core.experiment.claim_range import ClaimScale
from bench.core.experiment.experiment_result import EffectResult, ExperimentResult
from bench.core.report.experiment_report import describe_effect
from benchmarks.experiments.drawing import (
    WIDTH,
    Point,
    draw_dot,
    draw_line,
    draw_text,
    make_svg,
)

_SHOWN = ("e2e_ms mean", "e2e_ms p95", "first_output_ms", "requests_rps", "cpu_ms")
"""Metrics of the chart; the table has all of them."""
_TICKS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_FINE_TICKS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5)
_FINE = 3.0
"""Ratio of the ends of the axis up to which it has fine ticks."""
_SHORT = {"processor time per request": "CPU per request", "time to first output": "first output"}
_LEFT = 300
_RIGHT = WIDTH - 150
_TOP = 46
_ROW = 20
_WIDEST = (0.08, 9.0)


class _Row(NamedTuple):
    label: str
    effect: EffectResult


def draw_effects(result: ExperimentResult) -> str | None:
    """Return the chart; None if no effect is known."""
    rows = [*_list_rows(result)]
    if not rows:
        return None
    low, high = _choose_ends([row.effect for row in rows])
    height = _TOP + _ROW * len(rows) + 34
    parts = [
        draw_text(10, 20, f"{result.name}: change from the base, with its interval", kind="title"),
        *_draw_axis(low, high, height - 30),
    ]
    for index, row in enumerate(rows):
        parts += _draw_row(row, _TOP + _ROW * index + 10, low, high)
    return make_svg(height, f"Effects of the experiment {result.name}", parts)


def _list_rows(result: ExperimentResult) -> Iterator[_Row]:
    several = len(result.versions) > 2  # noqa: PLR2004 - the base and one variant
    for metric in _SHOWN:
        for cell in result.cells:
            for variant in cell.variants:
                effect = variant.find(metric)
                if effect is None or effect.effect is None or effect.scale is not ClaimScale.RATIO:
                    continue
                name = f", {variant.variant}" if several else ""
                yield _Row(f"{effect.label}, {cell.load}{name}", effect)


def _choose_ends(effects: Sequence[EffectResult]) -> tuple[float, float]:
    """Return the factors at both ends of the axis."""
    factors = [1.0]
    for effect in effects:
        factors += [1.0 + (effect.low or 0.0), 1.0 + (effect.high or 0.0)]
    return max(_WIDEST[0], min(factors) * 0.95), min(_WIDEST[1], max(factors) * 1.05)


def _x(factor: float, low: float, high: float) -> float:
    share = (math.log(min(max(factor, low), high)) - math.log(low)) / (math.log(high) - math.log(low))
    return _LEFT + share * (_RIGHT - _LEFT)


def _draw_axis(low: float, high: float, bottom: float) -> Iterator[str]:
    for tick in _FINE_TICKS if high / low <= _FINE else _TICKS:
        if low <= tick <= high:
            at = _x(tick, low, high)
            kind = "axis" if tick == 1.0 else "grid"
            yield draw_line(Point(at, _TOP - 8), Point(at, bottom), kind)
            yield draw_text(at, bottom + 16, f"{tick:g}×", anchor="middle")  # noqa: RUF001 - times


def _draw_row(row: _Row, y: float, low: float, high: float) -> list[str]:
    effect = row.effect
    kind = effect.verdict.value.replace("_", "-")
    left = _x(1.0 + (effect.low or 0.0), low, high)
    right = _x(1.0 + (effect.high or 0.0), low, high)
    return [
        draw_text(_LEFT - 12, y + 4, _shorten(row.label), anchor="end"),
        draw_line(Point(left, y), Point(right, y), kind, 2.0),
        draw_dot(_x(1.0 + (effect.effect or 0.0), low, high), y, kind),
        draw_text(_RIGHT + 12, y + 4, describe_effect(effect).partition(" (")[0]),
    ]


def _shorten(label: str) -> str:
    return label.replace("processor time per request", "CPU per request").replace(
        "time to first output", "first output"
    )
