"""Interfaces that requests go to: how to ask, and where the answer stands."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from bench.core.values.record import FieldError, Record

NAME = r"[a-z0-9][a-z0-9-]{0,63}"  # of a scenario, a suite, a target, a stack
Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
Path = Annotated[str, StringConstraints(pattern=r"^[^.\s]+(\.[^.\s]+)*$")]
TierName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class Durations(Record):
    """Where an answer says how long the tiers took, beside `Server-Timing`.

    Attributes:
        unit: Of the numbers.
        tiers: Dotted path by tier.
        total: Dotted path to the whole time; what the tiers leave of it becomes `rest`.
        rest: Name of that tier: Ollama reports no waiting, so it is what the others leave.
    """

    unit: Literal["ns", "ms", "s"]
    tiers: dict[TierName, Path]
    total: Path | None = None
    rest: TierName = "queue"


class _Answer(Record):
    """What every kind of answer has.

    Attributes:
        text: Dotted path to the answer's text, for example `data.message`; of each event in a stream.
        tokens: Dotted path to the number of output tokens, when the target reports one.
        durations: Where it says how long the tiers took.
        intercepted: Words that an answer begins with when the agent gave it by itself.
    """

    text: Path
    tokens: Path | None = None
    durations: Durations | None = None
    intercepted: str | None = None


class JsonAnswer(_Answer):
    """An answer that is one JSON document."""

    kind: Literal["json"]


class SseAnswer(_Answer):
    """An answer of server-sent events.

    Attributes:
        done_event: Name of the event that ends it and holds counts and durations.
        done_data: Data that ends it, as `[DONE]` does.
        error_event: Name of the event that says it failed.
    """

    kind: Literal["sse"]
    done_event: str | None = None
    done_data: str | None = None
    error_event: str | None = None

    @model_validator(mode="after")
    def _ends(self) -> "SseAnswer":
        if self.done_event is None and self.done_data is None:
            raise FieldError(
                ("done_event",),
                "is missing; write the event or, as done_data, the data that ends the stream",
            )
        return self


class NdjsonAnswer(_Answer):
    """An answer of one JSON document a line.

    Attributes:
        done: Dotted path that is true in the last one, which holds counts and durations.
    """

    kind: Literal["ndjson"]
    done: Path


Answer = Annotated[JsonAnswer | SseAnswer | NdjsonAnswer, Field(discriminator="kind")]


class Target(Record):
    """An interface that requests go to.

    Attributes:
        name: What scenarios call it.
        service: The service of a stack that offers it.
        method: HTTP method.
        path: Path below the service's address.
        headers: Sent with each request; may hold `${env.NAME}`.
        auth: `bearer` sends the virtual user's token.
        body: JSON body; `${message}` stands for the message, `${env.NAME}` for an environment variable.
        answer: Kind of answer, and where things stand in it.
        ready: Path that answers 200, to a test user where `auth` asks for one, when all tiers are ready.
    """

    name: Name
    service: Name
    method: Literal["POST", "PUT"] = "POST"
    path: Annotated[str, StringConstraints(pattern=r"^/")]
    headers: dict[str, str] = {}
    auth: Literal["bearer", "none"] = "none"
    body: dict[str, Any]
    answer: Answer
    ready: Annotated[str, StringConstraints(pattern=r"^/")]
