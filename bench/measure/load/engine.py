"""Executes a plan of single requests: VUs in closed loops, requests at their planned times in open loops.

Everything happens in callbacks: the one that reads the end of a response begins the VU's next request, and
one timer begins all requests that are due. The pacer is the only clock. Every request becomes a sample that
includes the delay of the load generator. A request that was dropped, because too many others were in
progress, becomes a sample too.
"""

from collections.abc import Sequence

from bench.core.load.arrival import Arrival
from bench.core.load.spans import Span
from bench.core.samples.request import RequestSample
from bench.measure.load.closed_loop import ClosedLoopVu
from bench.measure.load.loops import Loops
from bench.measure.load.virtual_user import OnFree, VirtualUser


class Engine(Loops[VirtualUser]):
    """Executes a plan whose arrivals are single requests."""

    def post(self, vu: VirtualUser, arrival: Arrival) -> None:
        """Write the request, so that the work for it does not delay the next one."""
        vu.post(arrival)

    def begin_activity(
        self, vu: VirtualUser, arrival: Arrival, due_s: float, _end_s: float, on_free: OnFree, /
    ) -> None:
        """Send a request."""
        SingleRequest(self, on_free).begin(vu, arrival, due_s)

    def make_loop(self, arms: Sequence[VirtualUser], span: Span, start_s: float) -> ClosedLoopVu[VirtualUser]:
        """Return the closed loop of a VU."""
        return RequestLoop(self, arms, span, start_s)

    def _open_arms(self, number: int) -> list[VirtualUser]:
        return [self._open_vu(number, arm) for arm in range(self._plan.arms)]


class SingleRequest:
    """One request of an open loop.

    Args:
        engine: Executes the plan.
        on_free: Called when the request has ended.
    """

    __slots__ = ("_arrival", "_due_s", "_engine", "_on_free", "_vu")

    def __init__(self, engine: Engine, on_free: OnFree) -> None:
        self._engine = engine
        self._on_free = on_free

    def begin(self, vu: VirtualUser, arrival: Arrival, due_s: float) -> None:
        """Send a request that is due at this time of the pacer's clock."""
        engine = self._engine
        self._vu = vu
        self._arrival = arrival
        self._due_s = due_s
        engine.in_flight += 1
        engine.begin_work(self)
        vu.begin(arrival, due_s - engine.origin_s, engine.origin_s, self._end)

    @property
    def waits_since_s(self) -> float | None:
        """Planned time of the request."""
        return self._due_s

    def rest(self) -> None:
        """Begin nothing more; there is nothing more."""

    def interrupt(self) -> None:
        """End the request now."""
        self._vu.cut(self._engine.interruption(self._arrival, self._due_s))

    def _end(self, sample: RequestSample, token_times_s: Sequence[float]) -> None:
        """Record the request, which has ended."""
        engine = self._engine
        engine.in_flight -= 1
        engine.record(sample, token_times_s)
        self._on_free(engine.end_of(sample))
        engine.end_work(self)


class RequestLoop(ClosedLoopVu[VirtualUser]):
    """The closed loop of a VU that sends single requests. Most loads consist of them, so it must be fast."""

    _arrival: Arrival
    _due_s: float

    def __init__(self, engine: Engine, arms: Sequence[VirtualUser], span: Span, start_s: float) -> None:
        super().__init__(engine, arms, span, start_s)
        self._requests = engine

    @property
    def waits_since_s(self) -> float | None:
        """Planned time of the request in progress; `None` between two requests."""
        return None if self._is_waiting else self._due_s

    def rest(self) -> None:
        """Begin no more."""
        if self._is_waiting:
            self._requests.end_work(self)

    def interrupt(self) -> None:
        """End the request in progress now, and begin no more."""
        if self._is_waiting:
            self._requests.end_work(self)
        else:
            vu = self._arms[self._arrival.arm]
            vu.cut(self._requests.interruption(self._arrival, self._due_s))

    def _begin(self, arrival: Arrival, due_s: float) -> None:
        engine = self._requests
        self._is_waiting = False
        self._arrival = arrival
        self._due_s = due_s
        engine.in_flight += 1
        self._arms[arrival.arm].begin(arrival, due_s - engine.origin_s, engine.origin_s, self._end)

    def _end(self, sample: RequestSample, token_times_s: Sequence[float]) -> None:
        """Record the request, which has ended, and go on."""
        engine = self._requests
        engine.in_flight -= 1
        engine.record(sample, token_times_s)
        self.go_on(engine.end_of(sample))
