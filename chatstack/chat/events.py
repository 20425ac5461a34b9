"""A question of a user, and the events of its answer.

Documents, server-sent events and WebSocket messages are renderings of the same events.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chatstack.chat.causes import Cause
from chatstack.timing import Stopwatch


@dataclass(frozen=True, slots=True)
class Question:
    """A message of a user, on its way to a model."""

    user: Mapping[str, Any]
    """Document of the user."""
    message: str
    """Its text, without white space around it."""
    model: str
    """Name of the model."""
    stream: bool
    """Whether the client reads the answer while it arrives."""
    watch: Stopwatch
    """Stopwatch of the request."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of the response. A part may add some until it yields its first event."""


@dataclass(frozen=True, slots=True)
class Started:
    """The agent accepted the question, and no text has arrived yet."""


@dataclass(frozen=True, slots=True)
class Queued:
    """The question waits for its turn."""

    position: int
    """Its place in the queue; 1 is the next."""
    wait_s: float | None
    """Estimated wait, in seconds; `None` until an answer was measured."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the answer's text, perhaps an empty one."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a complete answer."""

    tokens: int | None = None
    """Number of generated tokens, if the model reports it."""
    prompt_tokens: int | None = None
    """Number of tokens of the prompt, if the model reports it."""
    timing: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds by tier, as the model reports them."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Further facts for the client, for example the cost."""


Event = Started | Queued | Piece | Done


class FailedError(Exception):
    """The question has no answer, or no complete one.

    Before the first event, the response has this status. Later, the error is the last event.

    Args:
        status: Status of the response.
        message: Text for the client.
        headers: Headers of the response, for example `Retry-After`.
        cause: Whether it helps to ask again.
        retry_after_s: Seconds after which the server wants to be asked again, if it told so.
    """

    def __init__(
        self,
        status: int,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        cause: Cause = Cause.REFUSED,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        self.cause = cause
        self.retry_after_s = retry_after_s


Ask = Callable[[Question], AsyncGenerator[Event, None]]
"""Answers a question: at least one event, and `Done` as the last one. Close it to cancel the work.

Raises:
    FailedError: The question has no answer, or no complete one.
"""
Part = Callable[[Ask], Ask]
"""Wraps an `Ask` with a part of the backend."""
