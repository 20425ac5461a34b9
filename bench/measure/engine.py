"""Drives a plan: virtual users in closed loops. Its only clock is the event loop's.

It keeps no opinion: every request that was begun becomes a sample, with our own lateness in it.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from bench.core.plan import Arrival, RunPlan
from bench.core.sample import Outcome, RequestSample
from bench.core.scenario import Stage


@dataclass(slots=True)
class Answer:
    """What one request came to. Times are the event loop's, durations seconds; see `RequestSample`."""

    outcome: Outcome
    finished_s: float
    connect_s: float | None = None
    sent_s: float | None = None
    first_token_s: float | None = None
    tokens: int | None = None
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
        open_user: Makes the virtual user of a number.
        on_sample: Is given each sample as soon as its request is over.
        grace_s: How long requests under way at the end of a stage may take.
    """

    def __init__(
        self,
        plan: RunPlan,
        open_user: Callable[[int], User],
        on_sample: Callable[[RequestSample], None],
        grace_s: float,
    ) -> None:
        self._plan = plan
        self._users = [open_user(number) for number in range(max(stage.users for stage in plan.stages))]
        self._on_sample = on_sample
        self._grace_s = grace_s
        self._finished = 0
        self._origin_s = 0.0

    async def open(self) -> None:
        """Open all connections before the clock starts: what it costs to do so at once is ours."""
        await asyncio.gather(*(user.open() for user in self._users))

    async def run(self) -> None:
        """Send everything. Cancelling it records the requests under way as CANCELLED."""
        self._origin_s = asyncio.get_running_loop().time()
        for index, stage in enumerate(self._plan.stages):
            await self._run_stage(index, stage)

    async def close(self) -> None:
        """Close every user's connection."""
        await asyncio.gather(*(user.close() for user in self._users))

    async def _run_stage(self, index: int, stage: Stage) -> None:
        start_s = asyncio.get_running_loop().time()
        end_s = start_s + stage.duration_s
        # Requests that outlive the grace are recorded as cancelled.
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end_s + self._grace_s), asyncio.TaskGroup() as group:
                for number in range(stage.users):
                    group.create_task(self._chat(index, number, start_s, end_s))
        # Users whose next message would be too late are done, but a stage lasts as long as it says.
        await asyncio.sleep(max(0.0, end_s - asyncio.get_running_loop().time()))

    async def _chat(self, stage: int, number: int, start_s: float, end_s: float) -> None:
        """One user's loop: each message is due one pause after the answer to the last."""
        loop = asyncio.get_running_loop()
        user = self._users[number]
        free_s, turn = start_s, 0
        while True:
            arrival = self._plan.arrival(stage, number, turn)
            due_s = free_s + arrival.pause_s
            if due_s >= end_s:
                return
            await asyncio.sleep(due_s - loop.time())
            try:
                answer = await user.ask(arrival.prompt)
            except asyncio.CancelledError:
                self._record(arrival, due_s, _cancelled(loop.time()))
                raise
            self._record(arrival, due_s, answer)
            free_s, turn = answer.finished_s, turn + 1

    def _record(self, arrival: Arrival, due_s: float, answer: Answer) -> None:
        self._on_sample(
            RequestSample(
                stage=arrival.stage,
                seq=self._finished,
                user=arrival.user,
                turn=arrival.turn,
                prompt=arrival.prompt,
                scheduled_s=due_s - self._origin_s,
                connect_s=answer.connect_s,
                sent_s=self._offset(answer.sent_s),
                first_token_s=self._offset(answer.first_token_s),
                finished_s=answer.finished_s - self._origin_s,
                tokens=answer.tokens,
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
