"""Executes a plan, phase by phase: the part that single requests and journeys share."""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any, Generic

from bench.core.config.executors import ClosedLoop, OpenLoop
from bench.core.load.arrival import Arrival
from bench.core.load.plan import RunPlan
from bench.core.load.spans import Span
from bench.core.response.failure import Failure
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Culprit, Outcome
from bench.measure.load.closed_loop import ClosedLoopVu
from bench.measure.load.open_loop import OpenLoopSource
from bench.measure.load.request_client import OnSample
from bench.measure.load.virtual_user import Activity, Begin, GracefulStop, OnFree, OpenVu, User
from bench.timing.pacing import Pacer

_CANCELLED = "cancelled because the run ended early"
_CLEAN_UP_S = 3.0
"""Time for the clean-up of all users after the run was ended early, or after the graceful stop."""


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
        self._idle: defaultdict[tuple[int, int], list[User]] = defaultdict(list)
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
            for arm, vu in enumerate(arms):
                self._idle[self._plan.part_of(number), arm].append(vu)

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

    def make_loop(self, arms: Sequence[User], span: Span, start_s: float) -> ClosedLoopVu[User]:
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
            end_clean_up = partial(self._end_clean_up, phase_over)
            self.pacer.call_at(self.pacer.now_s() + _CLEAN_UP_S, end_clean_up)

    def _end_clean_up(self, phase_over: "asyncio.Future[None]") -> None:
        """End the clean-up of a phase, unless it has ended: the next phase may have begun."""
        if not phase_over.done():
            self.interrupt_all()

    def interrupt_all(self) -> None:
        """End all requests in progress now. Nothing more begins."""
        self.is_interrupted = True
        for activity in list(self._activities):
            activity.interrupt()
        self._settle()

    def end_phase(self) -> None:
        """Begin nothing more in this phase, as if its time were over. Requests in progress may end."""
        phase_over = self._phase_over
        if phase_over is None or phase_over.done():
            return
        self.is_interrupted = True
        self._phase_end_s = min(self._phase_end_s, self.pacer.now_s())
        for activity in list(self._activities):
            activity.rest()
        self._check_limit(phase_over)
        self._settle()

    def list_waits(self) -> list[float]:
        """Return the planned time of each request in progress, in seconds since the start of the run."""
        waits_s: list[float] = []
        for activity in self._activities:
            since_s = activity.waits_since_s
            if since_s is not None:
                waits_s.append(since_s - self.origin_s)
        return waits_s

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

    def _fail(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """End the run because a callback failed. Other errors are only logged."""
        error = context.get("exception")
        phase_over = self._phase_over
        is_of_task = "task" in context or "future" in context  # such as a task of a turn in Python
        if error is None or phase_over is None or is_of_task or isinstance(error, OSError):
            loop.default_exception_handler(context)
        elif not phase_over.done():
            phase_over.set_exception(error)

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
        idle = self._idle[arrival.part, arrival.arm]
        return idle.pop() if idle else self._another_vu(arrival)

    def put_idle(self, arrival: Arrival, vu: User) -> None:
        """Take a VU back that has done an arrival."""
        self._idle[arrival.part, arrival.arm].append(vu)

    def _another_vu(self, arrival: Arrival) -> User:
        vu = self._open_vu(arrival.vu, arrival.arm)
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


def _closed_loop_vus(plan: RunPlan) -> list[int]:
    """Return the numbers of the VUs of all closed loops, sorted."""
    numbers: set[int] = set()
    for index, phase in enumerate(plan.phases):
        if isinstance(phase, ClosedLoop):
            numbers.update(span.vu for span in plan.spans(index))
    return sorted(numbers)
