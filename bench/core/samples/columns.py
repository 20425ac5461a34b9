"""The columns of requests: their types, the numbers of their choices, and conversions from rows."""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from math import isnan
from typing import Any

import numpy as np

from bench.core.samples.arrays import Column, Floats
from bench.core.samples.request import REQUEST_FIELDS
from bench.core.samples.sample import CENSORED_OUTCOMES, EXCLUDED_OUTCOMES, Culprit, Outcome

COLUMNS = tuple(field for field in REQUEST_FIELDS if field.code is not None)
MOMENTS = frozenset(field.name for field in REQUEST_FIELDS if field.moment is not None)
FLOATS = [field.name for field in COLUMNS if field.type is float]
OPTIONAL_INTEGERS = [field.name for field in COLUMNS if field.type in {int, bool} and field.optional]
BOOLEANS = [field.name for field in COLUMNS if field.type is bool]
NAN = float("nan")
MISSING = -1
# A tier's time is kept with seven digits, in half the memory of a float, and rounded to microseconds.
TIER_CODE = "f"
TIER_DIGITS = 3

OUTCOMES = tuple(Outcome)
OUTCOME_NUMBERS = {outcome: number for number, outcome in enumerate(OUTCOMES)}
CULPRITS = (*Culprit, None)  # the number of None is -1, as for whole numbers
CULPRIT_NUMBERS = dict(zip(CULPRITS, (*range(len(Culprit)), MISSING), strict=True))
CHOICES: dict[str, dict[Any, int]] = {"outcome": OUTCOME_NUMBERS, "culprit": CULPRIT_NUMBERS}
IS_EXCLUDED = np.array([outcome in EXCLUDED_OUTCOMES for outcome in OUTCOMES])
"""Whether each outcome is excluded, by its number."""
IS_CENSORED = np.array([outcome in CENSORED_OUTCOMES for outcome in OUTCOMES])
"""Whether each outcome is censored, by its number."""


def unknown_times(count: int) -> "array[float]":
    """Return a column of unknown times."""
    return array(TIER_CODE, [NAN]) * count


def column_of_numbers(code: str, values: Sequence[Any], missing: float) -> "array[Any]":
    """Return a column of numbers, with `missing` instead of `None`."""
    try:
        return array(code, values)
    except TypeError:
        return array(code, [missing if value is None else value for value in values])


def round_times(times_ms: Column) -> Floats:
    """Return stored times in milliseconds, rounded to microseconds."""
    rounded_ms: Floats = times_ms.astype(np.float64).round(TIER_DIGITS)
    return rounded_ms


def times_column(times_ms: Floats) -> "array[float]":
    """Return the column that stores these times in milliseconds."""
    return array(TIER_CODE, times_ms.astype(TIER_CODE).tobytes())


def renumber(column: "array[Any]", numbers: Sequence[int]) -> "array[Any]":
    """Return a column with the number at each old number."""
    if numbers == [*range(len(numbers))]:
        return column
    return array(column.typecode, np.array(numbers, column.typecode)[column].tobytes())


def add_times(columns: "dict[str, array[float]]", rows: Sequence[Mapping[str, float]], count: int) -> None:
    """Add the times of requests by name to columns that have the times of `count` requests."""
    if any(rows):
        for name in dict.fromkeys(chain.from_iterable(rows)):
            columns.setdefault(name, unknown_times(count))
    for name, column in columns.items():
        column.extend([times_ms.get(name, NAN) for times_ms in rows])


def combine_columns(combine: Callable[[Floats, Floats], Floats]) -> Callable[[Any, Any], "array[float]"]:
    """Return a function that combines two columns of times; one that is unknown changes nothing."""

    def combine_columns(first: "array[float]", second: "array[float]") -> "array[float]":
        one_ms = np.asarray(first)
        other_ms = np.asarray(second)
        known_ms = np.where(np.isnan(one_ms), other_ms, one_ms)
        is_both = ~np.isnan(one_ms) & ~np.isnan(other_ms)
        return array(
            TIER_CODE, np.where(is_both, combine(one_ms, other_ms), known_ms).astype(TIER_CODE).tobytes()
        )

    return combine_columns


def extend_times(
    columns: "dict[str, array[float]]", others: "Mapping[str, array[float]]", counts: tuple[int, int]
) -> None:
    """Add the columns of another log. The counts are the numbers of requests of the two logs."""
    own_count, other_count = counts
    for name in sorted(columns.keys() | others.keys()):
        times_ms = columns.setdefault(name, unknown_times(own_count))
        times_ms.extend(others.get(name) or unknown_times(other_count))


def look_up(values: Sequence[Any], numbers: Iterable[int]) -> list[Any]:
    """Return the value at each number."""
    return [*map(values.__getitem__, numbers)]


def rows_of_times(columns: Mapping[str, Floats], count: int) -> list[dict[str, float]]:
    """Return the known times of each of `count` requests by name."""
    rows: list[dict[str, float]] = [{} for _ in range(count)]
    for name, column in columns.items():
        for row, time_ms in zip(rows, column.tolist(), strict=True):
            if not isnan(time_ms):
                row[name] = time_ms
    return rows
