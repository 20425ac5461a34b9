"""Calls many streams when their next part is due, with one timer."""

import asyncio
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import inf

from bench.timing.pacing import Pacer

WriteNext = Callable[[], float | None]
"""Writes the next part of a stream and returns when the following one is due; None ends the stream."""

# Number of parts that are written before the loop reads requests again, so that none waits long.
_BURST = 16


class Metronome:
    """Calls all streams when they are due.

    A stream plans each part from the plan of the part before, so that delays do not add up.

    Args:
        timer: Calls the metronome when the next part is due; its clock is the clock of all times.
    """

    def __init__(self, timer: Pacer) -> None:
        self._timer = timer
        self._due: list[tuple[float, int, WriteNext]] = []
        self._numbers = count()
        self._armed_s = inf  # the time of the next call

    def add(self, due_s: float, write_next: WriteNext) -> None:
        """Add a stream whose first part is due at this time."""
        heappush(self._due, (due_s, next(self._numbers), write_next))
        if due_s < self._armed_s:
            self._arm(due_s)

    def _arm(self, due_s: float) -> None:
        self._armed_s = due_s
        self._timer.call_at(due_s, partial(self._beat, due_s))

    def _beat(self, due_s: float) -> None:
        if due_s != self._armed_s:
            return  # a stream that was added later was due earlier, and its call has planned the next one
        self._armed_s = inf
        try:
            self._burst()
        finally:
            if self._due:
                self._plan(self._due[0][0])

    def _burst(self) -> None:
        """Write parts that are due, up to a limit."""
        due = self._due
        for _ in range(_BURST):
            if not due or due[0][0] > self._timer.now_s():
                return
            _, number, write_next = heappop(due)
            next_s = write_next()
            if next_s is not None:
                heappush(due, (next_s, number, write_next))

    def _plan(self, due_s: float) -> None:
        """Plan the next call: after the requests that wait to be read if it is due already."""
        if due_s > self._timer.now_s():
            self._arm(due_s)
            return
        self._armed_s = due_s
        asyncio.get_running_loop().call_soon(self._beat, due_s)
