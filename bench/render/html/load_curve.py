"""A drawing of values by load that needs no script.

Places are per cent of the width, heights are pixels from above, so a drawing fits every window.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter

from bench.core.report.words import Tone
from bench.core.values import wording

HEIGHT = 176
"""Height of a drawing."""
TOP = 48.0
"""Height of the upper end of the scale: the labels of zones and of the safe load are above it."""
BLANK = 1.08
"""The scales reach this much further than the largest value."""
MOST_LIMITS = 2.5
"""A value above this multiple of the limit is an arrow at the top: the limit stays visible."""
_MOST_TICKS = 8
_SECONDS_FROM_MS = 2_000.0
"""A scale that reaches so far is in seconds."""
_MULTIPLES = (1.0, 2.0, 5.0, 10.0)
"""Distances of ticks, as multiples of a power of ten."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A value on a scale."""

    at: float
    """Place or height."""
    label: str
    """The value."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A range of loads with the same meaning."""

    tone: Tone
    """Colour and hatching."""
    start: float
    """Left end."""
    width: float
    """Width."""
    label: str
    """Its meaning in a word."""
    text: str
    """Its meaning with its loads."""


@dataclass(frozen=True, slots=True)
class SafeMark:
    """The safe load; its interval is the zone `limit`."""

    at: float
    """Place of the best estimate, or of the lower end without an upper one."""
    label: str
    """The safe load."""


@dataclass(frozen=True, slots=True)
class Point:
    """A measured value."""

    look: str
    """Shape and colour."""
    at: float
    """Place."""
    height: float
    """Height of the value."""
    low: float
    """Height of the lower end of its interval; that of the value without one."""
    high: float
    """Height of the upper end of its interval."""
    text: str
    """The load with its value."""
    over: str = ""
    """The value, if it is above the drawing."""
    is_named: bool = True
    """Whether such a value has space for its label."""


@dataclass(frozen=True, slots=True)
class LinePiece:
    """A piece of a line."""

    start: float
    """Place of its left end."""
    start_height: float
    """Height of its left end."""
    end: float
    """Place of its right end."""
    end_height: float
    """Height of its right end."""


@dataclass(frozen=True, slots=True)
class FittedLine:
    """The line of a model."""

    tone: str
    """Colour."""
    label: str
    """Name in the legend; empty if the legend explains its points."""
    segments: tuple[LinePiece, ...]
    """Its pieces."""


@dataclass(frozen=True, slots=True)
class LoadCurve:
    """A drawing of values by load."""

    title: str
    """Heading."""
    text: str
    """Explanation in a sentence or two."""
    summary: str
    """The drawing in a sentence, for readers who cannot see it."""
    x_ticks: tuple[Tick, ...]
    """Loads."""
    y_ticks: tuple[Tick, ...]
    """Values."""
    zones: tuple[Zone, ...]
    """Shaded ranges of loads."""
    safe: SafeMark | None
    """The safe load; None without one."""
    limit: Tick | None
    """The objective; None if the drawing has none."""
    lines: tuple[FittedLine, ...]
    """Lines of models."""
    points: tuple[Point, ...]
    """Measured values."""
    keys: tuple[tuple[str, str], ...]
    """Look and meaning of each kind of point."""
    height: int = HEIGHT
    """Height of the lower end of the scale."""
    is_detail: bool = False
    """Few readers need it, so it is in a fold."""


@dataclass(frozen=True, slots=True)
class Scales:
    """Both scales of a drawing."""

    right: float
    """Largest load."""
    top: float
    """Largest value."""
    bottom: float = 0.0
    """Smallest value."""
    head: float = TOP
    """Height of the upper end, in pixels."""
    foot: float = HEIGHT
    """Height of the lower end, in pixels."""

    def place(self, load: float) -> float:
        """Return the place of a load."""
        return round(100.0 * min(max(load, 0.0), self.right) / self.right, 2)

    def height(self, value: float) -> float:
        """Return the height of a value; one beyond the scale is at its end."""
        share = (min(max(value, self.bottom), self.top) - self.bottom) / (self.top - self.bottom)
        return round(self.foot - (self.foot - self.head) * share, 1)


def write_durations(longest_ms: float) -> Callable[[float], str]:
    """Return a function that writes the times of a scale in one unit."""
    if longest_ms >= _SECONDS_FROM_MS:
        return lambda time_ms: f"{time_ms / wording.THOUSAND:.3g} s"
    return lambda time_ms: f"{float(f'{time_ms:.3g}'):,g} ms"


def join_texts(points: Iterable[Point]) -> str:
    """Return the texts of all points, for readers who cannot see a drawing."""
    return "; ".join(map(attrgetter("text"), points))


def mark_values(scales: Scales, values: Iterable[float], write: Callable[[float], str]) -> tuple[Tick, ...]:
    """Return ticks of a vertical scale."""
    ticks = []
    for value in values:
        ticks.append(Tick(scales.height(value), write(value)))
    return tuple(ticks)


def list_ticks(largest: float, smallest_step: float = 0.0, most: int = _MOST_TICKS) -> list[float]:
    """Return round values from 0 to the end of a scale, with at least this distance."""
    rough = largest / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(multiple for multiple in _MULTIPLES if multiple * power >= rough)
    step = max(step, smallest_step)
    return [step * number for number in range(int(largest / step) + 1)]
