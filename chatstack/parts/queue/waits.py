"""Estimates of the wait, from the time for which requests held their slots."""

import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # its module needs packages that a queue in memory does not need
    from chatstack.parts.queue.bull import QueueEvent

# The number of the latest requests that count: enough for a steady mean, and few enough to follow the load.
_LATEST = 50
# Seconds until a refused client should try again, while no request has ended yet.
_FIRST_RETRY_S = 5


class Holding:
    """The seconds for which the latest requests held their slots.

    Args:
        slots: Number of slots.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._latest_s: deque[float] = deque(maxlen=_LATEST)

    def record(self, seconds: float) -> None:
        """Add a request that gave its slot back."""
        self._latest_s.append(seconds)

    def wait_s(self, position: int) -> float | None:
        """Return the estimated wait at a position, or `None` until a request has ended.

        With all slots busy, a slot becomes free every `mean / slots` seconds.
        Later requests with a lower priority number are not foreseen.
        """
        if not self._latest_s:
            return None
        mean_s = sum(self._latest_s) / len(self._latest_s)
        return position * mean_s / self._slots

    def retry_after_s(self, waiting: int) -> int:
        """Return the seconds until all requests that wait now have had their turn, at least 1."""
        wait_s = self.wait_s(waiting + 1)
        return _FIRST_RETRY_S if wait_s is None else max(1, math.ceil(wait_s))


class EventHolding(Holding):
    """The seconds for which the latest requests of all backends held their slots, from BullMQ's events."""

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self._began_ms: dict[str, int] = {}

    def note(self, event: "QueueEvent") -> None:
        """Note that the turn of a job began or ended."""
        if event.kind == "active":
            self._began_ms[event.job_id] = event.time_ms
        elif event.fields.get("prev") == "active":
            began_ms = self._began_ms.pop(event.job_id, None)
            if began_ms is not None:
                self.record((event.time_ms - began_ms) / 1000.0)

    def forget(self) -> None:
        """Forget the turns that began, whose ends may be missed."""
        self._began_ms.clear()
