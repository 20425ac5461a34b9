"""Drives a plan: virtual users in closed loops, requests at their time in open ones.

Its only clock is the pacer's. It keeps no opinion: every request that was begun becomes a sample, with our
own lateness in it, and so does one that could not begin in time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from bench.core.config.executors import ClosedLoop, OpenLoop
from bench.core.load.plan import Arrival, RunPlan, Span
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.measure.machine.pacing import Pacer


@dataclass(slots=True)
class Answer:
    """What one request came to. Times are the pacer's, durations seconds; see `RequestSample`."""

    outcome: Outcome
    finished_s: float
    connect_s: float | None = None
    sent_s: float | None = None
    first_byte_s: float | None = None
    token_times_s: Sequence[float] = ()
    tokens: int | None = None
    intercepted: bool | None = None
    status: int | None = None
    detail: str | None = None
    tier_times: Mapping[str, float] = field(default_factory=dict)


class VirtualUser(Protocol):
    """A virtual user: a connection, and somebody's token."""

    async def open(self) -> None:
        """Open the connection. That it fails is no matter here: the first request will show it."""
        ...

    async def ask(self, arrival: Arrival) -> Answer:
        """Send the message and wait for the answer. A failed request is an answer."""
        ...

    async def close(self) -> None:
        """Give up the connection."""
        ...


OpenVu = Callable[[int, int], VirtualUser]
OnSample = Callable[[RequestSample, Sequence[float]], None]
Begin = Callable[[int], Awaitable[float]]


class Engine:
    """Runs a plan once.

    Args:
        plan: What to send.
        open_vu: Makes the virtual user of a number, for the arm of a number.
        on_sample: Is given each sample as soon as its request is over, and the times of its tokens.
        pacer: Knows the time and waits for it.
        graceful_stop_s: How long requests under way at the end of a stage may take.
    """

    def __init__(
        self, plan: RunPlan, open_vu: OpenVu, on_sample: OnSample, pacer: Pacer, graceful_stop_s: float
    ) -> None:
        self._plan = plan
        self._open_vu = open_vu
        self._on_sample = on_sample
        self._pacer = pacer
        self._graceful_stop_s = graceful_stop_s
        closed = [index for index, phase in enumerate(plan.phases) if isinstance(phase, ClosedLoop)]
        numbers = sorted({span.vu for index in closed for span in plan.spans(index)})
        # By arm: a user has a connection to each target.
        self._vus = {number: [open_vu(number, arm) for arm in range(plan.arms)] for number in numbers}
        self._others: list[VirtualUser] = []
        self._idle: list[VirtualUser] = []
        self._in_flight = 0
        self._origin_s = 0.0

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._in_flight

    async def open(self) -> None:
        """Open all connections before the clock starts: what it costs to do so at once is ours."""
        await asyncio.gather(*(vu.open() for arms in self._vus.values() for vu in arms))
        self._idle = [arms[0] for arms in self._vus.values()]

    async def run(self, begin: Begin) -> None:
        """Send everything. Cancelling it records the requests under way as CANCELLED.

        Args:
            begin: Waits until the stage of a number may begin, and says when that is, on the pacer's clock.
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
        """Close every user's connection."""
        closed = [vu for arms in self._vus.values() for vu in arms]
        await asyncio.gather(*(vu.close() for vu in [*closed, *self._others]))

    async def _run_closed(self, index: int, phase: ClosedLoop, start_s: float) -> None:
        end_s = start_s + phase.duration_s
        spans = self._plan.spans(index)
        # Requests that outlive the grace are recorded as cancelled.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._left_s(end_s)), asyncio.TaskGroup() as group:
                for span in spans:
                    group.create_task(self._chat(index, span, start_s))
        if any(span.iterations is None for span in spans):
            # Users whose next message would be too late are done, but a stage lasts as long as it says.
            await self._pacer.sleep_until(end_s)

    async def _chat(self, phase: int, span: Span, start_s: float) -> None:
        """One user's loop: each message is due one pause after the answer to the last."""
        vus = self._vus[span.vu]
        free_s, end_s = start_s + span.start_s, start_s + span.end_s
        for arrival in self._plan.requests(phase, span.vu):
            due_s = free_s + arrival.think_time_s
            if due_s >= end_s or arrival.iteration == span.iterations:
                return
            await self._pacer.sleep_until(due_s)
            self._in_flight += 1
            try:
                free_s = await self._ask(vus[arrival.arm], arrival, due_s)
            finally:
                self._in_flight -= 1

    async def _run_open(self, index: int, phase: OpenLoop, start_s: float) -> None:
        end_s = start_s + phase.duration_s
        most = self._plan.max_vus(index)
        self._in_flight = 0
        # Requests that outlive the grace are recorded as cancelled.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._left_s(end_s)), asyncio.TaskGroup() as group:
                for arrival in self._plan.arrivals(index):
                    due_s = start_s + arrival.offset_s
                    await self._pacer.sleep_until(due_s)
                    if self._in_flight >= most:
                        self._record(arrival, due_s, _dropped(due_s, most))
                    else:
                        self._in_flight += 1
                        group.create_task(self._send(arrival, due_s))
                await self._pacer.sleep_until(end_s)

    async def _send(self, arrival: Arrival, due_s: float) -> None:
        """One request of an open loop, with whichever connection is free."""
        vu = self._idle.pop() if self._idle else self._another_vu(arrival.vu)
        try:
            await self._ask(vu, arrival, due_s)
        finally:
            self._idle.append(vu)
            self._in_flight -= 1

    def _another_vu(self, number: int) -> VirtualUser:
        vu = self._open_vu(number, 0)
        self._others.append(vu)
        return vu

    async def _ask(self, vu: VirtualUser, arrival: Arrival, due_s: float) -> float:
        """Ask, record, and say when it was over."""
        try:
            answer = await vu.ask(arrival)
        except asyncio.CancelledError:
            self._record(arrival, due_s, _taken_back(self._pacer.now_s()))
            raise
        self._record(arrival, due_s, answer)
        return answer.finished_s

    def _record(self, arrival: Arrival, due_s: float, answer: Answer) -> None:
        origin_s, times_s = self._origin_s, answer.token_times_s
        sample = RequestSample(
            phase=arrival.phase,
            vu=arrival.vu,
            iteration=arrival.iteration,
            prompt=arrival.label,
            arm=arrival.arm,
            scheduled_s=due_s - origin_s,
            connect_s=answer.connect_s,
            sent_s=None if answer.sent_s is None else answer.sent_s - origin_s,
            first_byte_s=None if answer.first_byte_s is None else answer.first_byte_s - origin_s,
            first_token_s=times_s[0] - origin_s if times_s else None,
            last_token_s=times_s[-1] - origin_s if times_s else None,
            finished_s=answer.finished_s - origin_s,
            tokens=answer.tokens,
            intercepted=answer.intercepted,
            status=answer.status,
            outcome=answer.outcome,
            detail=answer.detail,
            tier_times=answer.tier_times,
        )
        self._on_sample(sample, times_s)

    def _left_s(self, end_s: float) -> float:
        """How long a stage may still take."""
        return end_s + self._graceful_stop_s - self._pacer.now_s()


def _taken_back(now_s: float) -> Answer:
    return Answer(outcome=Outcome.CANCELLED, finished_s=now_s, detail="taken back at the end of the run")


def _dropped(due_s: float, max_vus: int) -> Answer:
    detail = f"{max_vus} requests were under way when it was due"
    return Answer(outcome=Outcome.DROPPED, finished_s=due_s, detail=detail)
