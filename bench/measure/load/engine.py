"""Executes a plan: VUs in closed loops, requests at their planned times in open loops.

Everything happens in callbacks: the one that reads the end of a response begins the VU's next request, and
one timer begins all requests that are due. The pacer is the only clock. Every request becomes a sample that
includes the delay of the load generator. A request that was dropped, because too many others were in
progress, becomes a sample too.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from bench.core.config.executors import ClosedLoop, OpenLoop
from bench.core.load.arrival import Arrival
from bench.core.load.plan import RunPlan
from bench.core.load.spans import Span
from bench.core.response.failure import Failure
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Culprit, Outcome
from bench.measure.load.request_client import OnSample
from bench.timing.pacing import Pacer

_CANCELLED = "cancelled because the run ended early"
_LONGEST_TURN_S = 0.001
"""Longest time for which the requests of an open loop that are due keep the responses waiting."""
_CLEAN_UP_S = 3.0
"""Time for the clean-up of all users after the run was ended early, or after the graceful stop."""


class Participant(Protocol):
    """A VU of any kind."""

    async def open(self) -> None:
        """Open the connections. Failures are ignored, since the first request will show them."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class VirtualUser(Participant, Protocol):
    """A VU: one connection to one target."""

    def post(self, arrival: Arrival) -> None:
        """Write a request at once if that needs no other work; `begin` must follow in the same callback."""
        ...

    def begin(self, arrival: Arrival, scheduled_s: float, origin_s: float, on_sample: OnSample) -> None:
        """Send a request and read its response. A failed request is a sample too.

        Args:
            arrival: The request.
            scheduled_s: Its planned time, in seconds since the start of the run.
            origin_s: The start of the run on the pacer's clock.
            on_sample: Called when the request has ended, never before this function returns.
        """
        ...

    def cut(self, failure: Failure) -> None:
        """End the request in progress now: its sample has this failure, and its times until now."""
        ...


User = TypeVar("User", bound=Participant)
GracefulStop = Callable[[float], float]
"""Returns how long requests may take after the end of a phase, from the slowest answer so far; in seconds."""
OpenVu = Callable[[int, int], User]
"""Makes a VU from its number, and the number of its arm, or of its journey in a mix."""
Begin = Callable[[int], Awaitable[float]]
OnFree = Callable[[float], None]
"""Called when a VU is free again, with the time on the pacer's clock."""


class Activity(Protocol):
    """Something that begins requests in a phase. It calls `Loops.end_work` when it has ended."""

    def interrupt(self) -> None:
        """End the request in progress now, and begin only what cleans up."""
        ...


