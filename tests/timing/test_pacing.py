import asyncio
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from bench.timing.pacing import MOST_EARLY_S, KernelTimer, LoopTimer, Pacer, event_loop, pacer
from tests.virtual_time import run_virtually

LOOPS = pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
Factory = Callable[[], asyncio.AbstractEventLoop]


def run(work: Coroutine[Any, Any, None], loop_factory: Factory) -> None:
    """Run a coroutine on a loop of this kind."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(work)


def descriptors() -> int:
    """Return the number of open file descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


@LOOPS
@pytest.mark.parametrize("kind", [KernelTimer, LoopTimer])
def test_waiters_are_woken_in_order_and_never_early(kind: Callable[[], Pacer], loop_factory: Factory) -> None:
    """Each waiter is woken when it is due, never before, the earliest first."""

    async def work() -> None:
        timer, woken = kind(), list[float]()
        begin_s = timer.now_s()
        dues_s = [begin_s + random.Random(1).random() * 0.05 for _ in range(50)] + [begin_s + 0.03] * 50

        async def wait(due_s: float) -> None:
            await timer.sleep_until(due_s)
            assert timer.now_s() >= due_s
            woken.append(due_s)

        await asyncio.gather(*(wait(due_s) for due_s in dues_s))
        assert len(woken) == 100
        if kind is KernelTimer:
            assert woken == sorted(woken)
        timer.close()

    run(work(), loop_factory)


@LOOPS
def test_a_moment_is_met_exactly_by_an_early_call_and_busy_waiting(loop_factory: Factory) -> None:
    """The rest of the time is never negative, and short, however late the calls are."""

    async def work() -> None:
        timer = KernelTimer()
        for _ in range(30):
            due_s = timer.now_s() + 0.001
            early = asyncio.Event()
            timer.call_at(due_s - timer.early_s, early.set)
            await early.wait()
            timer.wait_exactly(due_s)
            assert timer.now_s() >= due_s
            assert 0.0 <= timer.early_s <= MOST_EARLY_S
        timer.close()

    run(work(), loop_factory)


def test_a_timer_of_the_loop_waits_for_nothing() -> None:
    """Its calls are in time to the millisecond, and virtual time would never pass."""
    timer = LoopTimer(lambda: 0.0)
    timer.wait_exactly(5.0)
    assert timer.early_s == 0.0


@LOOPS
def test_a_time_that_is_past_takes_no_turn(loop_factory: Factory) -> None:
    """A late request does not let other tasks run first."""

    async def work() -> None:
        for timer in (KernelTimer(), LoopTimer()):
            waiting = timer.sleep_until(timer.now_s() - 1.0)
            with pytest.raises(StopIteration):
                waiting.send(None)
            timer.close()

    run(work(), loop_factory)


@LOOPS
def test_an_earlier_time_is_not_delayed_by_a_later_one(loop_factory: Factory) -> None:
    """A later call with an earlier time is woken first; a cancelled one delays no other."""

    async def work() -> None:
        timer = KernelTimer()
        late = asyncio.create_task(timer.sleep_until(time.monotonic() + 600.0))
        left = asyncio.create_task(timer.sleep_until(time.monotonic() + 0.01))
        await asyncio.sleep(0)
        left.cancel()
        await timer.sleep_until(time.monotonic() + 0.02)
        assert left.cancelled()
        assert not late.done()
        late.cancel()
        timer.close()

    run(work(), loop_factory)


def test_a_closed_timer_releases_its_descriptor() -> None:
    """Closing twice is allowed, also with a waiter."""

    async def work() -> None:
        before = descriptors()
        timer = KernelTimer()
        waiting = asyncio.create_task(timer.sleep_until(time.monotonic() + 600.0))
        await asyncio.sleep(0)
        timer.close()
        timer.close()
        assert descriptors() == before
        waiting.cancel()

    asyncio.run(work())


def test_without_descriptors_the_loop_timer_is_used() -> None:
    """Without a free descriptor there is a less exact timer, not an error."""

    async def work() -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))  # the next one would have this number
        try:
            timer = pacer()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert isinstance(timer, LoopTimer)
        await timer.sleep_until(timer.now_s() + 0.001)
        timer.close()
        assert isinstance(pacer(), KernelTimer)

    asyncio.run(work())


def test_in_virtual_time_waiting_is_exact() -> None:
    """On a virtual clock, an hour passes at once and exactly."""

    async def work() -> float:
        timer = LoopTimer(asyncio.get_running_loop().time)
        await timer.sleep_until(3600.0)
        return timer.now_s()

    assert run_virtually(work()) == 3600.0


def test_other_systems_have_the_loops_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems without timerfd use the loop's timer."""
    monkeypatch.setattr(sys, "platform", "darwin")

    async def work() -> None:
        assert isinstance(pacer(), LoopTimer)

    asyncio.run(work())


def test_the_fastest_loop_is_uvloop() -> None:
    """The loop of uvloop is used if it is installed."""
    loop = event_loop()
    assert isinstance(loop, uvloop.Loop)
    loop.close()
