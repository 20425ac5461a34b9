"""A timer of the kernel in the event loop: what waiting could be, beside `asyncio.sleep`. Linux only.

Both loops wait for whole milliseconds, which is what epoll_wait and libuv take; a timerfd takes nanoseconds.
"""

import asyncio
import ctypes
import os
import time

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_EARLY_S = 150e-6  # waking and the turn that follows take most of that


class Timer:
    """Wakes one waiter at a time of CLOCK_MONOTONIC."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "no timerfd")
        self._waiter: asyncio.Future[None] | None = None
        asyncio.get_running_loop().add_reader(self._fd, self._expired)

    async def wait_until(self, due_s: float) -> None:
        """Wait; the last moment passes in turns of the loop, and a time that is past takes no turn."""
        if time.monotonic() < due_s - _EARLY_S:
            await self._sleep_until(due_s - _EARLY_S)
        while time.monotonic() < due_s:  # noqa: ASYNC110 - there is no event but the time
            await asyncio.sleep(0)

    def close(self) -> None:
        """Give the timer back."""
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)

    def _expired(self) -> None:
        os.read(self._fd, 8)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _sleep_until(self, due_s: float) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        due_ns = int(due_s * 1e9)
        spec = (ctypes.c_long * 4)(0, 0, due_ns // 1_000_000_000, due_ns % 1_000_000_000)
        self._libc.timerfd_settime(self._fd, _ABSOLUTE, spec, None)
        await self._waiter
