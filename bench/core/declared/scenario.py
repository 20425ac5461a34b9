"""What the user declares: a scenario, and the messages it sends."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, RootModel, StringConstraints, model_validator

from bench.core.declared.objective import Objectives
from bench.core.declared.stages import ClosedLoop, Duration, OpenLoop, Seconds, Stage, stages_around
from bench.core.declared.target import Name, Target
from bench.core.declared.threshold import Thresholds, check_known, check_metrics
from bench.core.requests.metrics import tailed
from bench.core.values.record import Record

# Users of an open loop are nobody in particular, so a few are enough.
OPEN_LOOP_ACCOUNTS = 50


class Workload(Record):
    """What the users say.

    Attributes:
        prompts: File of messages, relative to the scenario's folder. They are dealt like cards: every message
            as often as its weight in a seeded order, then all again: each part of a run holds the same mix.
        unique: Add a few letters to each message that no other has, so that no cache can answer.
    """

    prompts: str
    unique: bool = False


class Tolerance(Record):
    """How much worse a metric may get before that is a regression.

    Attributes:
        margin_ratio: Share of the baseline's value, 0.1 for 10 %.
    """

    margin_ratio: Annotated[float, Field(gt=0, lt=10)]


def _known_metrics(tolerances: dict[str, Tolerance]) -> dict[str, Tolerance]:
    for key in tolerances:
        if tailed(key) is None:
            check_known(key)
    return tolerances


class Scenario(Record):
    """One load, where it goes, and what must hold.

    Attributes:
        name: File name without its ending.
        purpose: One sentence for people.
        target: Name of the interface that the requests go to.
        beside: A second target that gets every message too; what the first takes longer is its overhead.
        seed: Of the order of messages, the length of pauses, and random arrivals.
        workload: What the users say.
        stages: One after the other.
        thresholds: Limits that hold whatever the baseline says, by metric.
        objectives: Milliseconds that a good answer takes at most, by metric; their share is goodput.
        recovery_ratio: After cancellations, how many times what it was before them waiting may be on average.
        fixtures: What must be in the stack's store, by the stack's names.
        tolerances: Margins that differ from the default, by metric.
        request_timeout_s: A request that takes longer is a TIMEOUT.
        grace_s: How long requests under way at the end of a stage may take to finish.
    """

    name: Name
    purpose: Annotated[str, Field(min_length=1)]
    target: Name
    beside: Name | None = None
    seed: int
    workload: Workload
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    thresholds: Annotated[Thresholds, AfterValidator(check_metrics)] = {}
    objectives: Objectives = {}
    recovery_ratio: Annotated[float, Field(ge=1)] | None = None
    fixtures: tuple[Name, ...] = ()
    tolerances: Annotated[dict[str, Tolerance], AfterValidator(_known_metrics)] = {}
    request_timeout_s: Seconds = 120.0
    grace_s: Duration = 30.0

    @model_validator(mode="after")
    def _measures(self) -> "Scenario":
        if all(stage.warm_up for stage in self.stages):
            raise ValueError("every stage is a warm-up, so nothing would be measured")
        if self.beside is not None and any(isinstance(stage, OpenLoop) for stage in self.stages):
            raise ValueError("a target beside needs closed loops: its requests come after the target's")
        if self.recovery_ratio is not None and stages_around(self.stages) is None:
            raise ValueError("recovery_ratio needs a stage with cancel_ratio between two without")
        return self

    @property
    def users(self) -> int:
        """The most virtual users of a closed loop that are there at once; 0 when all loops are open."""
        return max((stage.users for stage in self.stages if isinstance(stage, ClosedLoop)), default=0)

    @property
    def accounts(self) -> int:
        """How many test users the scenario needs."""
        opens = any(isinstance(stage, OpenLoop) for stage in self.stages)
        return max(self.users, OPEN_LOOP_ACCOUNTS if opens else 0)

    @property
    def duration_s(self) -> float:
        """How long requests are sent at most, in seconds."""
        return sum(stage.duration_s for stage in self.stages)


Text = Annotated[str, StringConstraints(max_length=1_000_000)]


class Expectation(Record):
    """What the right answer to a message is, where that is not just any answer.

    Attributes:
        status: HTTP status; 400 when the message must be refused.
        contains: Text that must stand in the answer, whole.
    """

    status: Annotated[int, Field(ge=100, le=599)] = 200
    contains: str | None = None

    @model_validator(mode="after")
    def _readable(self) -> "Expectation":
        if self.contains is not None and not 200 <= self.status < 300:  # noqa: PLR2004 - success, by RFC 9110
            raise ValueError("contains is looked for in an answer, and a refusal is none")
        return self


class Prompt(Record):
    """One message, or a conversation that begins with it.

    Attributes:
        id: Its name in results and baselines; later messages of a conversation are `id.2`, `id.3`.
        text: What is sent.
        then: What the same user sends after the answer, and so on.
        weight: How often it is dealt for each time that a message of weight 1 is.
        expect: What the right answer to each is.
    """

    id: Name
    text: Text
    then: tuple[Text, ...] = ()
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    expect: Expectation = Expectation()

    @property
    def messages(self) -> tuple[str, ...]:
        """All texts in their order."""
        return (self.text, *self.then)


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


class Suites(RootModel[dict[Name, Annotated[tuple[Name, ...], Field(min_length=1)]]]):
    """Which scenarios run together, by the suite's name."""

    model_config = ConfigDict(frozen=True)


class Brief(Record):
    """All that a run needs to know: the scenario with the files it names."""

    scenario: Scenario
    target: Target
    prompts: tuple[Prompt, ...]
    beside: Target | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The scenario's target, and the one beside it when there is one."""
        return (self.target,) if self.beside is None else (self.target, self.beside)

    def held_to(self, objectives: Mapping[str, float]) -> "Brief":
        """The same work, with these objectives beside its own, or in their place where both have one."""
        scenario = self.scenario.model_copy(update={"objectives": {**self.scenario.objectives, **objectives}})
        return self.model_copy(update={"scenario": scenario})

    def limited_by(self, thresholds: Thresholds) -> "Brief":
        """The same work, with these limits in the place of its own of the same metric."""
        own = self.scenario.thresholds
        limits = {**own, **{key: each for key, each in thresholds.items() if key in own}}
        return self.model_copy(update={"scenario": self.scenario.model_copy(update={"thresholds": limits})})

    @model_validator(mode="after")
    def _conversations(self) -> "Brief":
        opens = any(isinstance(stage, OpenLoop) for stage in self.scenario.stages)
        talks = [prompt.id for prompt in self.prompts if prompt.then]
        if opens and talks:
            raise ValueError(
                f"'{talks[0]}' is a conversation, which needs closed loops: it waits for answers"
            )
        return self
