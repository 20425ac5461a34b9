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

from bench.measure.machine.pacing import KernelTimer, LoopTimer, Pacer, event_loop, pacer
from tests.virtual_time import run_virtually

LOOPS = pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
Factory = Callable[[], asyncio.AbstractEventLoop]


def run(work: Coroutine[Any, Any, None], loop_factory: Factory) -> None:
    """Run a coroutine on a loop of this kind."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(work)


def descriptors() -> int:
    """How many are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@LOOPS
@pytest.mark.parametrize("kind", [KernelTimer, LoopTimer])
def test_nobody_is_woken_early_and_all_in_their_order(
    kind: Callable[[], Pacer], loop_factory: Factory
) -> None:
    """Whoever waits is woken when it is time, never before, the first one first."""

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
def test_a_time_that_is_past_takes_no_turn(loop_factory: Factory) -> None:
    """A request that is late already does not let others go first."""

    async def work() -> None:
        for timer in (KernelTimer(), LoopTimer()):
            waiting = timer.sleep_until(timer.now_s() - 1.0)
            with pytest.raises(StopIteration):
                waiting.send(None)
            timer.close()

    run(work(), loop_factory)


@LOOPS
def test_an_earlier_time_is_not_held_up_by_a_later_one(loop_factory: Factory) -> None:
    """Who comes later and is due sooner is woken sooner; who gave up waiting holds up nobody."""

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


def test_a_timer_that_is_closed_gives_its_descriptor_back() -> None:
    """Closing twice is closing once, and with somebody waiting it is closing, too."""

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


def test_without_descriptors_the_loop_waits() -> None:
    """A machine that gives no timer gives a worse one, not a traceback."""

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
    """On the loop's own clock an hour passes at once, to the second."""

    async def work() -> float:
        timer = LoopTimer(asyncio.get_running_loop().time)
        await timer.sleep_until(3600.0)
        return timer.now_s()

    assert run_virtually(work()) == 3600.0


def test_other_systems_have_the_loops_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no timerfd nobody asks for one."""
    monkeypatch.setattr(sys, "platform", "darwin")

    async def work() -> None:
        assert isinstance(pacer(), LoopTimer)

    asyncio.run(work())


def test_the_fastest_loop_is_uvloop() -> None:
    """Where it is installed it is taken."""
    loop = event_loop()
    assert isinstance(loop, uvloop.Loop)
    loop.close()
