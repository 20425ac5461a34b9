"""Ends requests at their deadlines: one timer looks at all requests in progress.

A timer for each request would cost five microseconds, and a look at it costs less than a tenth of one.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from bench.core.samples.sample import Stall

LOOK_S = 0.025
"""Time between two looks, so a request ends at most this long after its deadline."""
LONG_TURN_S = 0.1
"""A time without a turn of the loop that is at least this long is kept, because requests were delayed."""
_MOST_TURNS = 1_000


class Watched(Protocol):
    """A sender of requests."""

    check_at_s: float
    """Time of the next check of the request in progress; infinity without one."""

    def check(self, now_s: float) -> None:
        """End the request if its deadline has passed, and set the time of the next check."""
        ...


class Deadlines:
    """Checks requests in progress, and measures how long the loop had no turn meanwhile.

    Args:
        clock: Returns seconds.

    Attributes:
        is_running: Whether it looks at regular times.
        longest_turn_s: Longest time in which the loop had no turn, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.longest_turn_s = 0.0
        self._long_turns: list[Stall] = []
        self.is_running = False
        self._clock = clock
        self._watched: list[Watched] = []
        self._planned_s = 0.0

    def add(self, sender: Watched) -> None:
        """Check the requests of a sender from now on."""
        self._watched.append(sender)

    def run(self) -> None:
        """Look at all requests in progress, until `stop` is called."""
        if not self.is_running:
            self.is_running = True
            self._plan()

    def stop(self) -> None:
        """Look no longer."""
        self.is_running = False

    def take_long_turns(self) -> list[Stall]:
        """Return the times of at least `LONG_TURN_S` without a turn since the previous call, on the clock."""
        taken = self._long_turns
        self._long_turns = []
        return taken

    def look_at(self, at_s: float) -> None:
        """Look at this time too, for a deadline that must be exact."""
        asyncio.get_running_loop().call_later(max(0.0, at_s - self._clock()), self._look)

    def _plan(self) -> None:
        self._planned_s = self._clock() + LOOK_S
        asyncio.get_running_loop().call_later(LOOK_S, self._look_and_plan)

    def _look_and_plan(self) -> None:
        if self.is_running:
            self._note_turn(self._clock() - self._planned_s)
            self._look()
            self._plan()

    def _look(self) -> None:
        now_s = self._clock()
        due = [sender for sender in self._watched if sender.check_at_s <= now_s]
        for sender in due:
            sender.check(now_s)

    def _note_turn(self, late_s: float) -> None:
        """Note by how much a look is late: the loop had no turn in this time."""
        self.longest_turn_s = max(self.longest_turn_s, late_s)
        if late_s >= LONG_TURN_S and len(self._long_turns) < _MOST_TURNS:
            self._long_turns.append(Stall(at_s=self._planned_s, length_s=late_s))
