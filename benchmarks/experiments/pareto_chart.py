"""Draw the versions of a grid: response time against throughput, with the Pareto front."""

import math
from collections.abc import Sequence

from bench.core.experiment.experiment_result import ExperimentResult, ParetoPoint
from bench.core.values import wording
from benchmarks.experiments.drawing import WIDTH, Point, draw_dot, draw_line, draw_text, make_svg

_LEFT = 70
_RIGHT = WIDTH - 190
_TOP = 40
_BOTTOM = 340
_LATENCY = "e2e_ms p50"
_THROUGHPUT = "requests_rps"
_TICKS = 5


def draw_front(result: ExperimentResult) -> str | None:
    """Return the chart; None without a grid."""
    points = [point for point in result.pareto if {_LATENCY, _THROUGHPUT} <= point.values.keys()]
    if not points:
        return None
    rates = [point.values[_THROUGHPUT] for point in points]
    times_ms = [point.values[_LATENCY] for point in points]
    most_rps = max(rates) * 1.1
    ends = (min(times_ms) / 1.3, max(times_ms) * 1.3)
    parts = [draw_text(10, 20, f"{result.name}: response time (p50) against throughput", kind="title")]
    parts += _draw_axes(most_rps, ends)
    for point in points:
        x = _LEFT + point.values[_THROUGHPUT] / most_rps * (_RIGHT - _LEFT)
        y = _y(point.values[_LATENCY], ends)
        parts.append(draw_dot(x, y, "front" if point.on_front else "other", 5.0))
        parts.append(draw_text(x + 9, y + 4, point.version))
    return make_svg(_BOTTOM + 44, f"Pareto front of the experiment {result.name}", parts)


def list_front(points: Sequence[ParetoPoint]) -> list[str]:
    """Return the names of the versions on the front."""
    return [point.version for point in points if point.on_front]


def _y(time_ms: float, ends: tuple[float, float]) -> float:
    share = (math.log(time_ms) - math.log(ends[0])) / (math.log(ends[1]) - math.log(ends[0]))
    return _BOTTOM - share * (_BOTTOM - _TOP)


def _draw_axes(most_rps: float, ends: tuple[float, float]) -> list[str]:
    parts = [
        draw_line(Point(_LEFT, _BOTTOM), Point(_RIGHT, _BOTTOM), "axis"),
        draw_line(Point(_LEFT, _TOP), Point(_LEFT, _BOTTOM), "axis"),
        draw_text((_LEFT + _RIGHT) / 2, _BOTTOM + 36, "successful requests per second", anchor="middle"),
    ]
    for number in range(_TICKS):
        share = number / (_TICKS - 1)
        x = _LEFT + share * (_RIGHT - _LEFT)
        parts.append(draw_text(x, _BOTTOM + 18, f"{share * most_rps:.0f}", anchor="middle"))
        time_ms = ends[0] * (ends[1] / ends[0]) ** share
        y = _y(time_ms, ends)
        parts.append(draw_line(Point(_LEFT, y), Point(_RIGHT, y), "grid"))
        parts.append(draw_text(_LEFT - 8, y + 4, wording.duration(time_ms), anchor="end"))
    return parts
