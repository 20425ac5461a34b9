"""The source of the requests of an open loop."""

from collections.abc import Iterator
from typing import Generic, Protocol

from bench.core.load.arrival import Arrival
from bench.measure.load.virtual_user import Activity, OnFree, User
from bench.timing.pacing import Pacer

_LONGEST_TURN_S = 0.001
"""Longest time for which the requests that are due keep the responses waiting."""


class OpenLoopHost(Protocol[User]):
    """The part of the engine that an open loop needs."""

    pacer: Pacer
    is_interrupted: bool
    in_flight: int

    def post(self, vu: User, arrival: Arrival, /) -> None:
        """Write the request of an arrival at once if it is known; `begin_activity` follows in this turn."""
        ...

    def begin_activity(
        self, vu: User, arrival: Arrival, due_s: float, end_s: float, on_free: OnFree, /
    ) -> None:
        """Begin everything that an arrival stands for."""
        ...

    def end_work(self, activity: Activity) -> None:
        """Forget an activity that has ended."""
        ...

    def record_dropped(self, arrival: Arrival, due_s: float, detail: str) -> None:
        """Record a request that was not sent."""
        ...

    def take_idle(self, arrival: Arrival) -> User:
        """Return an idle VU for an arrival, or a new one."""
        ...

    def put_idle(self, arrival: Arrival, vu: User) -> None:
        """Take a VU back that has done an arrival."""
        ...


class OpenLoopSource(Generic[User]):
    """Begins the requests of an open loop when they are due. Those that are due together leave in one turn.

    Args:
        engine: Executes the plan.
        arrivals: The requests, in the order in which they are due.
        span_s: Start and end of the phase, on the pacer's clock.
        max_vus: Largest number of requests in progress; a request above it is dropped.
    """

    def __init__(
        self,
        engine: OpenLoopHost[User],
        arrivals: Iterator[Arrival],
        span_s: tuple[float, float],
        max_vus: int,
    ) -> None:
        self._engine = engine
        self._arrivals = arrivals
        self._start_s = span_s[0]
        self._end_s = span_s[1]
        self._max_vus = max_vus
        self._next: Arrival | None = next(arrivals, None)

    @property
    def waits_since_s(self) -> float | None:
        """`None`: the requests in progress are activities of their own."""
        return None

    def rest(self) -> None:
        """Begin nothing more."""
        self._engine.end_work(self)

    def interrupt(self) -> None:
        """Begin nothing more."""
        self.rest()

    def plan_next(self) -> None:
        """Plan the next request that is not due yet."""
        pacer = self._engine.pacer
        if self._next is None:
            pacer.call_at(self._end_s, self._end)
        else:
            pacer.call_at(self._start_s + self._next.offset_s - pacer.early_s, self._begin_due)

    def _begin_due(self) -> None:
        """Begin all requests that are due, and those that are due too soon for the timer."""
        engine = self._engine
        pacer = engine.pacer
        latest_s = pacer.now_s() + _LONGEST_TURN_S
        posted: list[tuple[Arrival, float, User]] = []
        while self._next is not None and not self._engine.is_interrupted:
            due_s = self._start_s + self._next.offset_s
            now_s = pacer.now_s()
            if due_s - now_s > pacer.early_s or now_s > latest_s:
                break
            arrival = self._next
            pacer.wait_exactly(due_s)
            if engine.in_flight + len(posted) >= self._max_vus:
                self._drop(arrival, due_s)
            else:
                vu = engine.take_idle(arrival)
                engine.post(vu, arrival)
                posted.append((arrival, due_s, vu))
            self._next = next(self._arrivals, None)
        for arrival, due_s, vu in posted:
            self._begin(arrival, due_s, vu)
        if not self._engine.is_interrupted:
            self.plan_next()

    def _drop(self, arrival: Arrival, due_s: float) -> None:
        detail = f"{self._max_vus} requests were in progress when it was due"
        self._engine.record_dropped(arrival, due_s, detail)

    def _begin(self, arrival: Arrival, due_s: float, vu: User) -> None:
        engine = self._engine

        def on_free(_: float) -> None:
            engine.put_idle(arrival, vu)

        engine.begin_activity(vu, arrival, due_s, self._end_s, on_free)

    def _end(self) -> None:
        if not self._engine.is_interrupted:
            self._engine.end_work(self)
