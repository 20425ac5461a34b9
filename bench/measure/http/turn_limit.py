"""Limits the time that all connections of a process read in one turn of the loop.

A server can send bytes that take long to read, such as endless comments. Without a limit, their reading
delays the requests and the deadlines of all other users.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

SLICE_BYTES = 16 * 1024
"""Largest number of bytes that a connection reads at once."""
TURN_S = 0.01
"""Time after which the other bytes of a turn wait for the next one."""


class Waiting(Protocol):
    """A connection whose bytes wait to be read."""

    def read_slice(self) -> bool:
        """Read a slice; return whether more bytes wait."""
        ...

    def go_on_reading(self) -> None:
        """Read new bytes again."""
        ...


class TurnLimit:
    """Counts the time that connections read, and lets the others wait when it is used up.

    Args:
        clock: Returns seconds.

    Attributes:
        is_over: Whether the time of this turn is used up, so that new bytes must wait.
        used_s: Time that was used, in seconds. Its user calls `end` when it exceeds `TURN_S`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_over = False
        self.used_s = 0.0
        self._clock = clock
        self._new: deque[Waiting] = deque()  # they have read no slice, so most need one only
        self._long: deque[Waiting] = deque()
        self._has_call = False

    def end(self) -> None:
        """Let new bytes wait for the next turn."""
        self.is_over = True
        self._call_soon()

    def wait(self, connection: Waiting) -> None:
        """Let a connection read its bytes in one of the next turns, one slice after the other."""
        self._new.append(connection)
        self._call_soon()

    def read_slices(self, connection: Waiting) -> bool:
        """Read the slices of a connection while there is time; return whether more bytes wait."""
        has_more = True
        while has_more and not self.is_over:
            has_more = self._read_slice(connection)
        return has_more

    def _call_soon(self) -> None:
        if not self._has_call:
            self._has_call = True
            asyncio.get_running_loop().call_soon(self._begin_turn)

    def _begin_turn(self) -> None:
        """Read waiting bytes, of one connection after the other, until the time of this turn is used up."""
        self._has_call = False
        self.is_over = False
        self.used_s = 0.0
        for waiting in (self._new, self._long):
            for _ in range(len(waiting)):
                if self.is_over:
                    break
                self._serve(waiting.popleft())
        if self._new or self._long:
            self._call_soon()

    def _serve(self, connection: Waiting) -> None:
        """Read a slice of a connection, which waits behind all others if it has more bytes."""
        if self._read_slice(connection):
            self._long.append(connection)
        else:
            connection.go_on_reading()

    def _read_slice(self, connection: Waiting) -> bool:
        """Read a slice, and count its time; return whether more bytes wait."""
        began_s = self._clock()
        has_more = connection.read_slice()
        self.used_s += self._clock() - began_s
        if self.used_s > TURN_S:
            self.end()
        return has_more
