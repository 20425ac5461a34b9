"""Watch a stack or the host without a load, for `bench monitor`."""

import asyncio
import time
from collections.abc import Callable, Mapping

from bench.measure.machine.signals import call_on_signals
from bench.measure.watch.watching import WatchedStack, WatchSample, open_watch


def monitor(
    watched: WatchedStack | None,
    interval_s: float,
    duration_s: float | None,
    on_sample: Callable[[WatchSample], None],
    on_tick: Callable[[float, Mapping[str, str]], None],
) -> bool:
    """Watch until the duration ends; return False if Ctrl-C or SIGTERM ended it before.

    Args:
        watched: The stack; `None` for the host alone.
        interval_s: Interval between two readings.
        duration_s: Duration; `None` to watch until a signal.
        on_sample: Receives each sample.
        on_tick: Called at each interval and at the end, with the seconds since the start, and with the
            reasons for missing readings by name.

    Raises:
        BenchError: `on_sample` or `on_tick` failed.
    """
    return asyncio.run(_monitor(watched, interval_s, duration_s, on_sample, on_tick))


async def _monitor(
    watched: WatchedStack | None,
    interval_s: float,
    duration_s: float | None,
    on_sample: Callable[[WatchSample], None],
    on_tick: Callable[[float, Mapping[str, str]], None],
) -> bool:
    interrupted = asyncio.Event()
    with call_on_signals(interrupted.set):
        async with open_watch(watched, interval_s) as watch:
            start_s = time.monotonic()
            watch.start(lambda: time.monotonic() - start_s, on_sample)
            # Half an interval after the readings, so that a tick shows new values.
            due_s = start_s + interval_s / 2
            end_s = None if duration_s is None else start_s + duration_s
            while not interrupted.is_set() and (end_s is None or time.monotonic() < end_s):
                wake_s = due_s if end_s is None else min(due_s, end_s)
                await _wait(interrupted, wake_s - time.monotonic())
                due_s += interval_s
                watch.check()
                on_tick(time.monotonic() - start_s, watch.skipped | watch.warnings)
            return not interrupted.is_set()


async def _wait(interrupted: asyncio.Event, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(interrupted.wait(), max(0.0, timeout_s))
    except TimeoutError:
        return
