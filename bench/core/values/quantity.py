"""Quantities as people write them: `10%`, `0.5ms`, `2MB`, or a number in the unit of the metric."""

import re
from decimal import Decimal

from bench.core.values.units import MS_PER_UNIT

_BYTES: dict[str, float] = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_FACTORS: dict[str, dict[str, float]] = {"bytes": _BYTES, "ms": {**MS_PER_UNIT, "µs": 1e-3, "m": 60_000.0}}
UNITS = {"%": "ratio"} | {suffix: unit for unit, factors in _FACTORS.items() for suffix in factors}
"""The unit of a metric by the suffix with which people write its quantities."""
_NUMBER = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(\D*?)\s*")
_EXAMPLES = {"ms": "0.5ms or 2s", "bytes": "2MB or 512KiB", "ratio": "5% or 0.05"}
RATIO_PATTERN = r"^\d+(\.\d+)?%?$"
"""Text of a share."""
QUANTITY_PATTERN = r"^\d+(\.\d+)? ?[A-Za-zµ%/]*$"
"""Text of a quantity, in any unit."""


def parse_ratio(text: str) -> float:
    """Return a share: `10%` → 0.1; a number without `%` is a share already.

    Raises:
        ValueError: The text is not a share; the message shows an example.
    """
    match = _NUMBER.fullmatch(text)
    if match is None or match[2] not in {"", "%"}:
        raise ValueError(f"'{text}' is not a share; write for example {_EXAMPLES['ratio']}")
    # A decimal number: 99.9 / 100 is not 0.999 in floats, and 999 of 1,000 must reach 99.9 %.
    return float(Decimal(match[1]) / (100 if match[2] else 1))


def parse_quantity(text: str, unit: str) -> float:
    """Return a quantity in a metric's unit: `0.5ms` → 0.5 for `ms`, `2MB` → 2000000 for `bytes`.

    Raises:
        ValueError: The text is not a quantity of this unit; the message shows an example.
    """
    match = _NUMBER.fullmatch(text)
    if match is not None and match[2] in {"", unit}:
        return float(match[1])
    if unit == "ratio":
        return parse_ratio(text)
    factors = _FACTORS.get(unit, {})
    if match is not None and match[2] in factors:
        return float(match[1]) * factors[match[2]]
    name = "a count" if unit == "1" else f"a quantity in {unit}"
    raise ValueError(f"'{text}' is not {name}; write for example {_EXAMPLES.get(unit, '2')}")
