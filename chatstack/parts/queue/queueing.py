"""The part around a queue: waits for a turn, reports the position, and tries failed requests again."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question, Queued
from chatstack.parts.queue.limits import QueueLimits
from chatstack.parts.queue.measures import QueueMeasures
from chatstack.parts.queue.queue import RequestQueue, Ticket
from chatstack.tokens import Tokens

TIER = "request_queue"
_FULL = 429
_SERVER_ERROR = 500
# Seconds between two looks at the position: often enough to watch it, and cheap with hundreds of tickets.
_LOOK_S = 0.5


class Queueing:
    """Wraps an `Ask` with a queue.

    Args:
        queue: The queue.
        limits: Settings of the queue.
        measures: Measures of the queue.
    """

    def __init__(self, queue: RequestQueue, limits: QueueLimits, measures: QueueMeasures) -> None:
        self._queue = queue
        self._limits = limits
        self._measures = measures

    def wrap(self, inner: Ask) -> Ask:
        """Return an `Ask` that waits for its turn before it asks `inner`."""
        self._queue.answer_with(inner)

        async def ask(question: Question) -> AsyncGenerator[Event, None]:
            ticket = await self._enter(question)
            try:
                async with aclosing(self._attempts(ticket, inner, question)) as events:
                    async for event in events:
                        yield event
            finally:
                self._queue.leave(ticket)

        return ask

    async def _enter(self, question: Question) -> Ticket:
        try:
            with question.watch.part(TIER):
                return await self._queue.enter(question, self._limits.priority(question.user))
        except FailedError as error:
            counter = self._measures.refused if error.status == _FULL else self._measures.unavailable
            counter.inc()
            raise

    async def _attempts(self, ticket: Ticket, inner: Ask, question: Question) -> AsyncGenerator[Event, None]:
        """Yield the events of the wait and of the answer. A failure before the first text is tried again."""
        attempts_left = self._limits.attempts
        failed = True
        while failed:
            failed = False
            attempts_left -= 1
            begun = False
            try:
                async with aclosing(self._attempt(ticket, inner, question)) as events:
                    async for event in events:
                        begun = begun or (isinstance(event, Piece) and event.text != "")
                        yield event
            except FailedError as error:
                if begun or not attempts_left or error.status < _SERVER_ERROR or ticket.turn.exception():
                    raise
                failed = True
                self._measures.retries.inc()
                await self._queue.wait_again(ticket)

    async def _attempt(self, ticket: Ticket, inner: Ask, question: Question) -> AsyncGenerator[Event, None]:
        async with aclosing(self._wait(ticket, question)) as places:
            async for place in places:
                yield place
        answer = ticket.turn.result()
        if answer is not None:
            yield Piece(answer)
            yield Done()
            return
        with self._measures.running.track_inprogress():
            async with aclosing(inner(question)) as events:
                async for event in events:
                    yield _with_wait(event, ticket) if isinstance(event, Done) else event

    async def _wait(self, ticket: Ticket, question: Question) -> AsyncGenerator[Queued, None]:
        """Yield the position when it changes, until the turn begins."""
        began_s = asyncio.get_running_loop().time()
        shown: Queued | None = None
        try:
            with question.watch.part(TIER), self._measures.queued.track_inprogress():
                while not ticket.turn.done():
                    place = self._queue.place(ticket)
                    if shown is None or _differs(place, shown):
                        shown = place
                        yield place
                    await asyncio.wait({ticket.turn}, timeout=_LOOK_S)
        finally:
            waited_s = asyncio.get_running_loop().time() - began_s
            ticket.waited_s += waited_s
            if ticket.turn.done():
                self._measures.wait_seconds.labels(ticket.priority).observe(waited_s)
            else:
                self._measures.abandoned.inc()


def _with_wait(done: Done, ticket: Ticket) -> Done:
    """Add the wait to the times of an answer: the header of a stream was sent before the turn began."""
    return replace(done, timing={TIER: round(1000.0 * ticket.waited_s, 2), **done.timing})


def _differs(place: Queued, shown: Queued) -> bool:
    """Whether the client should see a place: another position, or the first estimate."""
    return place.position != shown.position or (place.wait_s is None) != (shown.wait_s is None)


class QueueStatus:
    """The call `GET /api/chat/queue`.

    Args:
        queue: The queue.
        limits: Settings of the queue.
        tokens: Checks the tokens of users.
    """

    def __init__(self, queue: RequestQueue, limits: QueueLimits, tokens: Tokens) -> None:
        self._queue = queue
        self._limits = limits
        self._tokens = tokens

    async def answer(self, request: Request) -> Response:
        """Return the number of requests that run and wait, and the places of the user's own requests."""
        asker = await self._tokens.asker(request.headers)
        try:
            state = await self._queue.state(str(asker.user["_id"]))
        except FailedError as error:
            return JSONResponse({"error": error.message}, error.status, headers=error.headers)
        content = {
            "concurrency": self._limits.concurrency,
            "max_waiting": self._limits.max_waiting,
            "running": state.running,
            "waiting": state.waiting,
            "wait_s": _rounded(state.next_wait_s),
            "own": [{"position": place.position, "wait_s": _rounded(place.wait_s)} for place in state.own],
        }
        return JSONResponse({"success": True, "data": content})


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
