"""The closed loop of one virtual user."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from bench.core.load.arrival import Arrival
from bench.core.load.spans import Span
from bench.measure.load.virtual_user import Activity, OnFree, Participant, User
from bench.timing.pacing import Pacer

_User_contra = TypeVar("_User_contra", bound=Participant, contravariant=True)


class ClosedLoopHost(Protocol[_User_contra]):
    """The part of the engine that a closed loop needs."""

    pacer: Pacer
    is_interrupted: bool

    def begin_activity(
        self, vu: _User_contra, arrival: Arrival, due_s: float, end_s: float, on_free: OnFree, /
    ) -> None:
        """Begin everything that an arrival stands for."""
        ...

    def end_work(self, activity: Activity) -> None:
        """Forget an activity that has ended."""
        ...


class ClosedLoopVu(Generic[User]):
    """One VU of a closed loop: each request is due one think time after the exchange before it.

    Args:
        engine: Executes the plan.
        arms: The VU's connection to each target.
        span: The time in which the VU is active.
        start_s: Start of the phase, on the pacer's clock.
    """

    def __init__(
        self, engine: ClosedLoopHost[User], arms: Sequence[User], span: Span, start_s: float
    ) -> None:
        self._engine = engine
        self._arms = arms
        self._start_s = start_s + span.start_s
        self._end_s = start_s + span.end_s
        self._iterations = span.iterations
        self._arrivals: Iterator[Arrival] = iter(())
        self._is_waiting = True

    def start(self, arrivals: Iterator[Arrival]) -> None:
        """Begin the loop of these requests at its start."""
        self._arrivals = arrivals
        self._engine.pacer.call_at(self._start_s, partial(self.go_on, self._start_s))

    @property
    def waits_since_s(self) -> float | None:
        """`None`: a request in progress belongs to an activity of its own."""
        return None

    def rest(self) -> None:
        """Begin nothing more."""
        if self._is_waiting:
            self._engine.end_work(self)

    def interrupt(self) -> None:
        """Begin nothing more. A request or iteration in progress is an activity of its own."""
        self.rest()

    def go_on(self, free_s: float) -> None:
        """Begin or plan the next request of the VU, which is free since this time."""
        engine = self._engine
        arrival = next(self._arrivals)
        due_s = free_s + arrival.think_time_s
        if engine.is_interrupted or due_s >= self._end_s or arrival.iteration == self._iterations:
            engine.end_work(self)
        elif due_s > engine.pacer.now_s():
            self._is_waiting = True
            engine.pacer.call_at(due_s, partial(self._begin_if_active, arrival, due_s))
        else:
            self._begin(arrival, due_s)

    def _begin_if_active(self, arrival: Arrival, due_s: float) -> None:
        if not self._engine.is_interrupted:
            self._begin(arrival, due_s)

    def _begin(self, arrival: Arrival, due_s: float) -> None:
        self._is_waiting = False
        vu = self._arms[arrival.arm]
        self._engine.begin_activity(vu, arrival, due_s, self._end_s, self.go_on)
