"""What the user declares: a scenario, and the messages it sends."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, RootModel, model_validator

from bench.core.config.executors import EXECUTORS, ClosedLoop, OpenLoop, Phase, phases_around, sessions
from bench.core.config.objective import Objectives
from bench.core.config.target import Name
from bench.core.limits.metric_names import require_metric
from bench.core.limits.threshold import Thresholds
from bench.core.samples.metrics import metric_of_tail
from bench.core.values.duration import Duration, PositiveDuration
from bench.core.values.record import Record

# Users of an open loop are nobody in particular, so a few are enough.
OPEN_LOOP_ACCOUNTS = 50


class Tolerance(Record):
    """How much worse a metric may get before that is a regression.

    Attributes:
        margin_ratio: Share of the baseline's value, 0.1 for 10 %.
    """

    margin_ratio: Annotated[float, Field(gt=0, lt=10)]


def _known_metrics(tolerances: dict[str, Tolerance]) -> dict[str, Tolerance]:
    for key in tolerances:
        if metric_of_tail(key) is None:
            require_metric(key)
    return tolerances


def _executor_properties() -> dict[str, Any]:
    """Return the JSON Schema of every field of every executor, by the field's name in files."""
    properties: dict[str, Any] = {}
    names: list[str] = []
    for executor in EXECUTORS.values():
        schema = executor.model_json_schema()
        fields = _inline(schema["properties"], schema.get("$defs", {}))
        names.append(fields["executor"]["const"])
        properties = {**fields, **properties}
    properties["executor"] = {"description": "The executor's name.", "enum": names, "type": "string"}
    return properties


def _inline(schema: Any, definitions: dict[str, Any]) -> Any:
    """Replace references by what they refer to, so that the schema can stand in another one."""
    match schema:
        case {"$ref": str() as reference}:
            return _inline(definitions[reference.rpartition("/")[2]], definitions)
        case dict():
            return {key: _inline(value, definitions) for key, value in schema.items()}
        case list():
            return [_inline(item, definitions) for item in schema]
        case _:
            return schema


_EXECUTOR_PROPERTIES = _executor_properties()
_EXECUTOR_FIELDS = frozenset(_EXECUTOR_PROPERTIES)


def _allow_executor_at_top(schema: dict[str, Any]) -> None:
    schema["properties"] |= _EXECUTOR_PROPERTIES
    schema["required"].remove("phases")
    schema["oneOf"] = [{"required": ["phases"]}, {"required": ["executor"]}]


class Scenario(Record):
    """A load, the interface that it goes to, and the limits that must hold.

    A scenario with one executor may have the executor's fields at its top level; several stand in `phases`.
    """

    model_config = ConfigDict(json_schema_extra=_allow_executor_at_top)

    name: Name
    """Name of the file without its ending."""
    purpose: Annotated[str, Field(min_length=1)]
    """One sentence for people."""
    target: Name
    """Name of the interface that the requests go to: a file in `scenarios/targets/`."""
    compare_with: Name | None = None
    """A second target that gets every message too. The report shows how much longer the first one takes."""
    seed: int
    """Seed of the order of messages, of think times, and of random arrivals."""
    prompts: str
    """File of messages, relative to the scenario's folder. They are dealt like cards: each deck holds every
    message as often as its weight, in a seeded order."""
    unique_prompts: bool = False
    """Add a few unique letters to each message, so that no cache can answer."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    """Executors that run one after the other."""
    thresholds: Thresholds = {}
    """Limits that fail the run even without a baseline, by metric, in k6's grammar."""
    objectives: Objectives = {}
    """Milliseconds that a good answer takes at most, by metric. The share of good answers is the goodput."""
    recovery_ratio: Annotated[float, Field(ge=1)] | None = None
    """Highest ratio of waiting after cancellations to waiting before them."""
    fixtures: tuple[Name, ...] = ()
    """Fixtures of the stack that the scenario needs in the stack's store."""
    tolerances: Annotated[dict[str, Tolerance], AfterValidator(_known_metrics)] = {}
    """Margins that differ from the default, by metric."""
    request_timeout_s: Annotated[PositiveDuration, Field(alias="request_timeout")] = 120.0
    """A request that takes longer has the outcome `timeout`."""
    graceful_stop_s: Annotated[Duration, Field(alias="graceful_stop")] = 30.0
    """How long requests in flight at the end of a phase may take to finish."""

    @model_validator(mode="before")
    @classmethod
    def _move_executor_to_phases(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "phases" in data:
            return data
        own = {key: value for key, value in data.items() if key not in _EXECUTOR_FIELDS}
        phase = {key: value for key, value in data.items() if key in _EXECUTOR_FIELDS}
        return {**own, "phases": (phase,)} if phase else own

    @model_validator(mode="after")
    def _measures(self) -> "Scenario":
        if all(phase.warm_up for phase in self.phases):
            raise ValueError("every stage is a warm-up, so nothing would be measured")
        if self.compare_with is not None and any(isinstance(phase, OpenLoop) for phase in self.phases):
            raise ValueError("a target beside needs closed loops: its requests come after the target's")
        if self.recovery_ratio is not None and phases_around(self.phases) is None:
            raise ValueError("recovery_ratio needs a stage with cancel_ratio between two without")
        return self

    @property
    def vus(self) -> int:
        """The most virtual users of a closed loop that are there at once; 0 when all loops are open."""
        return max((phase.vus for phase in self.phases if isinstance(phase, ClosedLoop)), default=0)

    @property
    def accounts(self) -> int:
        """How many test users the scenario needs."""
        accounts = 0
        for phase in self.phases:
            needed = OPEN_LOOP_ACCOUNTS if isinstance(phase, OpenLoop) else sessions(phase)
            accounts = max(accounts, needed)
        return accounts

    @property
    def duration_s(self) -> float:
        """How long requests are sent at most, in seconds."""
        return sum(phase.duration_s for phase in self.phases)


class Suites(RootModel[dict[Name, Annotated[tuple[Name, ...], Field(min_length=1)]]]):
    """Which scenarios run together, by the suite's name."""

    model_config = ConfigDict(frozen=True)
