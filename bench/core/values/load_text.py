"""Loads and changes of loads as people read them: in users, which are whole, or in requests per second."""

import math

from bench.core.values.wording import DASH, MINUS

USERS = "users"
"""Unit of the load of a closed loop."""
_SPELLED = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
"""Numbers that a sentence writes as a word."""
_SINGULAR = {USERS: "user", "requests/s": "request/s"}
_MOST_DECIMALS = 6


def load_unit(number: float, unit: str) -> str:
    """Return the unit of a number of users or requests per second: `user` of 1, else `users`."""
    return _SINGULAR.get(unit, unit) if number == 1.0 else unit


def load_amount(change: float, unit: str) -> str:
    """Write the size of a change as a sentence needs it: `two users`, `one user`, `0.8 requests/s`."""
    decimals = _decimals(change, unit)
    size = round(abs(change), decimals)
    if unit == USERS and not decimals and size < len(_SPELLED):
        return f"{_SPELLED[int(size)]} {load_unit(size, unit)}"
    return f"{_trim(size, decimals)} {load_unit(size, unit)}"


def load_change(change: float | None, unit: str) -> str:
    """Write a change with its sign: `\N{MINUS SIGN}2 users`, `+0.8 requests/s`."""
    if change is None:
        return DASH
    return f"{_sign(change, _decimals(change, unit))} {load_unit(abs(change), unit)}"


def load_interval(low: float, high: float, unit: str, *, exact: bool = False) -> str:
    """Write the interval of a change without its unit: `\N{MINUS SIGN}4 to \N{MINUS SIGN}1`.

    Args:
        low: Lower end.
        high: Upper end.
        unit: Unit of the load.
        exact: Write enough digits to show that the interval does not contain 0, because the change is proven.
    """
    decimals = _decimals(max(abs(low), abs(high)), unit)
    while exact and decimals < _MOST_DECIMALS and not (round(low, decimals) and round(high, decimals)):
        decimals += 1
    return f"{_sign(low, decimals, exact=True)} to {_sign(high, decimals, exact=True)}"


def load_pair(base: float, head: float, unit: str, *, exact: bool = False) -> tuple[str, str]:
    """Write the loads of two sides without their unit.

    Args:
        base: Load of the base.
        head: Load of the head.
        unit: Unit of both.
        exact: Write enough digits to make them look different, because the change is proven.
    """
    decimals = _decimals(head - base, unit)
    if not exact:
        decimals = 0 if unit == USERS else min(decimals, _decimals(max(base, head), unit) + 1)
    return f"{base:,.{decimals}f}", f"{head:,.{decimals}f}"


def load_number(load: float, unit: str) -> str:
    """Write a load without its unit: `17`, `2.5`."""
    return f"{load:,.0f}" if unit == USERS else f"{load:,.4g}"


def _decimals(change: float, unit: str) -> int:
    """Return the decimals of a change: none for whole users, and two digits for requests per second."""
    size = abs(change)
    if unit == USERS and (size >= 0.5 or size < 10.0**-_MOST_DECIMALS):  # noqa: PLR2004 - rounds to one user
        return 0
    if size < 10.0**-_MOST_DECIMALS:
        return 1
    return min(_MOST_DECIMALS, max(0, 1 - math.floor(math.log10(size))))


def _sign(change: float, decimals: int, *, exact: bool = False) -> str:
    """Write a number with its sign; with all its decimals if it is exact."""
    rounded = round(change, decimals)
    text = f"{abs(rounded):,.{decimals}f}" if exact else _trim(abs(rounded), decimals)
    if not rounded:
        return text
    return f"{'+' if rounded > 0 else MINUS}{text}"


def _trim(number: float, decimals: int) -> str:
    text = f"{number:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text
