import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatstack.slots import QueueFullError, Slots
from tests.virtual_time import run_virtually


class _Crowd:
    """Requests that take a place, hold it until they are told to leave, and can be cancelled."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.tasks: list[asyncio.Task[None]] = []
        self.entered: list[int] = []
        self.inside: set[int] = set()
        self.refused: set[int] = set()
        self._leave: list[asyncio.Event] = []

    def arrive(self) -> int:
        """One more request; its number."""
        number = len(self.tasks)
        self._leave.append(asyncio.Event())
        self.tasks.append(asyncio.get_running_loop().create_task(self._hold(number)))
        return number

    async def _hold(self, number: int) -> None:
        try:
            async with self.slots.slot():
                self.entered.append(number)
                self.inside.add(number)
                try:
                    await self._leave[number].wait()
                finally:
                    self.inside.remove(number)
        except QueueFullError:
            self.refused.add(number)

    def leave(self, number: int) -> None:
        """Let one end by itself."""
        self._leave[number].set()

    async def all_gone(self) -> None:
        """Let all end."""
        for event in self._leave:
            event.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def _settle() -> None:
    """Let everything happen that is due now."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_places_are_given_in_order_of_arrival() -> None:
    """As many run as may, and the others follow first come, first served."""

    async def check() -> None:
        crowd = _Crowd(Slots(parallel=2, max_queue=10))
        for _ in range(5):
            crowd.arrive()
        await _settle()
        assert (crowd.entered, crowd.slots.running, crowd.slots.waiting) == ([0, 1], 2, 3)
        crowd.leave(1)
        await _settle()
        assert (crowd.entered, crowd.slots.running, crowd.slots.waiting) == ([0, 1, 2], 2, 2)
        crowd.leave(0)
        crowd.leave(2)
        await _settle()
        assert (crowd.entered, crowd.slots.running, crowd.slots.waiting) == ([0, 1, 2, 3, 4], 2, 0)
        await crowd.all_gone()
        assert crowd.slots.running == 0

    run_virtually(check())


def test_nobody_overtakes_the_queue() -> None:
    """A request that arrives just when a place is handed on waits behind those that waited."""

    async def check() -> None:
        slots = Slots(parallel=1, max_queue=10)
        crowd = _Crowd(slots)
        async with slots.slot():
            crowd.arrive()
            await _settle()
        crowd.arrive()
        await _settle()
        assert crowd.entered == [0]
        await crowd.all_gone()
        assert crowd.entered == [0, 1]

    run_virtually(check())


@pytest.mark.parametrize("max_queue", [0, 1, 3])
def test_one_more_than_may_wait_is_refused(max_queue: int) -> None:
    """When all places are taken and as many wait as may, the next is refused, until one leaves."""

    async def check() -> None:
        crowd = _Crowd(Slots(parallel=1, max_queue=max_queue))
        for _ in range(max_queue + 2):
            crowd.arrive()
        await _settle()
        assert crowd.refused == {max_queue + 1}
        assert crowd.slots.waiting == max_queue
        crowd.leave(0)
        await _settle()
        later = crowd.arrive()
        await _settle()
        assert later not in crowd.refused
        await crowd.all_gone()
        assert crowd.slots.running == 0

    run_virtually(check())


def test_an_error_inside_gives_the_place_up() -> None:
    """A place is free again when its block ends with an error."""

    async def check() -> None:
        slots = Slots(parallel=1, max_queue=0)
        with suppress(ZeroDivisionError):
            async with slots.slot():
                raise ZeroDivisionError
        assert slots.running == 0
        async with slots.slot():
            assert slots.running == 1

    run_virtually(check())


def test_a_cancelled_waiter_gives_up_its_turn() -> None:
    """Who leaves the queue makes room in it, and is passed over when a place becomes free."""

    async def check() -> None:
        crowd = _Crowd(Slots(parallel=1, max_queue=2))
        for _ in range(3):
            crowd.arrive()
        await _settle()
        crowd.tasks[1].cancel()
        await _settle()
        assert crowd.slots.waiting == 1
        crowd.leave(0)
        await _settle()
        assert crowd.entered == [0, 2]
        await crowd.all_gone()

    run_virtually(check())


def test_a_place_given_to_one_who_just_left_goes_on() -> None:
    """Cancelled between being given the place and running, a waiter hands it to the next in line."""

    async def check() -> None:
        slots = Slots(parallel=1, max_queue=2)
        crowd = _Crowd(slots)
        async with slots.slot():
            crowd.arrive()
            crowd.arrive()
            await _settle()
        crowd.tasks[0].cancel()
        await _settle()
        assert (crowd.entered, slots.running, slots.waiting) == ([1], 1, 0)
        await crowd.all_gone()
        assert slots.running == 0

    run_virtually(check())


def test_a_place_given_to_the_last_who_just_left_is_free() -> None:
    """Cancelled likewise with nobody behind, a waiter leaves a free place, not a lost one."""

    async def check() -> None:
        slots = Slots(parallel=1, max_queue=1)
        crowd = _Crowd(slots)
        async with slots.slot():
            crowd.arrive()
            await _settle()
        crowd.tasks[0].cancel()
        await _settle()
        assert (crowd.entered, slots.running, slots.waiting) == ([], 0, 0)

    run_virtually(check())


def test_a_waiter_cancelled_just_before_a_place_is_free_is_passed_over() -> None:
    """Cancelled but still in the queue, a waiter does not swallow the place."""

    async def check() -> None:
        slots = Slots(parallel=1, max_queue=2)
        crowd = _Crowd(slots)
        async with slots.slot():
            crowd.arrive()
            crowd.arrive()
            await _settle()
            crowd.tasks[0].cancel()
        await _settle()
        assert (crowd.entered, slots.running, slots.waiting) == ([1], 1, 0)
        await crowd.all_gone()

    run_virtually(check())


STEPS = st.lists(st.tuples(st.sampled_from(["arrive", "leave", "cancel", "tick"]), st.integers(0, 9)))


@given(st.integers(1, 3), st.integers(0, 4), STEPS)
def test_no_schedule_loses_or_doubles_a_place(
    parallel: int, max_queue: int, steps: list[tuple[str, int]]
) -> None:
    """However arrivals, departures and cancellations fall, never more run than may, none who is let in
    overtakes, none waits beside a free place, and in the end all places are free.
    """

    async def check() -> None:
        crowd = _Crowd(Slots(parallel, max_queue))
        for action, which in steps:
            match action:
                case "arrive":
                    crowd.arrive()
                case "leave" if which < len(crowd.tasks):
                    crowd.leave(which)
                case "cancel" if which < len(crowd.tasks):
                    crowd.tasks[which].cancel()
                case _:
                    await asyncio.sleep(0)
            assert len(crowd.inside) <= crowd.slots.running <= parallel
            assert crowd.slots.waiting <= max_queue
        await _settle()
        assert crowd.slots.running == len(crowd.inside)
        assert crowd.slots.running == parallel or crowd.slots.waiting == 0
        assert crowd.entered == sorted(crowd.entered)
        await crowd.all_gone()
        assert (crowd.slots.running, crowd.slots.waiting) == (0, 0)

    run_virtually(check())
