"""Executes a plan whose arrivals are iterations of journeys, or of turns in Python."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

from bench.core.load.arrival import Arrival
from bench.core.response.failure import Failure
from bench.core.samples.request import RequestSample
from bench.measure.load.loops import Loops
from bench.measure.load.script import Script
from bench.measure.load.virtual_user import Activity, OnFree, Participant


class JourneyUser(Participant, Protocol):
    """A VU that does several requests in each iteration."""

    async def iterate(self, iteration: Arrival, due_s: float, end_s: float, script: Script, /) -> float:
        """Do an iteration; return when the VU is free again. All times are on the pacer's clock.

        Args:
            iteration: The iteration.
            due_s: Its planned time.
            end_s: Time after which the VU begins no step but those that clean up.
            script: Sends and records the requests. The coroutine waits by it only.
        """
        ...


class TurnUser(ABC):
    """A VU whose iterations are code of the user, so that they need a task of the loop."""

    @abstractmethod
    async def open(self) -> None:
        """Open the connections."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""

    @abstractmethod
    async def turn(self, iteration: Arrival, due_s: float, sender: "TurnSender", /) -> float:
        """Do an iteration; return when the VU is free again. All times are on the pacer's clock."""


class JourneyEngine(Loops[JourneyUser | TurnUser]):
    """Executes a plan whose arrivals are iterations."""

    def begin_activity(
        self, vu: JourneyUser | TurnUser, arrival: Arrival, due_s: float, end_s: float, on_free: OnFree, /
    ) -> None:
        """Begin an iteration."""
        self.in_flight += 1
        if isinstance(vu, TurnUser):
            turn = TurnSender(self, on_free)
            self.begin_work(turn)
            turn.start(vu, arrival, due_s)
            return
        script = Script(self, on_free)
        self.begin_work(script)
        script.start(vu.iterate(arrival, due_s, end_s, script))

    def end_iteration(self, activity: Activity, on_free: OnFree, free_s: float) -> None:
        """Go on with a user whose iteration has ended; it is free since this time."""
        self.in_flight -= 1
        on_free(free_s)
        self.end_work(activity)

    def _open_arms(self, number: int) -> list[JourneyUser | TurnUser]:
        return [self._open_vu(self._plan.user_number(number), self._plan.part_of(number))]

    def _another_vu(self, arrival: Arrival) -> JourneyUser | TurnUser:
        """Return a new user, whose number no user of this or another share has."""
        part = arrival.part
        own, shares = self._plan.share
        number = self._plan.first_free_user(part) + own + shares * self._more_users[part]
        self._more_users[part] += 1
        vu = self._open_vu(number, part)
        self._other_vus.append(vu)
        return vu


class TurnSender:
    """One iteration of a turn in Python: a task of the loop, whose requests it records.

    Args:
        engine: The engine.
        on_free: Called when the user is free again.
    """

    def __init__(self, engine: JourneyEngine, on_free: OnFree) -> None:
        self._engine = engine
        self._on_free = on_free
        self._task: asyncio.Task[float] | None = None

    def start(self, vu: TurnUser, arrival: Arrival, due_s: float) -> None:
        """Start the task."""
        self._task = asyncio.get_running_loop().create_task(vu.turn(arrival, due_s, self))
        self._task.add_done_callback(self._end)

    @property
    def waits_since_s(self) -> float | None:
        """`None`: the code of a user sends its requests when it likes."""
        return None

    def rest(self) -> None:
        """Let the task end by itself."""

    def interrupt(self) -> None:
        """Cancel the task; its requests in progress are recorded."""
        if self._task is not None:
            self._task.cancel()

    def record(self, make_sample: Callable[[float], tuple[RequestSample, Sequence[float]]]) -> None:
        """Record a request; the function makes its sample from the start of the run."""
        self._engine.record(*make_sample(self._engine.origin_s))

    def interruption(self, arrival: Arrival, due_s: float) -> Failure:
        """Return outcome and detail of a request that is interrupted now."""
        return self._engine.interruption(arrival, due_s)

    def now_s(self) -> float:
        """Return the time of the pacer's clock."""
        return self._engine.pacer.now_s()

    async def sleep_until(self, at_s: float) -> None:
        """Wait until a time of the pacer's clock."""
        await self._engine.pacer.sleep_until(at_s)

    def _end(self, task: "asyncio.Task[float]") -> None:
        free_s = self.now_s() if task.cancelled() else task.result()
        self._engine.end_iteration(self, self._on_free, free_s)
