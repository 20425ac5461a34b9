import asyncio
from math import inf

import pytest

from bench.measure.load.deadlines import LONG_TURN_S, LOOK_S, Deadlines
from tests.virtual_time import VirtualTimeLoop, run_virtually


class _Sender:
    """Notes when its request is ended."""

    def __init__(self, check_at_s: float) -> None:
        self.check_at_s = check_at_s
        self.ended_s: float | None = None

    def check(self, now_s: float) -> None:
        """End the request."""
        self.ended_s = now_s
        self.check_at_s = inf


def _deadlines() -> Deadlines:
    return Deadlines(lambda: asyncio.get_running_loop().time())


def test_each_request_ends_soon_after_its_deadline() -> None:
    """One timer serves all requests, and none ends early."""

    async def work() -> list[_Sender]:
        deadlines = _deadlines()
        senders = [_Sender(number / 100) for number in range(1, 100)]
        for sender in senders:
            deadlines.add(sender)
        deadlines.run()
        await asyncio.sleep(2.0)
        deadlines.stop()
        return senders

    for number, sender in enumerate(run_virtually(work()), 1):
        assert sender.ended_s is not None
        assert 0.0 <= sender.ended_s - number / 100 <= LOOK_S + 1e-9


def test_a_deadline_can_be_exact() -> None:
    """A cancellation that a scenario plans is not rounded to the next look."""

    async def work() -> _Sender:
        deadlines = _deadlines()
        sender = _Sender(0.0301)
        deadlines.add(sender)
        deadlines.run()
        deadlines.look_at(0.0301)
        await asyncio.sleep(1.0)
        return sender

    assert run_virtually(work()).ended_s == pytest.approx(0.0301)


def test_the_longest_time_without_a_turn_is_measured() -> None:
    """A callback that blocks the loop is seen by the look after it; short delays are no long turns."""

    async def work() -> Deadlines:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        deadlines = _deadlines()
        deadlines.run()
        for blocked_s in (0.05, 0.4):
            await asyncio.sleep(1.0)
            loop._jump.now_s += blocked_s
        await asyncio.sleep(1.0)
        return deadlines

    deadlines = run_virtually(work())
    assert deadlines.longest_turn_s == pytest.approx(0.4, abs=2 * LOOK_S)
    (turn,) = deadlines.take_long_turns()
    assert turn.length_s >= LONG_TURN_S
    assert turn.at_s == pytest.approx(2.05, abs=2 * LOOK_S)
    assert deadlines.take_long_turns() == []
