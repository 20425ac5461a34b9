"""The cache around the next part: hit, miss, or the answer of an equal question at the same time."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, replace

from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question
from chatstack.intent import triggers
from chatstack.parts.cache.answer import CachedAnswer
from chatstack.parts.cache.answers import Answers
from chatstack.parts.cache.counts import CacheCounts, Outcome
from chatstack.parts.cache.flight import Flight, Flights
from chatstack.parts.cache.key import cache_key, message_digest
from chatstack.parts.facts import fact_headers, free_facts

HEADER = "X-Cache"


@dataclass(slots=True)
class _Run:
    """A question on its way, which all readers of its flight share."""

    question: Question
    """The question of the request that began the flight, with headers of its own."""
    is_hit: bool = False
    """Whether the answer came from the store. It is final before the first event."""

    def outcome(self, *, is_leader: bool) -> Outcome:
        """Return the outcome for a reader."""
        if self.is_hit:
            return "hit"
        return "miss" if is_leader else "shared"


class Cache:
    """The cache of a backend.

    Args:
        answers: Stored answers.
        counts: Counters.
        per_user: Whether an answer belongs to the user who asked.
    """

    def __init__(self, answers: Answers, counts: CacheCounts, *, per_user: bool) -> None:
        self._answers = answers
        self._counts = counts
        self._per_user = per_user
        self._flights: Flights[_Run] = Flights()
        self._removals = 0

    def wrap(self, ask: Ask) -> Ask:
        """Return an `Ask` that asks the given one only for answers that are not there."""

        def cached(question: Question) -> AsyncGenerator[Event, None]:
            # An answer to such a message reports an effect, which a stored answer would not have.
            if triggers(question.message):
                return self._bypass(ask, question)
            return self._shared(ask, question)

        return cached

    async def remove(self, message: str | None) -> int:
        """Remove the answers to a message, or all answers, and return their number."""
        prefix = "" if message is None else message_digest(message)
        self._removals += 1
        self._flights.forget(prefix)
        removed = await self._answers.remove(prefix)
        self._counts.count_removed(removed)
        return removed

    async def _bypass(self, ask: Ask, question: Question) -> AsyncGenerator[Event, None]:
        self._counts.count("bypass")
        question.headers[HEADER] = "bypass"
        async with aclosing(ask(question)) as events:
            async for event in events:
                yield event

    async def _shared(self, ask: Ask, question: Question) -> AsyncGenerator[Event, None]:
        """Read the flight of the question. If that of another request fails, begin one or join the next."""
        key = cache_key(question.message, question.model, question.user["_id"] if self._per_user else None)
        has_text = False
        for may_retry in (True, False):
            flight, is_leader = self._flights.join(key, lambda: self._begin(key, ask, question))
            try:
                async with aclosing(_read(flight, question, is_leader=is_leader)) as events:
                    async for event in events:
                        has_text = has_text or isinstance(event, Piece)
                        if isinstance(event, Done):
                            self._count(flight.subject, is_leader=is_leader)
                        yield event
            except FailedError:
                if is_leader or has_text or not may_retry:
                    self._count(flight.subject, is_leader=is_leader)
                    _label(question, flight.subject, is_leader=is_leader)
                    raise
            else:
                return

    def _count(self, run: _Run, *, is_leader: bool) -> None:
        """Count a question that was answered or failed. A miss was counted when the model was asked."""
        outcome = run.outcome(is_leader=is_leader)
        if outcome != "miss":
            self._counts.count(outcome)

    def _begin(self, key: str, ask: Ask, question: Question) -> tuple[_Run, AsyncGenerator[Event, None]]:
        run = _Run(replace(question, headers={}))
        return run, self._events(key, ask, run)

    async def _events(self, key: str, ask: Ask, run: _Run) -> AsyncGenerator[Event, None]:
        """Yield the stored answer, or ask and store the answer."""
        removals = self._removals
        with run.question.watch.part("cache"):
            stored = await self._answers.get(key)
        if stored is not None:
            run.is_hit = True
            run.question.headers.update(fact_headers(stored.details))
            for event in stored.events():
                yield event
            return
        self._counts.count("miss")
        pieces: list[str] = []
        async with aclosing(ask(run.question)) as events:
            async for event in events:
                if isinstance(event, Piece):
                    pieces.append(event.text)
                if isinstance(event, Done) and any(pieces) and removals == self._removals:
                    await self._answers.put(key, CachedAnswer.of(pieces, event))
                yield event


async def _read(flight: Flight[_Run], question: Question, *, is_leader: bool) -> AsyncGenerator[Event, None]:
    """Yield the events of a flight, and set the headers of this request."""
    async with aclosing(flight.read()) as events:
        while True:
            with nullcontext() if is_leader else question.watch.part("shared"):
                event = await anext(events, None)
            if event is None:
                return
            outcome = _label(question, flight.subject, is_leader=is_leader)
            if isinstance(event, Done):
                event = _mark(event, outcome)
                question.headers.update(fact_headers(event.details))
            yield event


def _label(question: Question, run: _Run, *, is_leader: bool) -> Outcome:
    """Set the headers of a request, and return its outcome."""
    outcome = run.outcome(is_leader=is_leader)
    question.headers.update({**run.question.headers, HEADER: outcome})
    return outcome


def _mark(done: Done, outcome: Outcome) -> Done:
    """Return the end of an answer with its outcome. Only a miss has times and a cost of its own."""
    if outcome == "miss":
        return replace(done, details={**done.details, "cache": outcome})
    details = {**done.details, **free_facts(done.details), "cache": outcome}
    return replace(done, timing=dict.fromkeys(done.timing, 0.0), details=details)
