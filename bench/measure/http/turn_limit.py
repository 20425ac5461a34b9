"""Limits the time that all connections of a process read in one turn of the loop.

A server can send bytes that take long to read, such as endless comments. Without a limit, their reading
delays the requests and the deadlines of all other users.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

SLICE_BYTES = 64 * 1024
"""Largest number of bytes that a connection reads at once."""
TURN_S = 0.01
"""Time after which the other bytes of a turn wait for the next one."""


class Waiting(Protocol):
    """A connection whose bytes wait to be read."""

    def read_more(self) -> bool:
        """Read a slice; return whether more bytes wait."""
        ...


class TurnLimit:
    """Counts the time that connections read, and lets the others wait when it is used up.

    Args:
        clock: Returns seconds.

    Attributes:
        is_over: Whether the time of this turn is used up, so that new bytes must wait.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_over = False
        self._clock = clock
        self._used_s = 0.0
        self._waiting: deque[Waiting] = deque()
        self._has_call = False

    def note(self, took_s: float) -> None:
        """Add the time that reading took."""
        self._used_s += took_s
        if self._used_s > TURN_S:
            self.is_over = True
            self._call_soon()

    def wait(self, connection: Waiting) -> None:
        """Let a connection read its bytes in one of the next turns, one slice after the other."""
        self._waiting.append(connection)
        self._call_soon()

    def _call_soon(self) -> None:
        if not self._has_call:
            self._has_call = True
            asyncio.get_running_loop().call_soon(self._begin_turn)

    def _begin_turn(self) -> None:
        """Read slices, of one connection after the other, until the time of this turn is used up."""
        self._has_call = False
        self.is_over = False
        self._used_s = 0.0
        began_s = self._clock()
        waiting = self._waiting
        while waiting and self._clock() - began_s < TURN_S:
            connection = waiting.popleft()
            if connection.read_more():
                waiting.append(connection)
        self.note(self._clock() - began_s)
        if waiting:
            self._call_soon()
