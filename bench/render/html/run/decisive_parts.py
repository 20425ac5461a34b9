"""The parts of the drawing of the change that decided."""

from dataclasses import dataclass

from bench.core.report.words import Tone
from bench.render.html.run.axis import LARGE_PX, AxisMark

_GAP_PX = 8.0
_MIDDLE = 55.0
"""The words of an interval stand right of a change up to this place, else left of it."""


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
    tolerated: tuple[float, float] | None = None
    """Start and width of its tolerated range; None without one."""
    label_at: float = 50.0
    """Place of the middle of the words, which stay within the drawing."""
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
    base: AxisMark | None
    """Name of the base, with the tolerance; None without a base."""
    marks: tuple[AxisMark, ...] = ()
    """Tried loads of a search."""

    @property
    def interval_shift(self) -> int:
        """Distance of the interval's words from the middle of the change, in pixels; to the left below 0."""
        half_px = 0.5 * LARGE_PX * len(self.main.change) + _GAP_PX
        return round(half_px if self.main.label_at <= _MIDDLE else -half_px)

    @property
    def summary(self) -> str:
        """The drawing in words."""
        parts = [f"{self.title}: {self.main.change}"]
        if self.main.interval:
            parts.append(self.main.interval)
        if self.base is not None:
            parts.append(self.base.label)
        parts.append(self.result)
        for other in self.others:
            parts.append(f"{other.label} {other.change}{f' ({other.note})' if other.note else ''}")
        return ", ".join(parts)
