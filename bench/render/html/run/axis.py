"""The axis of the drawing of a change: its range, its labels, and where they have space."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.core.values import wording

_BLANK = 0.06
"""Part of the axis that stays free at each end."""
_MOST_TICKS = 7
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_START_SIDE = 27.0
_END_SIDE = 73.0
"""A long label left of the first place starts at its mark, right of the second one it ends there."""
_SMALLEST_SPAN = 1e-9
MS = " ms"
_PHONE_PX = 319.0
"""Width of the drawing in a window of 390 pixels."""
_DESKTOP_PX = 640.0
"""Width of the drawing in a window of 1400 pixels."""
_PADDING_PX = 14.0
"""Space beside the drawing within its card."""
_GAP_PX = 6.0
"""Space between two labels."""
SMALL_PX = 7.3
LARGE_PX = 9.6
"""Width of a character of a label of the axis, and of the change."""


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
class AxisScale:
    """The unit of an axis: a ratio r stands at `offset + factor · r`."""

    factor: float
    unit: str
    offset: float = 0.0
    signed: bool = True

    def place(self, ratio: float) -> float:
        """Return the value of a ratio."""
        return self.offset + self.factor * ratio

    def label(self, value: float, step: float) -> str:
        """Return a value with the decimals of a step."""
        decimals = max(0, -math.floor(math.log10(step) + _SMALLEST_SPAN))
        decimals = max(decimals, 1) if not float(step).is_integer() else decimals
        number = f"{value:{'+' if self.signed and value else ''},.{decimals}f}"
        return f"{number.replace('-', wording.MINUS)}{self.unit}"


UNITS = {
    "ms": AxisScale(1.0, MS, signed=False),
    "ratio": AxisScale(100.0, " %", signed=False),
    "requests/s": AxisScale(1.0, "/s", signed=False),
}
"""Scales of measured values by unit; others have no unit on the axis."""


@dataclass(frozen=True, slots=True)
class AxisRange:
    """A range of values."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Return a place in per cent of the width, at most at the ends."""
        share = (value - self.low) / (self.high - self.low)
        return round(100.0 * min(1.0, max(0.0, share)), 2)


def make_axis(values: Sequence[float]) -> AxisRange:
    """Return a range with space at both ends of some values."""
    low = min(values)
    high = max(values)
    blank = _BLANK * max(high - low, _SMALLEST_SPAN)
    return AxisRange(low - blank, high + blank)


def _step(span: float) -> float:
    """Return a round distance of ticks, of which at most `_MOST_TICKS` stand on the axis."""
    rough = span / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(max(rough, _SMALLEST_SPAN)))
    return next(power * step for step in _STEPS if power * step >= rough * (1.0 - _SMALLEST_SPAN))


def list_ticks(
    axis: AxisRange, scale: AxisScale, zero: str = "0", margin: float | None = None
) -> tuple[AxisMark, ...]:
    """Return the labels of the axis that have space; some of them only in a wide window.

    Args:
        axis: The range.
        scale: Unit of the labels.
        zero: Label of 0 on a signed scale.
        margin: The tolerance, whose ends have a label before others.
    """
    step = _step(axis.high - axis.low)
    values: dict[float, str] = {}
    if scale.signed:
        values[0.0] = zero
    for end in () if margin is None else (-margin, margin):
        values[end] = scale.label(end, _digit(margin or 1.0))
    for number in range(math.ceil(axis.low / step), math.floor(axis.high / step) + 1):
        if number or not scale.signed:
            values.setdefault(number * step, scale.label(number * step, step))
    ticks: list[AxisMark] = []
    for value, label in values.items():
        tick = AxisMark(axis.at(value), label)
        on_phone = [placed for placed in ticks if not placed.is_minor]
        if _has_space(tick, on_phone, _PHONE_PX) and _is_inside(tick):
            ticks.append(tick)
        elif _has_space(tick, ticks, _DESKTOP_PX):
            ticks.append(replace(tick, is_minor=True))
    return tuple(sorted(ticks, key=lambda tick: tick.at))


def _digit(value: float) -> float:
    """Return the place value of the last digit of a round number, for its decimals."""
    return 1.0 if float(value).is_integer() else 10.0 ** math.floor(math.log10(abs(value)))


def _has_space(tick: AxisMark, others: Sequence[AxisMark], width_px: float) -> bool:
    """Return whether a label touches no other one in a drawing of this width."""
    for other in others:
        distance_px = abs(tick.at - other.at) * width_px / 100.0
        if distance_px < 0.5 * SMALL_PX * (len(tick.label) + len(other.label)) + _GAP_PX:
            return False
    return True


def _is_inside(tick: AxisMark) -> bool:
    """Return whether a label stays within the card on a phone."""
    half_px = 0.5 * SMALL_PX * len(tick.label)
    middle_px = tick.at * _PHONE_PX / 100.0
    return middle_px - half_px >= -_PADDING_PX and middle_px + half_px <= _PHONE_PX + _PADDING_PX


def place_label(at: float, text: str, character_px: float) -> float:
    """Return the middle of a label at a place, moved so that it stays within the drawing on a phone."""
    half = min(50.0, 50.0 * character_px * len(text) / _PHONE_PX)
    return round(min(100.0 - half, max(half, at)), 2)


def find_side(at: float) -> str:
    """Return where a long label at a place is anchored."""
    if at < _START_SIDE:
        return "start"
    return "end" if at > _END_SIDE else "middle"
