"""Waits until a request is due, as exactly as the kernel can.

Event loops wait for whole milliseconds, because epoll_wait and libuv take milliseconds. A timerfd takes
nanoseconds.
"""

import asyncio
import ctypes
import heapq
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Protocol

_TFD_TIMER_ABSTIME = 1
_READ_BYTES = 8
MOST_EARLY_S = 0.00003
"""Longest busy waiting before a moment that must be met exactly."""
_EARLY_STEP_S = 0.000001
_LATE_STEPS = 3  # with one step back for each call in time, a quarter of the calls is late


def event_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: uvloop's if it is installed, else asyncio's."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def real_s() -> float:
    """Return the seconds of a clock that also counts while the machine sleeps, where the system has one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Pacer(Protocol):
    """The clock of all times of a load, and a timer on this clock.

    Attributes:
        early_s: How late most calls are made, because a sleeping core needs time to wake up. To meet a moment
            exactly, plan a call this much earlier, and wait for the rest with `wait_exactly`. It is 0 if the
            pacer cannot wait exactly.
    """

    early_s: float

    def now_s(self) -> float:
        """Return the current time in seconds."""
        ...

    async def sleep_until(self, due_s: float) -> None:
        """Wait until this time. Return at once, without a turn of the loop, if it has passed."""
        ...

    def wait_exactly(self, due_s: float) -> None:
        """Wait busily until this time, which is at most `early_s` ahead."""
        ...

    def call_at(self, due_s: float, callback: Callable[[], object]) -> None:
        """Call a function at this time, from the loop."""
        ...

    def close(self) -> None:
        """Release the timer."""
        ...


class LoopTimer:
    """Waits with the event loop's own timer.

    Args:
        clock: Returns seconds; it must run as fast as the loop's clock.
    """

    early_s = 0.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now_s = clock

    def wait_exactly(self, due_s: float) -> None:
        """Do nothing: the loop's own timer waits for whole milliseconds."""

    async def sleep_until(self, due_s: float) -> None:
        """Wait until this time. The loop may wake a moment early; then it waits once more."""
        while (remaining_s := due_s - self.now_s()) > 0:  # noqa: ASYNC110 - there is no event but the time
            await asyncio.sleep(remaining_s)

    def call_at(self, due_s: float, callback: Callable[[], object]) -> None:
        """Call a function at this time; the loop may call it a moment early."""
        asyncio.get_running_loop().call_later(max(0.0, due_s - self.now_s()), callback)

    def close(self) -> None:
        """Do nothing: the loop owns the timer."""


class KernelTimer:
    """Waits with one timerfd of CLOCK_MONOTONIC for all waiters. Linux only.

    Raises:
        OSError: The kernel cannot create a timerfd.
    """

    def __init__(self) -> None:
        self.now_s = time.monotonic
        self.early_s = MOST_EARLY_S / 2
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "no timerfd")
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._setting = (ctypes.c_long * 4)()  # interval and time, each in seconds and nanoseconds
        self._settime = partial(libc.timerfd_settime, self._fd, _TFD_TIMER_ABSTIME, self._setting, None)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._on_expiry)

    async def sleep_until(self, due_s: float) -> None:
        """Wait until this time."""
        if time.monotonic() >= due_s:
            return
        waiter = self._loop.create_future()
        self.call_at(due_s, partial(_wake, waiter))  # the entry of a cancelled waiter stays until it is due
        await waiter

    def wait_exactly(self, due_s: float) -> None:
        """Wait busily until this time."""
        while time.monotonic() < due_s:
            pass

    def call_at(self, due_s: float, callback: Callable[[], object]) -> None:
        """Call a function at this time, from the loop."""
        number = next(self._numbers)
        heapq.heappush(self._calls, (due_s, number, callback))
        if self._calls[0][1] == number:
            self._set_timer()

    def close(self) -> None:
        """Close the timer. Tasks that still wait are never woken, and planned calls are never made."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _on_expiry(self) -> None:
        try:
            os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return  # the timer was set again between its expiry and this call
        now_s = time.monotonic()
        if self._calls:
            self._learn(now_s - self._calls[0][0])
        callbacks: list[Callable[[], object]] = []
        while self._calls and self._calls[0][0] <= now_s:
            callbacks.append(heapq.heappop(self._calls)[2])
        if self._calls:
            self._set_timer()
        for callback in callbacks:
            callback()

    def _learn(self, late_s: float) -> None:
        """Follow the third quartile of the delays, up to the longest busy waiting."""
        step_s = _LATE_STEPS * _EARLY_STEP_S if late_s > self.early_s else -_EARLY_STEP_S
        self.early_s = min(MOST_EARLY_S, max(0.0, self.early_s + step_s))

    def _set_timer(self) -> None:
        """Set the timer to the earliest call: rounded up so that it is never early; 0 would disable it."""
        due_ns = max(1, -int(-self._calls[0][0] * 1e9 // 1))
        self._setting[2] = due_ns // 1_000_000_000
        self._setting[3] = due_ns % 1_000_000_000
        self._settime()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def pacer() -> Pacer:
    """Return the most exact pacer of this machine. Call it in a running loop."""
    if sys.platform == "linux":
        try:
            return KernelTimer()
        except OSError:
            pass  # no file descriptor is left: late requests are better than none
    return LoopTimer()
