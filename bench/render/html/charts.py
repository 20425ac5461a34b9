"""The charts of a run's page as data: lines, colours, and the same values as a table.

The page's script draws a chart; without the script, the reader sees the table.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.core.report.timeline import Period
from bench.core.values import wording
from bench.render.document.table import Table

Values = Sequence[float | None]
PALETTE = 7
"""Number of colours for lines of equal importance."""
_MOST_ROWS = 30
_FEWEST_ROWS = 6
_MOST_CELLS = 600
"""Rows of a table over time, and its values: many lines have fewer rows."""
_FORMATS: dict[str, Callable[[float], str]] = {
    "ms": wording.duration,
    "share": wording.percent,
    "pct": lambda value: f"{value:.0f} %",
    "bytes": lambda value: wording.memory(round(value)),
    "s": lambda value: f"{value:.4g} s",
    "rps": lambda value: f"{wording.rate(value)}/s",
    "load": lambda value: f"{value:.4g}",
    "1": lambda value: f"{value:.4g}",
    "percentile": lambda place: f"p{100.0 * (1.0 - 10.0**-place):.5g}",
    "date": lambda at_s: f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart."""

    label: str
    """Name in the legend."""
    tone: str
    """Colour by meaning: `accent`, `quiet`, `bad`, or `c0` to `c6` for lines of equal importance."""
    values: Values
    """One value for each place of the layer; None for a gap."""
    look: str = "line"
    """`line`, `dashed`, `dotted`, `step`, `dots`, `crosses`, `bars`, `edge` of a band, or `counts`:
    crosses below."""
    unit: str = ""
    """Unit of the values, if it is not that of the chart."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Lines with the same places on the horizontal axis."""

    at: Sequence[float]
    """The places."""
    lines: tuple[Line, ...]
    """The lines."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line."""

    at: float
    """Place on the horizontal axis."""
    tone: str
    """Colour by meaning."""
    text: str = ""
    """Explanation of one or more lines, which the page shows at the line; may be empty."""
    label: str = ""
    """Name at the top of the line; may be empty."""


@dataclass(frozen=True, slots=True)
class MarkedRange:
    """A marked part of the horizontal axis."""

    start: float
    """Left end."""
    end: float
    """Right end."""
    tone: str
    """Colour by meaning."""
    label: str
    """Text at its top, where there is room."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart."""

    title: str
    """Heading."""
    text: str
    """Explanation in a sentence or two."""
    across: str
    """Unit of the horizontal axis: `s` of the run, `ms`, `load`, `percentile` (as `-log10(1 - p)`), or `date`
    in seconds since 1970."""
    unit: str
    """Unit of the values: `ms`, `share`, `rps`, `pct`, `bytes` or `1`."""
    layers: tuple[Layer, ...]
    """Lines, from the back to the front."""
    table: Table
    """The same values in rows."""
    phases: tuple[Period, ...] = ()
    """Phases of the run, shaded alternately."""
    spans: tuple[MarkedRange, ...] = ()
    """Marked parts of the horizontal axis, such as stalls."""
    end: float | None = None
    """Right end of the horizontal axis; None for the last place."""
    marks: tuple[Mark, ...] = ()
    """Vertical lines."""
    from_zero: bool = True
    """The vertical axis starts at 0; otherwise near the lowest value."""
    is_small: bool = False
    """It has one line, no legend, and no table of its own: a table of several charts has its values."""


def format_value(value: float | None, unit: str) -> str:
    """Return a value of a chart for people; the unit is one of `Chart.across` or `Chart.unit`."""
    if value is None:
        return wording.DASH
    return _FORMATS[unit](value) if unit in _FORMATS else wording.with_unit(value, unit)


def make_short_table(title: str, layer: Layer, unit: str) -> Table:
    """Return a layer over the time of a run as a bounded number of rows; the chart has all values."""
    most = max(_FEWEST_ROWS, min(_MOST_ROWS, _MOST_CELLS // max(1, len(layer.lines))))
    step = math.ceil(len(layer.at) / most)
    part = f", 1 of {step} slices" if step > 1 else ""
    return make_table(f"{title}{part}", ("at", "s"), layer, unit, step)


def make_table(title: str, across: tuple[str, str], layer: Layer, unit: str, step: int = 1) -> Table:
    """Return a layer as rows.

    Args:
        title: Heading of the table.
        across: Heading and unit of the first column.
        layer: The lines.
        unit: Unit of the values.
        step: Take every n-th place.
    """
    name, across_unit = across
    rows = []
    for index in range(0, len(layer.at), step):
        values = [format_value(line.values[index], unit) for line in layer.lines]
        rows.append((format_value(layer.at[index], across_unit), *values))
    columns = (name, *(line.label for line in layer.lines))
    return Table(title, columns, tuple(rows))
