"""Questions, and an agent that answers them in virtual time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question, Queued
from chatstack.parts.queue.limits import QueueLimits
from chatstack.parts.queue.local import LocalQueue
from chatstack.parts.queue.measures import QueueMeasures
from chatstack.parts.queue.queueing import Queueing
from chatstack.timing import Stopwatch

PRIORITIES = {"admin": 1, "premium": 2, "user": 3}


def make_question(message: str = "Hello", role: str = "user", user_id: str = "a" * 24) -> Question:
    """Return a question of a user with that role."""
    user = {"_id": user_id, "role": role}
    return Question(user, message, "tiny", stream=True, watch=Stopwatch("backend"))


@dataclass
class Agent:
    """An agent that needs some seconds for an answer, and notes what it did."""

    seconds: Callable[[], float] = lambda: 1.0
    """Return the seconds of the next answer."""
    failures: list[FailedError] = field(default_factory=list)
    """Errors of the next answers."""
    gate: asyncio.Event | None = None
    """Holds all answers back until it is set."""
    order: list[str] = field(default_factory=list)
    """Messages in the order of their turns."""
    running: int = 0
    most_running: int = 0
    answered: int = 0

    async def ask(self, question: Question) -> AsyncGenerator[Event, None]:
        """Answer with the message itself."""
        self.order.append(question.message)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await (self.gate.wait() if self.gate else asyncio.sleep(self.seconds()))
            if self.failures:
                raise self.failures.pop(0)
            yield Piece(question.message)
            self.answered += 1
            yield Done()
        finally:
            self.running -= 1


def make_limits(concurrency: int, max_waiting: int = 100, attempts: int = 1) -> QueueLimits:
    """Return limits with the usual priorities."""
    return QueueLimits(concurrency, max_waiting, attempts, PRIORITIES)


def queue_in_memory(agent: Agent, limits: QueueLimits) -> tuple[Ask, LocalQueue]:
    """Return an `Ask` with a queue in memory, and the queue."""
    queue = LocalQueue(limits)
    return Queueing(queue, limits, QueueMeasures(CollectorRegistry())).wrap(agent.ask), queue


async def collect(ask: Ask, question: Question) -> list[Event]:
    """Return all events of an answer."""
    return [event async for event in ask(question)]


def places(events: Sequence[Event]) -> list[Queued]:
    """Return the events that report a position."""
    return [event for event in events if isinstance(event, Queued)]
