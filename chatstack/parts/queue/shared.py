"""The queue that all backends share, on Redis.

A job is a ticket. Any backend may begin its turn, and the stream of events tells the backend that holds the
client, which then asks the agent itself. The pieces of an answer therefore never pass through Redis.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from itertools import count
from typing import Any

from redis.exceptions import RedisError

from chatstack.chat.events import Ask, FailedError, Question, Queued
from chatstack.parts.queue.bull import BullQueue, QueueEvent, TakenJob
from chatstack.parts.queue.foreign import answer_job, make_data, read_answer
from chatstack.parts.queue.limits import QueueLimits
from chatstack.parts.queue.measures import QueueMeasures
from chatstack.parts.queue.queue import QueueState, Ticket, full, unavailable
from chatstack.parts.queue.waits import EventHolding

_FAILED = 500
# Id of a ticket: backend, number, user. Jobs of other producers have other ids.
_TICKET_ID = re.compile(r"(?P<backend>[0-9a-f]{12})\.[0-9]+\.(?P<user>.*)")
# Seconds for which a request with a free slot waits for its turn before its client sees a position.
_PATIENCE_S = 0.5
_LOOK_S = 0.5
_KEEP_S = 1.0
_RECONNECT_S = 0.5
# A command of the client library may hide a cancellation, so it is repeated after this time.
_STOP_S = 0.5
# A pause between two looks at the events: under load, one look returns the events of many requests.
_PAUSE_S = 0.005
_LAST_COMMANDS_S = 2.0
_OUTAGE = (RedisError, OSError)


class SharedQueue:
    """A queue on Redis, which works from `start` to `close`.

    Args:
        bull: Commands of the queue.
        limits: Settings of the queue.
        model: Name of the model for jobs of other producers that do not name one.
        measures: Measures of the queue.

    Attributes:
        name: Name of this backend in the ids of its jobs.
        up: Set while Redis answers.
    """

    def __init__(self, bull: BullQueue, limits: QueueLimits, model: str, measures: QueueMeasures) -> None:
        self._bull = bull
        self._limits = limits
        self._model = model
        self._measures = measures
        self.name = secrets.token_hex(6)
        self._numbers = count(1)
        self._tickets: dict[str, Ticket] = {}
        self._positions: dict[str, int] = {}
        self._retried: set[str] = set()
        self._served: set[str] = set()
        self._holding = EventHolding(limits.concurrency)
        self._commands: set[asyncio.Task[None]] = set()
        self._ask: asyncio.Future[Ask] = asyncio.get_running_loop().create_future()
        self._work: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stopped = False
        self.up = asyncio.Event()

    async def enter(self, question: Question, priority: int) -> Ticket:
        """Add a job, and return its ticket."""
        if not self.up.is_set():
            raise unavailable()
        user_id = str(question.user.get("_id"))
        ticket_id = f"{self.name}.{next(self._numbers)}.{user_id}"
        ticket = Ticket(ticket_id, priority, asyncio.get_running_loop().create_future())
        self._tickets[ticket.id] = ticket
        try:
            await self._add(ticket, question)
        except _OUTAGE as error:
            self.leave(ticket)
            raise unavailable() from error
        except BaseException:
            self.leave(ticket)
            raise
        return ticket

    async def _add(self, ticket: Ticket, question: Question) -> None:
        """Add the job of a ticket. A job that is one too many is in the queue until it is refused."""
        data = make_data(question, self.name)
        added = await self._bull.add(ticket.id, data, ticket.priority, self._limits.attempts)
        if added.jobs > self._limits.concurrency + self._limits.max_waiting:
            raise full(self._holding.retry_after_s(self._limits.max_waiting))
        self._positions[ticket.id] = added.position
        if added.jobs <= self._limits.concurrency:
            await asyncio.wait({ticket.turn}, timeout=_PATIENCE_S)

    def place(self, ticket: Ticket) -> Queued:
        """Return the position of a waiting ticket at the last look, and its estimated wait."""
        position = self._positions.get(ticket.id, 1)
        return Queued(position, self._holding.wait_s(position))

    async def wait_again(self, ticket: Ticket) -> None:
        """Give the turn back, and wait for another one."""
        ticket.turn = asyncio.get_running_loop().create_future()
        self._retried.add(ticket.id)
        try:
            await self._bull.wait_again(ticket.id)
        except (*_OUTAGE, TypeError) as error:  # TypeError: Redis lost the job
            raise unavailable() from error

    def leave(self, ticket: Ticket) -> None:
        """Remove the job, or end its turn."""
        if self._tickets.pop(ticket.id, None) is None:
            return  # `close` removed it
        self._positions.pop(ticket.id, None)
        self._retried.discard(ticket.id)
        turn = ticket.turn
        if not turn.done():
            self._start(self._remove(ticket.id))
        elif turn.exception() is None and turn.result() is None:
            self._start(self._finish(ticket.id))

    async def state(self, user_id: str) -> QueueState:
        """Return the state of the queue."""
        try:
            waiting = await self._bull.waiting()
        except _OUTAGE as error:
            raise unavailable() from error
        own: list[Queued] = []
        for position, job_id in enumerate(waiting.job_ids, start=1):
            ticket = _TICKET_ID.fullmatch(job_id)
            if ticket and ticket["user"] == user_id:
                own.append(Queued(position, self._holding.wait_s(position)))
        number = len(waiting.job_ids)
        return QueueState(waiting.running, number, self._holding.wait_s(number + 1), own)

    def answer_with(self, ask: Ask) -> None:
        """Set the `Ask` that answers the jobs of other producers."""
        self._ask.set_result(ask)

    async def start(self, timeout_s: float) -> None:
        """Begin to work, and wait some seconds for Redis."""
        self._work = asyncio.ensure_future(self._run())
        self._work.add_done_callback(lambda _: self._lose())
        with suppress(TimeoutError):
            await asyncio.wait_for(self.up.wait(), timeout_s)

    async def stop(self) -> None:
        """End the work. Requests that wait fail."""
        self._stopped = True
        while not self._work.done():
            self._work.cancel()
            await asyncio.wait({self._work}, timeout=_STOP_S)

    async def close(self) -> None:
        """End the work and all turns, and close the connections."""
        await self.stop()
        for ticket in list(self._tickets.values()):
            self.leave(ticket)
        if self._commands:
            await asyncio.wait(self._commands, timeout=_LAST_COMMANDS_S)
        for command in list(self._commands):
            command.cancel()
        await self._quietly(self._bull.show_gone(self.name))
        await self._bull.close()

    async def _run(self) -> None:
        """Work, and connect again after an outage of Redis."""
        while not self._stopped:
            try:
                await self._work_while_up()
            except _OUTAGE:
                self._lose()
            await asyncio.sleep(_RECONNECT_S)

    async def _work_while_up(self) -> None:
        await self._bull.prepare(self._limits.concurrency)
        await self._bull.show_alive(self.name)
        self._holding.forget()
        self._measures.available.set(1)
        self.up.set()
        works = [self._take_jobs(), self._read_events(), self._keep_turns(), self._look_at_positions()]
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.up.clear()  # ends them even if a command hides the cancellation
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if not task.cancelled():
                task.result()

    def _lose(self) -> None:
        """Fail the requests that wait. Those that have their turn need Redis no more."""
        self.up.clear()
        self._measures.available.set(0)
        for ticket in self._tickets.values():
            _fail_turn(ticket, unavailable())

    async def _take_jobs(self) -> None:
        while self.up.is_set():
            taken = await self._bull.take()
            if taken is None:
                await self._bull.wait_for_job()
            else:
                await self._dispatch(taken)

    async def _read_events(self) -> None:
        while self.up.is_set():
            for event in await self._bull.events():
                self._holding.note(event)
                if event.job_id.startswith(f"{self.name}."):
                    await self._react(event)
            await asyncio.sleep(_PAUSE_S)

    async def _keep_turns(self) -> None:
        while self.up.is_set():
            await self._bull.show_alive(self.name)
            running = [ticket.id for ticket in self._tickets.values() if ticket.turn.done()]
            await self._bull.keep([*running, *self._served])
            await asyncio.sleep(_KEEP_S)

    async def _look_at_positions(self) -> None:
        missing: set[str] = set()
        while self.up.is_set():
            if any(not ticket.turn.done() for ticket in self._tickets.values()):
                waiting = await self._bull.waiting()
                for position, job_id in enumerate(waiting.job_ids, start=1):
                    if job_id in self._tickets:
                        self._positions[job_id] = position
                missing = await self._fail_missing(missing)
            await asyncio.sleep(_LOOK_S)

    async def _fail_missing(self, missing_before: set[str]) -> set[str]:
        """Fail the waiting requests whose jobs Redis has lost, and return the jobs that are missing now.

        A job must be missing in two looks: one that another worker has just answered is missing, too.
        """
        added = [self._tickets[job_id] for job_id in self._positions]
        missing = await self._bull.missing([ticket.id for ticket in added if not ticket.turn.done()])
        for job_id in missing & missing_before:
            if job_id in self._tickets:
                _fail_turn(self._tickets[job_id], unavailable())
        return missing

    async def _react(self, event: QueueEvent) -> None:
        """React to an event of one of this backend's jobs."""
        ticket = self._tickets.get(event.job_id)
        waits = ticket is not None and not ticket.turn.done()
        match event.kind:
            case "waiting" if event.fields.get("prev") == "active":
                self._retried.discard(event.job_id)
            case "active" if (waits and event.job_id not in self._retried) or ticket is None:
                turn = ticket.turn if ticket else None
                is_ours = await self._bull.is_ours(event.job_id)
                # In the meantime the turn may have begun here and failed, and the job may wait again.
                if is_ours and (ticket is None or ticket.turn is turn):
                    self._begin(event.job_id)
            case "completed" if ticket is not None and waits:
                _answer_turn(ticket, read_answer(event.fields.get("returnvalue")))
            case "failed" if ticket is not None and waits:
                _fail_turn(ticket, FailedError(_FAILED, "the worker could not answer"))
            case _:
                pass

    async def _dispatch(self, taken: TakenJob) -> None:
        """Give a turn that began here to the backend whose client waits for it."""
        ticket = _TICKET_ID.fullmatch(taken.id)
        if ticket is None and taken.given_up:
            self._start(self._end(self._bull.fail_foreign(taken, "the worker of the job ended")))
        elif ticket is None:
            self._start(self._serve(taken))
        elif ticket["backend"] == self.name:
            self._begin(taken.id)
        elif taken.given_up or not await self._bull.is_alive(ticket["backend"]):
            self._start(self._fail(taken.id, "the backend of the client ended"))

    def _begin(self, ticket_id: str) -> None:
        """Begin the turn of one of this backend's tickets, or end it if the client has left."""
        ticket = self._tickets.get(ticket_id)
        if ticket is None:
            self._start(self._fail(ticket_id, "the client left"))
        elif not ticket.turn.done():
            ticket.turn.set_result(None)

    async def _serve(self, taken: TakenJob) -> None:
        """Answer a job of another producer."""
        self._served.add(taken.id)
        try:
            with self._measures.running.track_inprogress():
                answer = await answer_job(await self._ask, taken.fields, self._model)
            await self._end(self._bull.finish_foreign(taken, answer))
        except FailedError as error:
            await self._end(self._bull.fail_foreign(taken, error.message))
        finally:
            self._served.discard(taken.id)

    async def _remove(self, ticket_id: str) -> None:
        """Remove the job of a client that left. If its turn began in the meantime, end it."""
        if not await self._bull.remove(ticket_id) and await self._bull.is_ours(ticket_id):
            await self._fail(ticket_id, "the client left")

    async def _finish(self, job_id: str) -> None:
        await self._end(self._bull.finish(job_id))

    async def _fail(self, job_id: str, reason: str) -> None:
        await self._end(self._bull.fail(job_id, reason))

    async def _end(self, command: Awaitable[TakenJob | None]) -> None:
        """End a turn, and give the next one away."""
        try:
            taken = await command
        except TypeError:  # BullMQ's error for a job that has ended already, or has lost its lock
            return
        if taken is not None:
            await self._dispatch(taken)

    def _start(self, command: Coroutine[Any, Any, None]) -> None:
        """Run a command in the background."""
        task = asyncio.ensure_future(self._quietly(command))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    async def _quietly(self, command: Awaitable[None]) -> None:
        """Run a command. If Redis does not answer, the lock of the job ends by itself."""
        try:
            await command
        except _OUTAGE:
            return


def _fail_turn(ticket: Ticket, error: FailedError) -> None:
    if not ticket.turn.done():
        ticket.turn.set_exception(error)
        ticket.turn.exception()  # the client may have left, so that no caller asks for it


def _answer_turn(ticket: Ticket, answer: str | None) -> None:
    if answer is None:
        _fail_turn(ticket, FailedError(_FAILED, "the worker's answer has no message"))
    else:
        ticket.turn.set_result(answer)
