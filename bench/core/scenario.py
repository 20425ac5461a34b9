"""What the user declares: a scenario, the interface it drives, and the messages it sends."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from bench.core.record import Record
from bench.core.threshold import Thresholds, check_known, check_metrics

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Seconds = Annotated[float, Field(gt=0)]
Range = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]


def _ordered(value: Range) -> Range:
    low, high = value
    if low > high:
        raise ValueError(f"must be [shortest, longest], but {low:g} is above {high:g}")
    return value


class FixedUsers(Record):
    """A closed loop: each user sends, waits for the answer, pauses, and sends again.

    Attributes:
        users: Virtual users, each with a connection of its own.
        duration_s: How long they go on; a request that is under way then may finish.
        pause_s: Shortest and longest pause between an answer and the user's next message, uniform.
    """

    kind: Literal["fixed-users"]
    users: Annotated[int, Field(gt=0, le=100_000)]
    duration_s: Seconds
    pause_s: Annotated[Range, AfterValidator(_ordered)]


# One kind of load today; a second kind makes this a union discriminated by `kind`.
Stage = FixedUsers


class Workload(Record):
    """What the users say.

    Attributes:
        prompts: File of messages, relative to the scenario's folder. They are dealt like cards: every message
            once in a seeded order, then all of them again, so each part of a run holds each equally often.
    """

    prompts: str


class Tolerance(Record):
    """How much worse a metric may get before that is a regression.

    Attributes:
        margin_ratio: Share of the baseline's value, 0.1 for 10 %.
    """

    margin_ratio: Annotated[float, Field(gt=0, lt=10)]


def _known_metrics(tolerances: dict[str, Tolerance]) -> dict[str, Tolerance]:
    for key in tolerances:
        check_known(key)
    return tolerances


class Scenario(Record):
    """One load, where it goes, and what must hold.

    Attributes:
        name: File name without its ending.
        purpose: One sentence for people.
        target: Name of the interface that the requests go to.
        seed: Of the order of messages and the length of pauses.
        workload: What the users say.
        stages: One after the other.
        thresholds: Limits that hold whatever the baseline says, by metric.
        tolerances: Margins that differ from the default, by metric.
        request_timeout_s: A request that takes longer is a TIMEOUT.
        grace_s: How long requests under way at the end may take to finish.
    """

    name: Name
    purpose: Annotated[str, Field(min_length=1)]
    target: Name
    seed: int
    workload: Workload
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    thresholds: Annotated[Thresholds, AfterValidator(check_metrics)] = {}
    tolerances: Annotated[dict[str, Tolerance], AfterValidator(_known_metrics)] = {}
    request_timeout_s: Seconds = 120.0
    grace_s: Annotated[float, Field(ge=0)] = 30.0

    @property
    def users(self) -> int:
        """The most virtual users that are there at once."""
        return max(stage.users for stage in self.stages)

    @property
    def duration_s(self) -> float:
        """How long requests are sent, in seconds."""
        return sum(stage.duration_s for stage in self.stages)


class Prompt(Record):
    """One message.

    Attributes:
        id: Its name in results and baselines.
        text: What is sent.
    """

    id: Name
    text: str


class Prompts(Record):
    """A file of messages."""

    messages: Annotated[tuple[Prompt, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> "Prompts":
        seen: set[str] = set()
        for prompt in self.messages:
            if prompt.id in seen:
                raise ValueError(f"two messages are called '{prompt.id}'")
            seen.add(prompt.id)
        return self


class JsonAnswer(Record):
    """An answer that is one JSON document.

    Attributes:
        text: Dotted path to the answer's text, for example `data.message`.
        tokens: Dotted path to the number of output tokens, when the target reports one.
    """

    kind: Literal["json"]
    text: str
    tokens: str | None = None


class Target(Record):
    """An interface that requests go to: how to ask, and where the answer stands.

    Attributes:
        name: What scenarios call it.
        service: The service of a stack that offers it.
        method: HTTP method.
        path: Path below the service's address.
        headers: Sent with each request.
        auth: `bearer` sends the virtual user's token.
        body: JSON body; `${message}` stands for the message.
        answer: Kind of answer, and where the text stands in it.
        ready: Path that answers 200 to a test user when all tiers are ready.
    """

    name: Name
    service: Name
    method: Literal["POST", "GET", "PUT"] = "POST"
    path: Annotated[str, StringConstraints(pattern=r"^/")]
    headers: dict[str, str] = {}
    auth: Literal["bearer", "none"] = "none"
    body: dict[str, Any]
    answer: JsonAnswer
    ready: Annotated[str, StringConstraints(pattern=r"^/")]


class Brief(Record):
    """All that a run needs to know: the scenario with the files it names."""

    scenario: Scenario
    target: Target
    prompts: tuple[Prompt, ...]