class Loops(ABC, Generic[User]):
    """Executes a plan once.

    Args:
        plan: The requests to send.
        open_vu: Makes a VU.
        on_sample: Called when a request ends, with its sample and the times of its pieces of text.
        pacer: The clock of all times, and the timer of all requests.
        graceful_stop: Decides how long requests in progress at the end of a phase may take.

    Attributes:
        pacer: The clock of all times, and the timer of all requests.
        in_flight: Number of requests or iterations in progress.
        is_interrupted: Whether the phase was ended, so that nothing more begins.
        origin_s: Start of the run, on the pacer's clock.
    """

    def __init__(
        self,
        plan: RunPlan,
        open_vu: OpenVu[User],
        on_sample: OnSample,
        pacer: Pacer,
        graceful_stop: GracefulStop,
    ) -> None:
        self.pacer = pacer
        self._plan = plan
        self._open_vu = open_vu
        self._on_sample = on_sample
        self._graceful_stop = graceful_stop
        self._slowest_s = 0.0
        self._phase_end_s = 0.0
        self._vus = {number: self._open_arms(number) for number in _closed_loop_vus(plan)}
        self._other_vus: list[User] = []
        self._more_users: Counter[int] = Counter()
        self._idle: defaultdict[int, list[User]] = defaultdict(list)
        self._activities: set[Activity] = set()
        self._phase_over: asyncio.Future[None] | None = None
        self._limit_passed = False
        self.is_interrupted = False
        self.origin_s = 0.0
        self.in_flight = 0

    async def open(self) -> None:
        """Open all connections before the run starts, so that no request waits for that."""
        await asyncio.gather(*(vu.open() for arms in self._vus.values() for vu in arms))
        for number, arms in self._vus.items():
            self._idle[self._plan.part_of(number)].append(arms[0])

    async def run(self, begin: Begin) -> None:
        """Send all requests. If it is cancelled, the requests in progress are recorded as CANCELLED.

        Args:
            begin: Waits until a phase may begin, given its number; returns its start on the pacer's clock.

        Raises:
            Exception: A callback failed, which is an error of this program.
        """
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._fail)
        try:
            for index, phase in enumerate(self._plan.phases):
                start_s = await begin(index)
                if index == 0:
                    self.origin_s = start_s
                await self._run_phase(index, phase, start_s)
        finally:
            loop.set_exception_handler(None)

    async def close(self) -> None:
        """Close all connections."""
        vus = [vu for arms in self._vus.values() for vu in arms]
        await asyncio.gather(*(vu.close() for vu in [*vus, *self._other_vus]))

    def post(self, vu: User, arrival: Arrival) -> None:
        """Write the request of an arrival at once if it is known; `begin_activity` follows in this turn."""

    @abstractmethod
    def begin_activity(self, vu: User, arrival: Arrival, due_s: float, end_s: float, on_free: OnFree) -> None:
        """Begin everything that an arrival stands for, and count it in `in_flight` until it has ended.

        Args:
            vu: The VU.
            arrival: The request or the iteration.
            due_s: Its planned time, on the pacer's clock like all these times.
            end_s: The time from which the VU begins nothing new.
            on_free: Called when the VU is free again.
        """

    def make_loop(self, arms: Sequence[User], span: Span, start_s: float) -> "ClosedLoopVu[User]":
        """Return the closed loop of a VU, which has these connections."""
        return ClosedLoopVu(self, arms, span, start_s)

    @abstractmethod
    def _open_arms(self, number: int) -> list[User]:
        """Return the VU of this number, with one connection per target if the run compares two."""

    async def _run_phase(self, index: int, phase: ClosedLoop | OpenLoop, start_s: float) -> None:
        self._phase_end_s = start_s + phase.duration_s
        self._limit_passed = False
        self.is_interrupted = False
        phase_over = self._phase_over = asyncio.get_running_loop().create_future()
        waits_for_end = True
        if isinstance(phase, OpenLoop):
            self._start_open(index, start_s)
        else:
            spans = self._plan.spans(index)
            # A VU ends before the phase if its next request would be too late.
            waits_for_end = any(span.iterations is None for span in spans)
            self._start_closed(index, spans, start_s)
        self._check_limit(phase_over)
        try:
            await phase_over
            if waits_for_end:
                await self.pacer.sleep_until(self._phase_end_s)
        except asyncio.CancelledError:
            await self._end_early()
            raise
        finally:
            self._phase_over = None

    def _start_closed(self, index: int, spans: Sequence[Span], start_s: float) -> None:
        loops = [self.make_loop(self._vus[span.vu], span, start_s) for span in spans]
        self._activities.update(loops)
        for loop, span in zip(loops, spans, strict=True):
            loop.start(self._plan.requests(index, span.vu))
        self._settle()

    def _start_open(self, index: int, start_s: float) -> None:
        arrivals = self._plan.arrivals(index)
        span_s = (start_s, self._phase_end_s)
        source = OpenLoopSource(self, arrivals, span_s, self._plan.max_vus(index))
        self.begin_work(source)
        source.plan_next()

    async def _end_early(self) -> None:
        """End all requests in progress, and give users a short time to clean up."""
        self.interrupt_all()
        if self._activities:
            self._phase_over = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._phase_over], timeout=_CLEAN_UP_S)
            self.interrupt_all()

    def _check_limit(self, phase_over: "asyncio.Future[None]") -> None:
        """End the requests that exceed the graceful stop. A slower answer than all before it extends it."""
        if phase_over.done():
            return
        limit_s = self._phase_end_s + self._graceful_stop(self._slowest_s)
        if self.pacer.now_s() < limit_s:
            self.pacer.call_at(limit_s, partial(self._check_limit, phase_over))
            return
        self._limit_passed = True
        self.interrupt_all()
        if self._activities:
            self.pacer.call_at(self.pacer.now_s() + _CLEAN_UP_S, self.interrupt_all)

    def interrupt_all(self) -> None:
        """End all requests in progress now. Nothing more begins."""
        self.is_interrupted = True
        for activity in list(self._activities):
            activity.interrupt()
        self._settle()

    def begin_work(self, activity: Activity) -> None:
        """Keep an activity until it has ended."""
        self._activities.add(activity)

    def end_work(self, activity: Activity) -> None:
        """Forget an activity that has ended."""
        self._activities.discard(activity)
        self._settle()

    def _settle(self) -> None:
        """End the phase if nothing is left to do."""
        if self._activities or self._phase_over is None or self._phase_over.done():
            return
        self._phase_over.set_result(None)

    def _fail(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """End the run because a callback failed."""
        error = context.get("exception") or RuntimeError(context["message"])
        if self._phase_over is not None and not self._phase_over.done():
            self._phase_over.set_exception(error)

    def record(self, sample: RequestSample, token_times_s: Sequence[float]) -> None:
        """Record a request that has ended."""
        took_s = sample.finished_s - sample.scheduled_s
        if took_s > self._slowest_s and sample.outcome is Outcome.OK:
            self._slowest_s = took_s
        self._on_sample(sample, token_times_s)

    def end_of(self, sample: RequestSample) -> float:
        """Return when the exchange of a request ended, on the pacer's clock."""
        return (sample.finished_s if sample.closed_s is None else sample.closed_s) + self.origin_s

    def interruption(self, arrival: Arrival, due_s: float) -> Failure:
        """Return outcome and detail of a request that is interrupted now."""
        # A request that the VU would have cancelled anyway is no worse for the end of its phase.
        if self._limit_passed and arrival.cancel_after_s is None:
            waited_s = self.pacer.now_s() - due_s
            return Outcome.CUT_OFF, f"no complete response after {waited_s:.3g} s, when its phase ended"
        return Outcome.CANCELLED, _CANCELLED

    def take_idle(self, arrival: Arrival) -> User:
        """Return an idle VU for an arrival of an open loop, or a new one."""
        idle = self._idle[arrival.part]
        return idle.pop() if idle else self._another_vu(arrival)

    def put_idle(self, arrival: Arrival, vu: User) -> None:
        """Take a VU back that has done an arrival."""
        self._idle[arrival.part].append(vu)

    def _another_vu(self, arrival: Arrival) -> User:
        vu = self._open_vu(arrival.vu, arrival.part)
        self._other_vus.append(vu)
        return vu

    def record_dropped(self, arrival: Arrival, due_s: float, detail: str) -> None:
        """Record a request that was not sent."""
        planned_s = due_s - self.origin_s
        sample = RequestSample(
            phase=arrival.phase,
            vu=arrival.vu,
            iteration=arrival.iteration,
            prompt=arrival.label,
            scheduled_s=planned_s,
            finished_s=planned_s,
            outcome=Outcome.DROPPED,
            arm=arrival.arm,
            detail=detail,
            culprit=Culprit.TARGET,
        )
        self._on_sample(sample, ())


class ClosedLoopVu(Generic[User]):
    """One VU of a closed loop: each request is due one think time after the exchange before it.

    Args:
        engine: Executes the plan.
        arms: The VU's connection to each target.
        span: The time in which the VU is active.
        start_s: Start of the phase, on the pacer's clock.
    """

    def __init__(self, engine: Loops[User], arms: Sequence[User], span: Span, start_s: float) -> None:
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

    def interrupt(self) -> None:
        """Begin nothing more. A request or iteration in progress is an activity of its own."""
        if self._is_waiting:
            self._engine.end_work(self)

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


class OpenLoopSource(Generic[User]):
    """Begins the requests of an open loop when they are due. Those that are due together leave in one turn.

    Args:
        engine: Executes the plan.
        arrivals: The requests, in the order in which they are due.
        span_s: Start and end of the phase, on the pacer's clock.
        max_vus: Largest number of requests in progress; a request above it is dropped.
    """

    def __init__(
        self, engine: Loops[User], arrivals: Iterator[Arrival], span_s: tuple[float, float], max_vus: int
    ) -> None:
        self._engine = engine
        self._arrivals = arrivals
        self._start_s = span_s[0]
        self._end_s = span_s[1]
        self._max_vus = max_vus
        self._next: Arrival | None = next(arrivals, None)

    def interrupt(self) -> None:
        """Begin nothing more."""
        self._engine.end_work(self)

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

    def interrupt(self) -> None:
        """End the request in progress now, and begin no more."""
        if self._is_waiting:
            self._engine.end_work(self)
        else:
            vu = self._arms[self._arrival.arm]
            vu.cut(self._engine.interruption(self._arrival, self._due_s))

    def _begin(self, arrival: Arrival, due_s: float) -> None:
        engine = self._engine
        self._is_waiting = False
        self._arrival = arrival
        self._due_s = due_s
        engine.in_flight += 1
        self._arms[arrival.arm].begin(arrival, due_s - engine.origin_s, engine.origin_s, self._end)

    def _end(self, sample: RequestSample, token_times_s: Sequence[float]) -> None:
        """Record the request, which has ended, and go on."""
        engine = self._engine
        engine.in_flight -= 1
        engine.record(sample, token_times_s)
        closed_s = sample.closed_s
        self.go_on((sample.finished_s if closed_s is None else closed_s) + engine.origin_s)


def _closed_loop_vus(plan: RunPlan) -> list[int]:
    """Return the numbers of the VUs of all closed loops, sorted."""
    numbers: set[int] = set()
    for index, phase in enumerate(plan.phases):
        if isinstance(phase, ClosedLoop):
            numbers.update(span.vu for span in plan.spans(index))
    return sorted(numbers)
