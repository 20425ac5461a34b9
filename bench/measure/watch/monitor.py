"""Watches a stack or the machine until it is enough, without any load."""

import asyncio
import time
from collections.abc import Callable, Mapping

from bench.measure.machine.signals import call_on_signals
from bench.measure.watch.watching import Seen, Watched, watching


def monitor(
    watched: Watched | None,
    interval_s: float,
    duration_s: float | None,
    found: Callable[[Seen], None],
    tick: Callable[[float, Mapping[str, str]], None],
) -> bool:
    """Watch, and say whether it went to its end: not when Ctrl-C or SIGTERM ended it.

    Args:
        watched: The stack; None for the machine alone.
        interval_s: Between two readings.
        duration_s: How long; None until it is ended.
        found: Is given what is read.
        tick: Is called at each interval and at the end, with the seconds since the beginning, and what could
            not be read or asked by its name.

    Raises:
        BenchError: Whatever `found` or `tick` raised.
    """
    return asyncio.run(_monitor(watched, interval_s, duration_s, found, tick))


async def _monitor(
    watched: Watched | None,
    interval_s: float,
    duration_s: float | None,
    found: Callable[[Seen], None],
    tick: Callable[[float, Mapping[str, str]], None],
) -> bool:
    interrupted = asyncio.Event()
    with call_on_signals(interrupted.set):
        async with watching(watched, interval_s) as watch:
            began_s = time.monotonic()
            watch.begin(lambda: time.monotonic() - began_s, found)
            # A little after the readings, so that what is shown is new.
            due_s = began_s + interval_s / 2
            end_s = None if duration_s is None else began_s + duration_s
            while not interrupted.is_set() and (end_s is None or time.monotonic() < end_s):
                wake_s = due_s if end_s is None else min(due_s, end_s)
                await _wait(interrupted, wake_s - time.monotonic())
                due_s += interval_s
                watch.check()
                tick(time.monotonic() - began_s, watch.left_out | watch.warnings)
            return not interrupted.is_set()


async def _wait(interrupted: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(interrupted.wait(), max(0.0, seconds))
    except TimeoutError:
        return
