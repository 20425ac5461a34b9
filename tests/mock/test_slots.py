import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.mock.slots import QueueFullError, Slots
from tests.virtual_time import run_virtually


class _Requests:
    """Requests that take a slot, hold it until they are released, and can be cancelled."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.tasks: list[asyncio.Task[None]] = []
        self.started: list[int] = []
        self.running: set[int] = set()
        self.refused: set[int] = set()
        self._release: list[asyncio.Event] = []

    def arrive(self) -> int:
        """Start one more request and return its number."""
        number = len(self.tasks)
        self._release.append(asyncio.Event())
        self.tasks.append(asyncio.get_running_loop().create_task(self._hold(number)))
        return number

    async def _hold(self, number: int) -> None:
        try:
            async with self.slots.slot():
                self.started.append(number)
                self.running.add(number)
                try:
                    await self._release[number].wait()
                finally:
                    self.running.remove(number)
        except QueueFullError:
            self.refused.add(number)

    def release(self, number: int) -> None:
        """Release one request."""
        self._release[number].set()

    async def release_all(self) -> None:
        """Release all requests and wait for them."""
        for event in self._release:
            event.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def _settle() -> None:
    """Run all callbacks that are due now."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_slots_are_given_in_order_of_arrival() -> None:
    """Requests run up to the parallel limit, and the others follow first come, first served."""

    async def check() -> None:
        requests = _Requests(Slots(parallel=2, max_queue=10))
        for _ in range(5):
            requests.arrive()
        await _settle()
        assert (requests.started, requests.slots.running, requests.slots.waiting) == ([0, 1], 2, 3)
        requests.release(1)
        await _settle()
        assert (requests.started, requests.slots.running, requests.slots.waiting) == ([0, 1, 2], 2, 2)
        requests.release(0)
        requests.release(2)
        await _settle()
        assert (requests.started, requests.slots.running, requests.slots.waiting) == ([0, 1, 2, 3, 4], 2, 0)
        await requests.release_all()
        assert requests.slots.running == 0

    run_virtually(check())


def test_a_new_request_never_overtakes_the_queue() -> None:
    """A request that arrives while a slot is handed on waits behind the queue."""

    async def check() -> None:
        slots = Slots(parallel=1, max_queue=10)
        requests = _Requests(slots)
        async with slots.slot():
            requests.arrive()
            await _settle()
        requests.arrive()
        await _settle()
        assert requests.started == [0]
        await requests.release_all()
        assert requests.started == [0, 1]

    run_virtually(check())


@pytest.mark.parametrize("max_queue", [0, 1, 3])
def test_a_request_above_the_queue_limit_is_refused(max_queue: int) -> None:
    """A full queue refuses the next request, until one request ends."""

    async def check() -> None:
        requests = _Requests(Slots(parallel=1, max_queue=max_queue))
        for _ in range(max_queue + 2):
            requests.arrive()
        await _settle()
        assert requests.refused == {max_queue + 1}
        assert requests.slots.waiting == max_queue
        requests.release(0)
        await _settle()
        later = requests.arrive()
        await _settle()
        assert later not in requests.refused
        await requests.release_all()
        assert requests.slots.running == 0

    run_virtually(check())


def test_an_error_inside_frees_the_slot() -> None:
    """A slot is free again after its block raised an error."""

    async def check() -> None:
        slots = Slots(parallel=1, max_queue=0)
        with suppress(ZeroDivisionError):
            async with slots.slot():
                raise ZeroDivisionError
        assert slots.running == 0
        async with slots.slot():
            assert slots.running == 1

    run_virtually(check())


def test_a_cancelled_request_leaves_the_queue() -> None:
    """It makes room in the queue and never gets a slot."""

    async def check() -> None:
        requests = _Requests(Slots(parallel=1, max_queue=2))
        for _ in range(3):
            requests.arrive()
        await _settle()
        requests.tasks[1].cancel()
        await _settle()
        assert requests.slots.waiting == 1
        requests.release(0)
        await _settle()
        assert requests.started == [0, 2]
        await requests.release_all()

    run_virtually(check())


def test_the_slot_of_a_request_cancelled_at_handover_goes_to_the_next() -> None:
    """A request that is cancelled before it runs hands its slot to the next."""

    async def check() -> None:
        slots = Slots(parallel=1, max_queue=2)
        requests = _Requests(slots)
        async with slots.slot():
            requests.arrive()
            requests.arrive()
            await _settle()
        requests.tasks[0].cancel()
        await _settle()
        assert (requests.started, slots.running, slots.waiting) == ([1], 1, 0)
        await requests.release_all()
        assert slots.running == 0

    run_virtually(check())


def test_the_slot_of_the_last_request_cancelled_at_handover_is_free() -> None:
    """Without a next request the slot becomes free and is not lost."""

    async def check() -> None:
        slots = Slots(parallel=1, max_queue=1)
        requests = _Requests(slots)
        async with slots.slot():
            requests.arrive()
            await _settle()
        requests.tasks[0].cancel()
        await _settle()
        assert (requests.started, slots.running, slots.waiting) == ([], 0, 0)

    run_virtually(check())


def test_a_request_cancelled_just_before_handover_is_skipped() -> None:
    """A cancelled request that is still in the queue does not take the slot."""

    async def check() -> None:
        slots = Slots(parallel=1, max_queue=2)
        requests = _Requests(slots)
        async with slots.slot():
            requests.arrive()
            requests.arrive()
            await _settle()
            requests.tasks[0].cancel()
        await _settle()
        assert (requests.started, slots.running, slots.waiting) == ([1], 1, 0)
        await requests.release_all()

    run_virtually(check())


STEPS = st.lists(st.tuples(st.sampled_from(["arrive", "leave", "cancel", "tick"]), st.integers(0, 9)))


@given(st.integers(1, 3), st.integers(0, 4), STEPS)
def test_no_schedule_loses_or_doubles_a_slot(
    parallel: int, max_queue: int, steps: list[tuple[str, int]]
) -> None:
    """Any order of arrivals, releases and cancellations keeps the limits, the order and the slots."""

    async def check() -> None:
        requests = _Requests(Slots(parallel, max_queue))
        for action, number in steps:
            match action:
                case "arrive":
                    requests.arrive()
                case "leave" if number < len(requests.tasks):
                    requests.release(number)
                case "cancel" if number < len(requests.tasks):
                    requests.tasks[number].cancel()
                case _:
                    await asyncio.sleep(0)
            assert len(requests.running) <= requests.slots.running <= parallel
            assert requests.slots.waiting <= max_queue
        await _settle()
        assert requests.slots.running == len(requests.running)
        assert requests.slots.running == parallel or requests.slots.waiting == 0
        assert requests.started == sorted(requests.started)
        await requests.release_all()
        assert (requests.slots.running, requests.slots.waiting) == (0, 0)

    run_virtually(check())
