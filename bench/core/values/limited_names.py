"""Limits the names that a server chooses: an endless number of them would fill the memory."""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from typing import TypeVar

MOST_TIERS = 64
"""Largest number of tiers; each one has a time in each request."""
MOST_NAMES = 200
"""Largest number of names of any other kind."""
OTHER = "other"
"""The name that all further names share."""

Value = TypeVar("Value")


class LimitedNames:
    """Keeps the first names that come. All further ones share one name, which counts as one of them.

    Args:
        most: Largest number of names.
        other: The name that further names share.
    """

    __slots__ = ("_kept", "_most", "_other")

    def __init__(self, most: int = MOST_NAMES, other: str = OTHER) -> None:
        self._most = most
        self._other = other
        self._kept: set[str] = set()

    def keep(self, name: str) -> str:
        """Return a name if it is one of the first, or else the name that all others share."""
        if name in self._kept or name == self._other:
            return name
        if len(self._kept) >= self._most - 1:
            return self._other
        self._kept.add(name)
        return name

    def merge(
        self, values: Mapping[str, Value], combine: Callable[[Value, Value], Value]
    ) -> Mapping[str, Value]:
        """Return values by the names that are kept.

        Args:
            values: Values by name.
            combine: Returns one value for two whose names share one.
        """
        if self._kept.issuperset(values):
            return values
        merged: dict[str, Value] = {}
        for name, value in values.items():
            kept = self.keep(name)
            merged[kept] = combine(merged[kept], value) if kept in merged else value
        return merged

    def merge_rows(
        self, rows: Sequence[Mapping[str, Value]], combine: Callable[[Value, Value], Value]
    ) -> Sequence[Mapping[str, Value]]:
        """Return the values of each row by the names that are kept; see `merge`."""
        if self._kept.issuperset(chain.from_iterable(rows)):
            return rows
        return [self.merge(row, combine) for row in rows]


def are_limited(names: Collection[str], most: int = MOST_NAMES, other: str = OTHER) -> bool:
    """Return whether there were more names than these, which `LimitedNames` has returned."""
    return len(names) >= most and other in names
