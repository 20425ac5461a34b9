"""The order of waiting requests: by priority, and first come, first served among equals."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, order=True)
class _Entry(Generic[Item]):
    priority: int
    number: int
    item: Item = field(compare=False)


class WaitingOrder(Generic[Item]):
    """The waiting items in the order of their turns."""

    def __init__(self) -> None:
        self._entries: list[_Entry[Item]] = []
        self._entry_by_item: dict[Item, _Entry[Item]] = {}
        self._added = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, item: Item, priority: int) -> None:
        """Add an item behind all that have the same priority or a lower number."""
        self._added += 1
        entry = _Entry(priority, self._added, item)
        insort(self._entries, entry)
        self._entry_by_item[item] = entry

    def take(self) -> Item:
        """Remove the next item, and return it."""
        entry = self._entries.pop(0)
        del self._entry_by_item[entry.item]
        return entry.item

    def remove(self, item: Item) -> None:
        """Remove an item."""
        entry = self._entry_by_item.pop(item)
        del self._entries[bisect_left(self._entries, entry)]

    def position(self, item: Item) -> int:
        """Return the position of an item; 1 is the next."""
        return bisect_left(self._entries, self._entry_by_item[item]) + 1
