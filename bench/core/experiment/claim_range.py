"""The range that a claim promises: `3x..5x`, `-40%..-60%`, `>= 99.9%` or `<= +5%`.

An effect compares a variant with the base. Factors and per cents are compared as logarithms, and points
(`pp`) as differences of shares. A value is that of the variant alone.

A promise such as `3x..5x` is kept by a larger gain too, so its range has no end on that side. A range on the
side of a loss, or around no change, has both ends.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_BOUND = re.compile(rf"({_NUMBER})\s*(x|%|pp|ms|s)?")
_COMPARISON = re.compile(r"(>=|<=|≥|≤)\s*(.+)")
_EFFECTS = "write for example 3x..5x, -40%..-60%, '>= 2x', '<= +5%' or '>= -1pp'"
_VALUES = "write for example '>= 99.9%', '<= 2s' or 10..20"
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-"})
_MS_PER_S = 1000.0
_DIGITS = 9  # 99.9 / 100 is not 0.999


class ClaimScale(StrEnum):
    """The scale of a claim's numbers."""

    RATIO = "ratio"
    """Logarithm of variant divided by base."""
    POINTS = "points"
    """Difference of two shares, variant minus base."""
    VALUE = "value"
    """Value of the variant, in the unit of its metric."""


class ClaimVerdict(StrEnum):
    """The verdict on a claim."""

    SUPPORTED = "supported"
    """The interval lies within the range."""
    REFUTED = "refuted"
    """The interval lies outside the range."""
    INCONCLUSIVE = "inconclusive"
    """The interval crosses an end of the range."""


@dataclass(frozen=True, slots=True)
class ClaimRange:
    """The values with which a claim is true."""

    scale: ClaimScale
    """Scale of the ends."""
    lowest: float | None
    """Lower end; None if the range has none."""
    highest: float | None
    """Upper end; None if the range has none."""
    most_claimed: float | None = None
    """The largest gain that the claim names, if a larger one keeps the claim too."""

    def judge(self, low: float, high: float) -> ClaimVerdict:
        """Return the verdict on an interval, which has the scale of this range."""
        above = self.lowest is None or low >= self.lowest
        below = self.highest is None or high <= self.highest
        if above and below:
            return ClaimVerdict.SUPPORTED
        outside_below = self.lowest is not None and high < self.lowest
        outside_above = self.highest is not None and low > self.highest
        return ClaimVerdict.REFUTED if outside_below or outside_above else ClaimVerdict.INCONCLUSIVE

    def is_exceeded(self, low: float, high: float) -> bool:
        """Return whether an interval lies beyond the largest gain that the claim names."""
        if self.most_claimed is None:
            return False
        return low > self.most_claimed if self.most_claimed > 0.0 else high < self.most_claimed


class _Bound(NamedTuple):
    value: float
    scale: ClaimScale


_Parse = Callable[[str, str], _Bound]


def parse_effect(text: str, *, higher_is_better: bool) -> ClaimRange:
    """Return the range of a claimed effect.

    Args:
        text: The range, such as `3x..5x`.
        higher_is_better: Whether larger values of the metric are a gain.

    Raises:
        ValueError: The text is not such a range.
    """
    low, high = _parse_ends(text, _parse_effect_bound, _EFFECTS)
    scale = _require_one_scale(low, high, text)
    lowest = None if low is None else low.value
    highest = None if high is None else high.value
    if lowest is None or highest is None:
        return ClaimRange(scale, lowest, highest)
    if higher_is_better and lowest > 0.0:
        return ClaimRange(scale, lowest, None, highest)
    if not higher_is_better and highest < 0.0:
        return ClaimRange(scale, None, highest, lowest)
    return ClaimRange(scale, lowest, highest)


def parse_value(text: str, unit: str) -> ClaimRange:
    """Return the range of a claimed value of the variant.

    Args:
        text: The range, such as `>= 99.9%`.
        unit: Unit of the metric: a share is a percentage, and a time is a number of `ms` or `s`.

    Raises:
        ValueError: The text is not such a range, or has another unit.
    """

    def parse(end: str, hint: str) -> _Bound:
        return _parse_value_bound(end, hint, unit)

    low, high = _parse_ends(text, parse, _VALUES)
    return ClaimRange(
        ClaimScale.VALUE, None if low is None else low.value, None if high is None else high.value
    )


def _parse_ends(text: str, parse: _Parse, hint: str) -> tuple[_Bound | None, _Bound | None]:
    """Return the lower and the upper end of a range, of which one may be missing."""
    clean = text.translate(_MINUS).strip()
    comparison = _COMPARISON.fullmatch(clean)
    if comparison is not None:
        bound = parse(comparison[2].strip(), hint)
        return (bound, None) if comparison[1] in {">=", "≥"} else (None, bound)
    first, dots, second = clean.partition("..")
    if not dots:
        raise ValueError(f"'{text}' is not a range; {hint}")
    ends = sorted([parse(first.strip(), hint), parse(second.strip(), hint)])
    return ends[0], ends[1]


def _parse_effect_bound(text: str, hint: str) -> _Bound:
    number, unit = _split(text, hint)
    match unit:
        case "x" if number > 0.0:
            return _Bound(math.log(number), ClaimScale.RATIO)
        case "%" if number > -100.0:  # noqa: PLR2004 - per cent
            return _Bound(math.log1p(number / 100.0), ClaimScale.RATIO)
        case "pp":
            return _Bound(number / 100.0, ClaimScale.POINTS)
    raise ValueError(f"'{text}' is not an effect; {hint}")


def _parse_value_bound(text: str, hint: str, unit: str) -> _Bound:
    number, written = _split(text, hint)
    match unit, written:
        case "ratio", "%" if 0.0 <= number <= 100.0:  # noqa: PLR2004 - per cent
            return _Bound(round(number / 100.0, _DIGITS), ClaimScale.VALUE)
        case "ms", "s":
            return _Bound(number * _MS_PER_S, ClaimScale.VALUE)
        case "ms", "ms" | None:
            return _Bound(number, ClaimScale.VALUE)
        case other, None if other != "ratio":
            return _Bound(number, ClaimScale.VALUE)
    forms = {"ratio": "a percentage from 0% to 100%", "ms": "a time in ms or s"}
    raise ValueError(f"'{text}' is not {forms.get(unit, 'a number without a unit')}; {hint}")


def _split(text: str, hint: str) -> tuple[float, str | None]:
    match = _BOUND.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a number with a unit; {hint}")
    return float(match[1]), match[2]


def _require_one_scale(low: _Bound | None, high: _Bound | None, text: str) -> ClaimScale:
    scales = {bound.scale for bound in (low, high) if bound is not None}
    if len(scales) > 1:
        raise ValueError(f"'{text}' mixes points with per cents or factors; {_EFFECTS}")
    return scales.pop()
