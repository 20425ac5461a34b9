"""Targets: the interfaces that requests go to, and where values are in their answers."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from bench.core.values.record import FieldError, Record

NAME = r"[a-z0-9][a-z0-9-]{0,63}"  # of a scenario, a suite, a target or a stack
Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
UrlPath = Annotated[str, StringConstraints(pattern=r"^/")]
Path = Annotated[str, StringConstraints(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
TierName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class Durations(Record):
    """Fields of an answer that report the tier times. A `Server-Timing` header is read too."""

    unit: Literal["ns", "ms", "s"]
    """Unit of the numbers."""
    tiers: dict[TierName, Path]
    """Dotted path of each tier's time, by tier."""
    total: Path | None = None
    """Dotted path of the total time. The tier `rest` gets the part of it that no tier of `tiers` reports."""
    rest: TierName = "queue"
    """Name of the tier that gets the rest of `total`. Ollama does not report its queue, so the rest is the
    time in the queue."""


class _Answer(Record):
    text: Path
    """Dotted path of the answer's text, for example `data.message`. In a stream it applies to each event."""
    tokens: Path | None = None
    """Dotted path of the number of output tokens, if the target reports it."""
    durations: Durations | None = None
    """Fields that report the tier times."""
    intercepted: str | None = None
    """First words of an answer that the agent gives without the model."""


class JsonAnswer(_Answer):
    """An answer that is one JSON document."""

    kind: Literal["json"]
    """Format of the answer."""


class SseAnswer(_Answer):
    """An answer that is a stream of server-sent events."""

    kind: Literal["sse"]
    """Format of the answer."""
    done_event: str | None = None
    """Name of the event that ends the stream and holds token counts and durations."""
    done_data: str | None = None
    """Data of the event that ends the stream, for example `[DONE]`."""
    error_event: str | None = None
    """Name of the event that reports a failure."""

    @model_validator(mode="after")
    def _require_end(self) -> "SseAnswer":
        if self.done_event is None and self.done_data is None:
            raise FieldError(
                ("done_event",), "is missing; write the event or, as done_data, the data that ends the stream"
            )
        return self


class NdjsonAnswer(_Answer):
    """An answer that is a stream of JSON documents, one per line."""

    kind: Literal["ndjson"]
    """Format of the answer."""
    done: Path
    """Dotted path that is true in the last document, which holds token counts and durations."""


Answer = Annotated[JsonAnswer | SseAnswer | NdjsonAnswer, Field(discriminator="kind")]


class Target(Record):
    """An interface that requests go to."""

    name: Name
    """Name of the file without its ending. Scenarios and `--target` use it."""
    service: Name
    """Service of the stack that has the interface."""
    method: Literal["POST", "PUT"] = "POST"
    """HTTP method."""
    path: UrlPath
    """Path below the service's address."""
    headers: dict[str, str] = {}
    """Headers of each request. `${env.NAME}` stands for an environment variable."""
    auth: Literal["bearer", "none"] = "none"
    """Authentication: `bearer` sends the token of the VU's test user."""
    body: dict[str, Any]
    """JSON body of each request. `${message}` stands for the message, `${conversation}` for all messages and
    answers so far, `${env.NAME}` for an environment variable."""
    answer: Answer
    """Format of the answer, and the places of its values."""
    ready: UrlPath
    """Path that answers 200 if all tiers are ready. With `auth` the request has a token."""
