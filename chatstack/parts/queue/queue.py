"""The interface of the queues: tickets, and the state of a queue."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chatstack.chat.events import Ask, FailedError, Question, Queued

_TOO_MANY_REQUESTS = 429
_UNAVAILABLE = 503
# Seconds until a client should try again when Redis is away: backends look for it twice a second.
_RETRY_AFTER_OUTAGE_S = 2


@dataclass(eq=False, slots=True)
class Ticket:
    """A request that waits for its turn, or that has it."""

    id: str
    priority: int
    turn: "asyncio.Future[str | None]"
    """Ends when the turn begins, with `None`, or when another worker has answered, with the answer."""
    since_s: float = 0.0
    """Time of the event loop at which the turn began."""
    waited_s: float = 0.0
    """Seconds of all waits for a turn."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """The state of a queue."""

    running: int
    """Number of requests that have their turn."""
    waiting: int
    """Number of requests that wait."""
    next_wait_s: float | None
    """Estimated wait of a request that would come now and be the last one."""
    own: Sequence[Queued] = field(default_factory=tuple)
    """The waiting requests of one user."""


class RequestQueue(Protocol):
    """Limits the requests in flight, and holds the others."""

    async def enter(self, question: Question, priority: int) -> Ticket:
        """Return a ticket for the next free turn.

        Raises:
            FailedError: The queue is full, or it is not available.
        """
        ...

    def place(self, ticket: Ticket) -> Queued:
        """Return the position of a waiting ticket, and its estimated wait."""
        ...

    async def wait_again(self, ticket: Ticket) -> None:
        """Give the turn back, and wait for another one behind the requests of the same priority.

        Raises:
            FailedError: The queue is not available.
        """
        ...

    def leave(self, ticket: Ticket) -> None:
        """End the turn, or the wait."""
        ...

    async def state(self, user_id: str) -> QueueState:
        """Return the state of the queue, and the positions of a user's requests.

        Raises:
            FailedError: The queue is not available.
        """
        ...

    def answer_with(self, ask: Ask) -> None:
        """Set the `Ask` that answers requests which came through Redis, from backends of other kinds."""
        ...


def full(retry_after_s: int) -> FailedError:
    """Return the error of a queue that has no place left."""
    headers = {"Retry-After": str(retry_after_s)}
    return FailedError(_TOO_MANY_REQUESTS, "too many requests wait: try again later", headers)


def unavailable() -> FailedError:
    """Return the error of a queue whose Redis does not answer."""
    headers = {"Retry-After": str(_RETRY_AFTER_OUTAGE_S)}
    return FailedError(_UNAVAILABLE, "the request queue is not available", headers)
