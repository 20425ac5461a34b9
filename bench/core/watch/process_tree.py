"""Counters of a process with its children, whose processes start and end between two readings."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

Process = TypeVar("Process", bound=Hashable)
Amount = TypeVar("Amount", int, float)


def increase_of_tree(before: Mapping[Process, Amount], now: Mapping[Process, Amount]) -> Amount:
    """Return how much a counter of a process tree rose between two readings; never below 0.

    The kernel adds the counters of a child that ended to those of its parent. A child that was in the
    previous reading is therefore counted in its parent once more, and subtracted here.

    Args:
        before: The counter of each process at the previous reading, with that of its ended children.
        now: The same counters now.
    """
    rise = sum(now.values()) - sum(before.values())
    return max(rise, type(rise)(0))
