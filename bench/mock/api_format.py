"""The interface of an API's answers: the bytes of a stream's parts and of a complete answer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.mock.answer import AnswerSegment, MockAnswer
from bench.mock.request import MockRequest

EVENT_STREAM = b"text/event-stream; charset=utf-8"
"""Media type of server-sent events."""


@dataclass(slots=True)
class GenerationTimes:
    """The times of one generation, on one clock.

    Attributes:
        arrived_s: The request arrived.
        started_s: The request left the queue.
        prefilled_s: The prompt was read.
        finished_s: The last token was written.
    """

    arrived_s: float
    started_s: float = 0.0
    prefilled_s: float = 0.0
    finished_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Generated:
    """An answer with the facts that its format needs.

    Attributes:
        request: The request.
        answer: The tokens.
        number: Number of the request, for its id.
        created_s: Seconds since 1970.
        times: Its times; they are complete when the last part is written.
        clock: Clock of these times.
    """

    request: MockRequest
    answer: MockAnswer
    number: int
    created_s: int
    times: GenerationTimes
    clock: Callable[[], float]

    def finish(self) -> None:
        """Record that the last token is written now."""
        self.times.finished_s = self.clock()


class DocumentFormat(ABC):
    """An API: reads its requests, and writes one answer as a document."""

    def __init__(self, generated: Generated) -> None:
        self.generated = generated

    @staticmethod
    @abstractmethod
    def read(body: Mapping[str, Any]) -> MockRequest:
        """Return the request of a body.

        Raises:
            BadRequestError: A field has a wrong value.
        """

    @staticmethod
    @abstractmethod
    def error(status: int, message: str) -> bytes:
        """Return an error with this HTTP status."""

    @abstractmethod
    def document(self) -> bytes:
        """Return the complete answer, which is not streamed."""


class StreamFormat(DocumentFormat):
    """An API that also streams its answers. Parts without content are empty."""

    media_type = EVENT_STREAM
    """Media type of a stream."""

    def head(self) -> bytes:
        """Return the begin of a stream."""
        return b""

    def open(self, segment: AnswerSegment) -> bytes:  # noqa: ARG002 - for formats with a begin
        """Return the begin of a segment."""
        return b""

    @abstractmethod
    def piece(self, segment: AnswerSegment, text: str) -> bytes:
        """Return some tokens of a segment."""

    def close(self, segment: AnswerSegment) -> bytes:  # noqa: ARG002 - for formats with an end
        """Return the end of a segment."""
        return b""

    @abstractmethod
    def tail(self) -> bytes:
        """Return the end of a stream."""

    @abstractmethod
    def error_event(self, message: str) -> bytes:
        """Return an error in mid-stream."""
