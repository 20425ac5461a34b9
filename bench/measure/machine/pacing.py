"""Waits until a request is due, as precisely as the kernel can.

Event loops wait for whole milliseconds, which is what epoll_wait and libuv take; a timerfd takes nanoseconds.
"""

import asyncio
import ctypes
import heapq
import os
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol

_ABSOLUTE = 1  # TFD_TIMER_ABSTIME
_READ_BYTES = 8


def event_loop() -> asyncio.AbstractEventLoop:
    """A new one, the fastest that there is."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class Pacer(Protocol):
    """The clock that all times of a load are on, and waiting by it."""

    def now_s(self) -> float:
        """Seconds."""
        ...

    async def sleep_until(self, due_s: float) -> None:
        """Wait until then. A time that is past takes no turn of the loop."""
        ...

    def close(self) -> None:
        """Wait for nothing any more."""
        ...


class LoopTimer:
    """Waits as the event loop does.

    Args:
        clock: Seconds, as fast as the loop's.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now_s = clock

    async def sleep_until(self, due_s: float) -> None:
        """Wait until then; the loop may be a moment early, so it may take a turn more."""
        while (left_s := due_s - self.now_s()) > 0:  # noqa: ASYNC110 - there is no event but the time
            await asyncio.sleep(left_s)

    def close(self) -> None:
        """There is nothing to give back."""


class KernelTimer:
    """Waits by one timerfd of CLOCK_MONOTONIC for all. Linux only.

    Raises:
        OSError: The kernel gives none.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "no timerfd")
        self._waiters: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._expired)

    def now_s(self) -> float:
        """Seconds of CLOCK_MONOTONIC."""
        return time.monotonic()

    async def sleep_until(self, due_s: float) -> None:
        """Wait until then."""
        if time.monotonic() >= due_s:
            return
        waiter = self._loop.create_future()
        # Of those that are cancelled the entry stays until it is due.
        heapq.heappush(self._waiters, (due_s, next(self._numbers), waiter))
        if self._waiters[0][2] is waiter:
            self._arm()
        await waiter

    def close(self) -> None:
        """Give the timer back; who still waits is left waiting."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _expired(self) -> None:
        try:
            os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return  # armed again between its expiry and this call
        now_s = time.monotonic()
        while self._waiters and self._waiters[0][0] <= now_s:
            waiter = heapq.heappop(self._waiters)[2]
            if not waiter.done():
                waiter.set_result(None)
        if self._waiters:
            self._arm()

    def _arm(self) -> None:
        # Rounded up, so that it is never early; 0 would disarm it.
        due_ns = max(1, -int(-self._waiters[0][0] * 1e9 // 1))
        seconds, nanoseconds = divmod(due_ns, 1_000_000_000)
        self._libc.timerfd_settime(self._fd, _ABSOLUTE, (ctypes.c_long * 4)(0, 0, seconds, nanoseconds), None)


def pacer() -> Pacer:
    """The best that this machine has; must be called in a running loop."""
    if sys.platform == "linux":
        try:
            return KernelTimer()
        except OSError:
            pass  # no file descriptors left: late is better than not at all
    return LoopTimer()
