"""The small line of a history on the front page of the site."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.history.trend import Trend
from bench.core.report.trend_page import SmallLine
from bench.core.samples.metrics import metric
from bench.core.values import wording

SPARK_WIDTH = 320
SPARK_HEIGHT = 64
_MARGIN = 6
"""Space for the dot of the newest run."""
_LEAST_REACH = 0.2
"""A small line shows at least 20 % below and above its middle, so that noise looks small."""


@dataclass(frozen=True, slots=True)
class Spark:
    """The small line of a history, in a field of `SPARK_WIDTH` times `SPARK_HEIGHT`."""

    label: str
    """Description for screen readers."""
    path: str
    """The line as a path of SVG, with relative steps: these need the fewest bytes."""
    last: tuple[int, int]
    """The newest run's x and y."""
    change: int | None
    """Place of the newest change of the level; None without a change."""


def draw_spark(line: SmallLine, trend: Trend) -> Spark:
    """Return the small line of a history."""
    points = spark_points(line.values)
    own = next(row for row in trend.metrics if row.key == line.key)
    change = None
    if own.change_points and line.runs > 1:
        share = own.change_points[-1].position / (line.runs - 1)
        change = round(_MARGIN + share * (SPARK_WIDTH - 2 * _MARGIN))
    return Spark(
        label=f"{metric(line.key).label} over {wording.counted(line.runs, 'run')}",
        path=_make_path(points),
        last=points[-1],
        change=change,
    )


def spark_points(values: Sequence[float | None]) -> tuple[tuple[int, int], ...]:
    """Return the places of values in the field; None has no place."""
    low, high = _reach([value for value in values if value is not None])
    height = high - low or 1.0
    step = (SPARK_WIDTH - 2 * _MARGIN) / max(1, len(values) - 1)
    points = []
    for index, value in enumerate(values):
        if value is not None:
            share = (value - low) / height
            y = SPARK_HEIGHT - _MARGIN - share * (SPARK_HEIGHT - 2 * _MARGIN)
            points.append((round(_MARGIN + index * step), round(y)))
    return tuple(points)


def _make_path(points: Sequence[tuple[int, int]]) -> str:
    x, y = points[0]
    path = f"M{x} {y}"
    for next_x, next_y in points[1:]:
        path += f"l{next_x - x} {next_y - y}"
        x, y = next_x, next_y
    return path


def _reach(values: Sequence[float]) -> tuple[float, float]:
    lowest = min(values)
    highest = max(values)
    middle = (lowest + highest) / 2
    half = max((highest - lowest) / 2, _LEAST_REACH * middle)
    return middle - half, middle + half
