"""Executes a plan: VUs in closed loops, requests at their planned times in open loops.

The pacer is its only clock. Every request becomes a sample that includes the delay of the load generator. A
request that was dropped, because too many others were in progress, becomes a sample too.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Generic, Protocol, TypeVar

from bench.core.config.executors import ClosedLoop, OpenLoop
from bench.core.load.arrival import Arrival
from bench.core.load.plan import RunPlan, Span
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Culprit, Outcome
from bench.timing.pacing import Pacer

_CANCELLED = "cancelled because the run ended early"


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

    async def send(
        self, arrival: Arrival, scheduled_s: float, origin_s: float
    ) -> tuple[RequestSample, Sequence[float]]:
        """Send a request and read its response. A failed request is a sample too.

        Args:
            arrival: The request.
            scheduled_s: Its planned time, in seconds since the start of the run.
            origin_s: The start of the run on the pacer's clock.

        Returns:
            The sample, and when each piece of text was read, on the pacer's clock.
        """
        ...

    def interrupted(
        self, arrival: Arrival, scheduled_s: float, origin_s: float, failure: tuple[Outcome, str]
    ) -> RequestSample:
        """Return the sample of a request whose `send` was cancelled, with its times until now.

        Args:
            arrival: The request.
            scheduled_s: Its planned time, in seconds since the start of the run.
            origin_s: The start of the run on the pacer's clock.
            failure: The outcome, and an explanation for people.
        """
        ...


User = TypeVar("User", bound=Participant)
GracefulStop = Callable[[float], float]
"""Returns how long requests may take after the end of a phase, from the slowest answer so far; in seconds."""
OpenVu = Callable[[int, int], User]
"""Makes a VU from its number, and the number of its arm, or of its journey in a mix."""
OnSample = Callable[[RequestSample, Sequence[float]], None]
Begin = Callable[[int], Awaitable[float]]


class Loops(ABC, Generic[User]):
    """Executes a plan once.

    Args:
        plan: The requests to send.
        open_vu: Makes a VU.
        on_sample: Called when a request ends, with its sample and the times of its pieces of text.
        pacer: The clock of all times, and the timer of all requests.
        graceful_stop: Decides how long requests in progress at the end of a phase may take.
    """

    def __init__(
        self,
        plan: RunPlan,
        open_vu: OpenVu[User],
        on_sample: OnSample,
        pacer: Pacer,
        graceful_stop: GracefulStop,
    ) -> None:
        self._plan = plan
        self._open_vu = open_vu
        self._on_sample = on_sample
        self._pacer = pacer
        self._graceful_stop = graceful_stop
        self._slowest_s = 0.0
        self._phase_end_s = 0.0
        self._phase_limit = asyncio.Timeout(None)
        self._vus = {number: self._open_arms(number) for number in _closed_loop_vus(plan)}
        self._other_vus: list[User] = []
        self._more_users: Counter[int] = Counter()
        self._idle: defaultdict[int, list[User]] = defaultdict(list)
        self._in_flight = 0
        self._origin_s = 0.0

    @property
    def in_flight(self) -> int:
        """Number of requests in progress."""
        return self._in_flight

    async def open(self) -> None:
        """Open all connections before the run starts, so that no request waits for that."""
        await asyncio.gather(*(vu.open() for arms in self._vus.values() for vu in arms))
        for number, arms in self._vus.items():
            self._idle[self._plan.part_of(number)].append(arms[0])

    async def run(self, begin: Begin) -> None:
        """Send all requests. If it is cancelled, the requests in progress are recorded as CANCELLED.

        Args:
            begin: Waits until a phase may begin, given its number; returns its start on the pacer's clock.
        """
        for index, phase in enumerate(self._plan.phases):
            start_s = await begin(index)
            if index == 0:
                self._origin_s = start_s
            if isinstance(phase, OpenLoop):
                await self._run_open(index, phase, start_s)
            else:
                await self._run_closed(index, phase, start_s)

    async def close(self) -> None:
        """Close all connections."""
        vus = [vu for arms in self._vus.values() for vu in arms]
        await asyncio.gather(*(vu.close() for vu in [*vus, *self._other_vus]))

    @abstractmethod
    async def _act(self, vu: User, arrival: Arrival, due_s: float, _end_s: float, /) -> float:
        """Do everything that an arrival stands for, and return when the VU is free again.

        Args:
            vu: The VU.
            arrival: The request or the iteration.
            due_s: Its planned time, on the pacer's clock like all these times.
            _end_s: The time from which the VU begins nothing new.
        """

    @abstractmethod
    def _open_arms(self, number: int) -> list[User]:
        """Return the VU of this number, with one connection per target if the run compares two."""

    async def _run_closed(self, index: int, phase: ClosedLoop, start_s: float) -> None:
        end_s = start_s + phase.duration_s
        spans = self._plan.spans(index)
        async with self._tasks_until(end_s) as group:
            for span in spans:
                group.create_task(self._run_vu(index, span, start_s))
        if any(span.iterations is None for span in spans):
            # A VU ends before the phase if its next request would be too late.
            await self._pacer.sleep_until(end_s)

    async def _run_vu(self, phase: int, span: Span, start_s: float) -> None:
        """Run the loop of one VU: each request is due one think time after the previous exchange."""
        vus = self._vus[span.vu]
        free_s = start_s + span.start_s
        end_s = start_s + span.end_s
        for arrival in self._plan.requests(phase, span.vu):
            due_s = free_s + arrival.think_time_s
            if due_s >= end_s or arrival.iteration == span.iterations:
                return
            await self._pacer.sleep_until(due_s)
            self._in_flight += 1
            try:
                free_s = await self._act(vus[arrival.arm], arrival, due_s, end_s)
            finally:
                self._in_flight -= 1

    async def _run_open(self, index: int, phase: OpenLoop, start_s: float) -> None:
        end_s = start_s + phase.duration_s
        max_vus = self._plan.max_vus(index)
        self._in_flight = 0
        async with self._tasks_until(end_s) as group:
            for arrival in self._plan.arrivals(index):
                due_s = start_s + arrival.offset_s
                await self._pacer.sleep_until(due_s)
                if self._in_flight >= max_vus:
                    detail = f"{max_vus} requests were in progress when it was due"
                    self._record_dropped(arrival, due_s, detail)
                else:
                    self._in_flight += 1
                    group.create_task(self._act_with_idle_vu(arrival, due_s, end_s))
            await self._pacer.sleep_until(end_s)

    @asynccontextmanager
    async def _tasks_until(self, end_s: float) -> AsyncIterator[asyncio.TaskGroup]:
        """Provide a group of tasks. The limit cuts off those that exceed the graceful stop after `end_s`."""
        self._phase_end_s = end_s
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(self._remaining_s()) as self._phase_limit,
                asyncio.TaskGroup() as group,
            ):
                yield group

    def _note_answer(self, took_s: float) -> None:
        """Extend the graceful stop of the phase if an answer is slower than all before it."""
        if took_s <= self._slowest_s:
            return
        self._slowest_s = took_s
        if not self._phase_limit.expired():
            self._phase_limit.reschedule(asyncio.get_running_loop().time() + self._remaining_s())

    async def _act_with_idle_vu(self, arrival: Arrival, due_s: float, end_s: float) -> None:
        """Do an arrival of an open loop with an idle VU, or with a new one."""
        idle = self._idle[arrival.part]
        vu = idle.pop() if idle else self._another_vu(arrival)
        try:
            await self._act(vu, arrival, due_s, end_s)
        finally:
            idle.append(vu)
            self._in_flight -= 1

    def _another_vu(self, arrival: Arrival) -> User:
        vu = self._open_vu(arrival.vu, arrival.part)
        self._other_vus.append(vu)
        return vu

    async def _send(self, vu: VirtualUser, arrival: Arrival, due_s: float) -> RequestSample:
        """Send a request, record it, and return its sample."""
        origin_s = self._origin_s
        try:
            sample, token_times_s = await vu.send(arrival, due_s - origin_s, origin_s)
        except asyncio.CancelledError:
            waited_s = self._pacer.now_s() - due_s
            failure = self._interruption(arrival, waited_s)
            self._on_sample(vu.interrupted(arrival, due_s - origin_s, origin_s, failure), ())
            raise
        if sample.outcome is Outcome.OK:
            self._note_answer(sample.finished_s - sample.scheduled_s)
        self._on_sample(sample, token_times_s)
        return sample

    def _end_of(self, sample: RequestSample) -> float:
        """Return when the exchange of a request ended, on the pacer's clock."""
        return (sample.finished_s if sample.closed_s is None else sample.closed_s) + self._origin_s

    def _interruption(self, arrival: Arrival, waited_s: float) -> tuple[Outcome, str]:
        """Return outcome and detail of a request that is cancelled now."""
        # A request that the VU would have cancelled anyway is no worse for the end of its phase.
        if self._phase_limit.expired() and arrival.cancel_after_s is None:
            return Outcome.CUT_OFF, f"no complete response after {waited_s:.3g} s, when its phase ended"
        return Outcome.CANCELLED, _CANCELLED

    def _record_dropped(self, arrival: Arrival, due_s: float, detail: str) -> None:
        """Record a request that was not sent."""
        planned_s = due_s - self._origin_s
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

    def _remaining_s(self) -> float:
        """Return how long the phase may still take, with its graceful stop."""
        return self._phase_end_s + self._graceful_stop(self._slowest_s) - self._pacer.now_s()


class Engine(Loops[VirtualUser]):
    """Executes a plan whose arrivals are single requests."""

    async def _act(self, vu: VirtualUser, arrival: Arrival, due_s: float, _end_s: float, /) -> float:
        """Send a request."""
        return self._end_of(await self._send(vu, arrival, due_s))

    def _open_arms(self, number: int) -> list[VirtualUser]:
        return [self._open_vu(number, arm) for arm in range(self._plan.arms)]


def _closed_loop_vus(plan: RunPlan) -> list[int]:
    """Return the numbers of the VUs of all closed loops, sorted."""
    numbers: set[int] = set()
    for index, phase in enumerate(plan.phases):
        if isinstance(phase, ClosedLoop):
            numbers.update(span.vu for span in plan.spans(index))
    return sorted(numbers)
