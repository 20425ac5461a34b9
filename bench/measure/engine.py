"""Drives a plan: virtual users in closed loops, requests at their time in open ones.

Its only clock is the event loop's. It keeps no opinion: every request that was begun becomes a sample, with
our own lateness in it, and so does one that could not begin in time.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from bench.core.load import ClosedLoop, OpenLoop
from bench.core.plan import Arrival, RunPlan, Span
from bench.core.sample import Outcome, RequestSample


@dataclass(slots=True)
class Answer:
    """What one request came to. Times are the event loop's, durations seconds; see `RequestSample`."""

    outcome: Outcome
    finished_s: float
    connect_s: float | None = None
    sent_s: float | None = None
    first_byte_s: float | None = None
    first_token_s: float | None = None
    last_token_s: float | None = None
    tokens: int | None = None
    intercepted: bool | None = None
    status: int | None = None
    detail: str | None = None
    hops: dict[str, float] = field(default_factory=dict)


class User(Protocol):
    """A virtual user: a connection, and somebody's token."""

    async def open(self) -> None:
        """Open the connection. That it fails is no matter here: the first request will show it."""
        ...

    async def ask(self, prompt: str) -> Answer:
        """Send the message of this id and wait for the answer. A failed request is an answer."""
        ...

    async def close(self) -> None:
        """Give up the connection."""
        ...


class Engine:
    """Runs a plan once.

    Args:
        plan: What to send.
        open_user: Makes the virtual user of a number, for the arm of a number.
        on_sample: Is given each sample as soon as its request is over.
        grace_s: How long requests under way at the end of a stage may take.
    """

    def __init__(
        self,
        plan: RunPlan,
        open_user: Callable[[int, int], User],
        on_sample: Callable[[RequestSample], None],
        grace_s: float,
    ) -> None:
        self._plan = plan
        self._open_user = open_user
        closed = [stage.users for stage in plan.stages if isinstance(stage, ClosedLoop)]
        # By user and arm: a user has a connection to each target.
        numbers, arms = range(max(closed, default=0)), range(plan.arms)
        self._users = [[open_user(number, arm) for arm in arms] for number in numbers]
        self._idle: list[User] = []
        self._on_sample = on_sample
        self._grace_s = grace_s
        self._finished = 0
        self._in_flight = 0
        self._origin_s = 0.0

    async def open(self) -> None:
        """Open all connections before the clock starts: what it costs to do so at once is ours."""
        await asyncio.gather(*(user.open() for arms in self._users for user in arms))
        self._idle = [arms[0] for arms in self._users]

    async def run(self) -> None:
        """Send everything. Cancelling it records the requests under way as CANCELLED."""
        self._origin_s = asyncio.get_running_loop().time()
        for index, stage in enumerate(self._plan.stages):
            if isinstance(stage, OpenLoop):
                await self._run_open(index, stage)
            else:
                await self._run_closed(index, stage)

    async def close(self) -> None:
        """Close every user's connection."""
        await asyncio.gather(*(user.close() for arms in self._users for user in arms))

    async def _run_closed(self, index: int, stage: ClosedLoop) -> None:
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        end_s = start_s + stage.duration_s
        spans = self._plan.spans(index)
        # Requests that outlive the grace are recorded as cancelled.
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end_s + self._grace_s), asyncio.TaskGroup() as group:
                for span in spans:
                    group.create_task(self._chat(index, span, start_s))
        if any(span.turns is None for span in spans):
            # Users whose next message would be too late are done, but a stage lasts as long as it says.
            await asyncio.sleep(max(0.0, end_s - loop.time()))

    async def _chat(self, stage: int, span: Span, start_s: float) -> None:
        """One user's loop: each message is due one pause after the answer to the last."""
        loop = asyncio.get_running_loop()
        users = self._users[span.user]
        free_s, end_s, turn = start_s + span.start_s, start_s + span.end_s, 0
        while span.turns is None or turn < span.turns:
            arrival = self._plan.arrival(stage, span.user, turn)
            due_s = free_s + arrival.pause_s
            if due_s >= end_s:
                return
            await asyncio.sleep(due_s - loop.time())
            free_s = await self._ask(users[arrival.arm], arrival, due_s)
            turn += 1

    async def _run_open(self, index: int, stage: OpenLoop) -> None:
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        end_s = start_s + stage.duration_s
        self._in_flight = 0
        # Requests that outlive the grace are recorded as cancelled.
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end_s + self._grace_s), asyncio.TaskGroup() as group:
                for arrival in self._plan.arrivals(index):
                    due_s = start_s + (arrival.offset_s or 0.0)
                    await asyncio.sleep(due_s - loop.time())
                    if self._in_flight >= stage.max_in_flight:
                        self._record(arrival, due_s, _dropped(due_s, stage.max_in_flight))
                    else:
                        self._in_flight += 1
                        group.create_task(self._send(arrival, due_s))
                await asyncio.sleep(max(0.0, end_s - loop.time()))

    async def _send(self, arrival: Arrival, due_s: float) -> None:
        """One request of an open loop, with whichever connection is free."""
        user = self._idle.pop() if self._idle else self._another_user()
        try:
            await self._ask(user, arrival, due_s)
        finally:
            self._idle.append(user)
            self._in_flight -= 1

    def _another_user(self) -> User:
        user = self._open_user(len(self._users), 0)
        self._users.append([user])
        return user

    async def _ask(self, user: User, arrival: Arrival, due_s: float) -> float:
        """Ask, record, and say when it was over."""
        try:
            answer = await user.ask(arrival.prompt)
        except asyncio.CancelledError:
            self._record(arrival, due_s, _cancelled(asyncio.get_running_loop().time()))
            raise
        self._record(arrival, due_s, answer)
        return answer.finished_s

    def _record(self, arrival: Arrival, due_s: float, answer: Answer) -> None:
        self._on_sample(
            RequestSample(
                stage=arrival.stage,
                seq=self._finished,
                user=arrival.user,
                turn=arrival.turn,
                prompt=arrival.prompt,
                arm=arrival.arm,
                scheduled_s=due_s - self._origin_s,
                connect_s=answer.connect_s,
                sent_s=self._offset(answer.sent_s),
                first_byte_s=self._offset(answer.first_byte_s),
                first_token_s=self._offset(answer.first_token_s),
                last_token_s=self._offset(answer.last_token_s),
                finished_s=answer.finished_s - self._origin_s,
                tokens=answer.tokens,
                intercepted=answer.intercepted,
                status=answer.status,
                outcome=answer.outcome,
                detail=answer.detail,
                hops=answer.hops,
            )
        )
        self._finished += 1

    def _offset(self, at_s: float | None) -> float | None:
        return None if at_s is None else at_s - self._origin_s


def _cancelled(now_s: float) -> Answer:
    return Answer(outcome=Outcome.CANCELLED, finished_s=now_s, detail="taken back at the end of the run")


def _dropped(due_s: float, max_in_flight: int) -> Answer:
    detail = f"{max_in_flight} requests were under way when it was due"
    return Answer(outcome=Outcome.DROPPED, finished_s=due_s, detail=detail)
