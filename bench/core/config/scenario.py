"""A scenario: a load, the interface that receives it, and the limits that must hold."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from bench.core.config.capacity_search import CapacitySearch
from bench.core.config.compose import Variable
from bench.core.config.executors import (
    EXECUTORS,
    Cases,
    ClosedLoop,
    OpenLoop,
    Phase,
    count_sessions,
    list_warm_ups,
    phases_around,
    planned_s,
)
from bench.core.config.fault import Fault
from bench.core.config.inheritance import Inheriting
from bench.core.config.journey import (
    MESSAGE,
    Data,
    Login,
    MixedScenario,
    Step,
    check_steps,
    require_distinct_names,
    uses_message,
)
from bench.core.config.objective import Objectives
from bench.core.config.phase_fields import total_s
from bench.core.config.placeholders import LITERAL, refuse
from bench.core.config.prompts import Messages
from bench.core.config.repeat import Repeat
from bench.core.config.retry import Retry
from bench.core.config.target import MilestoneName, Name
from bench.core.limits.threshold import Thresholds
from bench.core.limits.tolerance import Tolerances
from bench.core.samples.cost_metrics import NEEDS_FAULTS, is_overhead
from bench.core.values.duration import Duration, PositiveDuration, format_duration
from bench.core.values.quantity import RATIO_PATTERN, parse_ratio
from bench.core.values.record import FieldError

# The requests of an open loop have no VU of their own, so a few test users are enough.
OPEN_LOOP_ACCOUNTS = 50


def _read_ratio(value: Any) -> Any:
    return parse_ratio(value) if isinstance(value, str) else value


def _list_executor_fields() -> frozenset[str]:
    """Return the names of the fields of all executors, as files have them."""
    names: set[str] = set()
    for executor in EXECUTORS.values():
        for name, field in executor.model_fields.items():
            names.add(field.alias or name)
    return frozenset(names)


def _merge_executor_properties() -> dict[str, Any]:
    """Return the JSON Schema of every field of every executor, by the field's name in files."""
    properties: dict[str, Any] = {}
    for executor in EXECUTORS.values():
        schema = executor.model_json_schema()
        fields = _inline(schema["properties"], schema.get("$defs", {}))
        properties = {**fields, **properties}
    properties["executor"] = {
        "description": "Name of the executor. Several executors are written below `phases`.",
        "enum": list(EXECUTORS),
        "type": "string",
    }
    return properties


def _inline(schema: Any, definitions: dict[str, Any]) -> Any:
    """Replace references by their definitions, so that the schema can be a part of another one."""
    match schema:
        case {"$ref": str() as reference}:
            return _inline(definitions[reference.rpartition("/")[2]], definitions)
        case dict():
            return {key: _inline(value, definitions) for key, value in schema.items()}
        case list():
            return [_inline(item, definitions) for item in schema]
        case _:
            return schema


_EXECUTOR_FIELDS = _list_executor_fields()


def _allow_executor_at_top(schema: dict[str, Any]) -> None:
    schema["properties"] |= _merge_executor_properties()
    schema["required"].remove("phases")
    schema["oneOf"] = [{"required": ["phases"]}, {"required": ["executor"]}]


_OF_PARTS = (
    "target",
    "prompts",
    "messages",
    "repeat",
    "service",
    "data",
    "login",
    "steps",
    "turn",
    "variables",
    "objectives",
    "retry",
)
"""Fields that belong to the scenarios of a mix."""


class Scenario(Inheriting):
    """A load, the interface that receives it, and the limits that must hold.

    A scenario with one executor has the executor's fields at its top level. Several executors are written
    below `phases`.
    """

    model_config = ConfigDict(json_schema_extra=_allow_executor_at_top)

    name: Name
    """Name of the file without its ending."""
    purpose: Annotated[str, Field(min_length=1)]
    """Purpose of the scenario in one sentence."""
    target: Name | None = None
    """Name of the interface that receives the messages: a file in `scenarios/targets/`. Steps that are all
    requests need none."""
    service: Name | None = None
    """Service of the stack that receives the requests of steps; default: the service of the target."""
    compare_with: Name | None = None
    """A second target that receives every message too. The report compares the response times of the two."""
    seed: int
    """Seed of the order of messages, of think times, and of random arrivals."""
    prompts: str | None = None
    """File of messages, relative to the scenario's folder. VUs take them from decks: each deck contains
    every message as often as its weight, in a seeded order."""
    messages: Annotated[Messages, LITERAL] = ()
    """The messages themselves, instead of `prompts`: a list of texts, or of objects as in a prompts file."""
    repeat: Repeat | None = None
    """Share of repeated messages, for a service with a cache. Without it, VUs send decks of all messages."""
    data: Data | None = None
    """Rows of a file that requests use as `${row.COLUMN}`."""
    login: Login | None = None
    """How each VU logs in before its first step."""
    steps: tuple[Step, ...] = ()
    """Steps of one iteration: requests and messages in their order. Without steps, each message is an
    iteration of its own."""
    turn: Annotated[str, Field(min_length=1)] | None = None
    """Python file with a function `async def turn(user)`, relative to the scenario's folder, instead of steps
    and messages. The function is one iteration."""
    variables: tuple[Variable, ...] = ()
    """Environment variables that the turn reads, such as a key. The load generator gets no others, except
    those that every program needs and those of `${env.NAME}`."""
    mix: tuple[MixedScenario, ...] = ()
    """Scenarios that run at once and share this scenario's load, instead of a target and messages."""
    unique_prompts: bool = False
    """Add a few unique letters to each message, so that a cache cannot answer it."""
    leave_at: MilestoneName | None = None
    """Milestone of the target at which a VU leaves: its request ends there with the outcome `ok`, and its
    connection is closed. An answer without the milestone is read to its end."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    """Executors that run one after the other."""
    thresholds: Thresholds = {}
    """Limits that fail the run even without a baseline, by metric, in k6's grammar."""
    objectives: Objectives = {}
    """Time limit of a good response in milliseconds, by metric. Goodput is the share of good responses."""
    capacity: CapacitySearch | None = None
    """Searches for the largest load that meets the objectives, for example `{to: 200, budget: 10m}`.
    The scenario's only executor describes one trial; its number of VUs or its rate is the first load."""
    claimed_availability: Annotated[
        Annotated[float, Field(gt=0, lt=1)] | None,
        BeforeValidator(_read_ratio),
        WithJsonSchema(
            {"anyOf": [{"type": "number"}, {"type": "string", "pattern": RATIO_PATTERN}, {"type": "null"}]}
        ),
    ] = None
    """Availability that is claimed for the stack, such as `99.9%`. The report shows whether the run supports
    it; unlike a threshold on `availability`, it never fails the run."""
    recovery_ratio: Annotated[float, Field(ge=1)] | None = None
    """Highest ratio of the waiting time after cancellations to the one before; above it, the run fails."""
    fixtures: tuple[Name, ...] = ()
    """Fixtures of the stack that must be in the stack's store during the run."""
    faults: tuple[Fault, ...] = ()
    """Faults that `bench` injects into the stack during the load, and ends before the end of the run."""
    side_effects: Annotated[str, Field(min_length=1)] | None = None
    """What the requests change for good, in one sentence. Unless the stack is simulated, such a scenario
    needs `--allow-side-effects`."""
    tolerances: Tolerances = {}
    """Changes for the worse that are tolerated, by metric, for example `e2e: {ratio: 10%, absolute: 0.5ms}`.
    The keys `class` and `message` are for classes of messages and for single messages, `class.NAME` and
    `message.ID` for one of them."""
    request_timeout_s: Annotated[PositiveDuration, Field(alias="request_timeout")] = 120.0
    """A request that takes longer has the outcome `timeout`."""
    retry: Retry | None = None
    """Sends a request again if the service refuses it for now, for example
    `retry: {attempts: 3, backoff: 0.5s..8s}`. Without it, a VU never sends a request twice."""
    graceful_stop_s: Annotated[Duration | None, Field(alias="graceful_stop")] = None
    """Time that requests in flight get to finish after the end of a phase. Without this field, it is twice
    the slowest answer of the run so far, and at least 30 s, but not longer than `request_timeout`."""

    @model_validator(mode="before")
    @classmethod
    def _move_executor_to_phases(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "phases" in data:
            return data
        phase: dict[str, Any] = {}
        scenario: dict[str, Any] = {}
        for key, value in data.items():
            part = phase if key in _EXECUTOR_FIELDS else scenario
            part[key] = value
        return {**scenario, "phases": (phase,)} if phase else data

    @classmethod
    def list_replaced(cls, own: Mapping[str, Any], inherited: Mapping[str, Any]) -> frozenset[str]:
        """Return the inherited messages and executors that a scenario replaces by its own ones."""
        replaced: set[str] = set()
        if "messages" in own:
            replaced.add("prompts")
        if "prompts" in own:
            replaced.add("messages")
        if "phases" in own or own.get("executor", inherited.get("executor")) != inherited.get("executor"):
            replaced |= _EXECUTOR_FIELDS
        if own.keys() & _EXECUTOR_FIELDS:
            replaced.add("phases")
        return frozenset(replaced)

    @model_validator(mode="after")
    def _check_phases(self) -> "Scenario":
        if len(list_warm_ups(self.phases)) == len(self.phases):
            last = len(self.phases) - 1
            raise FieldError(("phases", last, "warm_up"), "every phase is a warm-up; add one that is not")
        if self.compare_with is None:
            for key in filter(is_overhead, self.thresholds):
                raise FieldError(("thresholds", key), "needs compare_with, a second target")
        if self.recovery_ratio is not None and phases_around(self.phases) is None:
            raise FieldError(
                ("recovery_ratio",), "needs a phase with cancel_ratio between two phases without it"
            )
        return self

    @model_validator(mode="after")
    def _check_capacity(self) -> "Scenario":
        if self.capacity is None:
            return self
        for field in ("compare_with", "faults", "recovery_ratio"):
            if getattr(self, field):
                raise FieldError((field,), "cannot be combined with capacity; remove one of them")
        kinds = {phase.executor for phase in self.phases if not phase.warm_up}
        if kinds not in ({"constant-vus"}, {"constant-arrival-rate"}):
            raise FieldError(("capacity",), "needs one load: constant-vus or constant-arrival-rate")
        return self

    @model_validator(mode="after")
    def _check_faults(self) -> "Scenario":
        if not self.faults:
            for key in filter(NEEDS_FAULTS.__contains__, self.thresholds):
                raise FieldError(("thresholds", key), "needs faults, after which the stack recovers")
        load_s = planned_s([phase for phase in self.phases if not phase.warm_up])
        for index, fault in enumerate(self.faults):
            if load_s is not None and fault.at_s >= load_s:
                load = f"the load without warm-up takes {format_duration(load_s)}"
                raise FieldError(("faults", index, "at"), f"is after the end of the load: {load}")
        return self

    @model_validator(mode="after")
    def _check_journey(self) -> "Scenario":
        require_distinct_names(self.steps)
        refuse([*check_steps(self.login, self.steps)], "Scenario")
        if self.compare_with is not None and self.is_journey:
            field = next(name for name in ("steps", "login", "data", "mix", "turn") if getattr(self, name))
            raise FieldError(("compare_with",), f"cannot be combined with {field}; remove one of them")
        if self.turn is not None:
            self._check_turn()
        elif self.variables:
            raise FieldError(("variables",), "belongs to a turn; requests name a variable as ${env.NAME}")
        elif self.mix:
            self._check_mix()
        elif self.has_messages:
            self._require_messages()
        elif self.service is None and self.target is None:
            self._require_services()
        return self

    @model_validator(mode="after")
    def _check_repeat(self) -> "Scenario":
        if self.repeat is None or self.mix:
            return self
        if not self.has_messages and not any(uses_message(step) for step in self.steps):
            raise FieldError(("repeat",), "needs messages; this scenario sends none")
        if self.unique_prompts:
            raise FieldError(("repeat",), "cannot be combined with unique_prompts; remove one of them")
        if any(isinstance(phase, Cases) for phase in self.phases):
            raise FieldError(("repeat",), "cannot be combined with cases, which sends each message once")
        return self

    def _check_turn(self) -> None:
        for field in ("steps", "login", "mix", "prompts", "messages", "repeat", "leave_at", "retry"):
            if getattr(self, field):
                raise FieldError((field,), "cannot be combined with turn; remove one of them")
        if self.target is None and self.service is None:
            raise FieldError(("service",), "is missing; the turn needs a service of the stack")

    def _check_mix(self) -> None:
        for field in _OF_PARTS:
            if getattr(self, field):
                raise FieldError((field,), "belongs to the scenarios of the mix; remove it here")

    def _require_messages(self) -> None:
        if self.target is None:
            raise FieldError(("target",), "is missing; messages need it")
        if self.messages and self.prompts is not None:
            raise FieldError(("messages",), "cannot be combined with prompts; remove one of them")
        if not self.messages and self.prompts is None:
            raise FieldError(("prompts",), "is missing; name a file of messages, or write messages")

    def _require_services(self) -> None:
        for index, step in enumerate(self.steps):
            if step.request is not None and step.request.service is None:
                raise FieldError(
                    ("steps", index, "request"),
                    "needs a service of the stack: write service: NAME at the top",
                )

    @property
    def is_journey(self) -> bool:
        """Whether a VU does more than to send messages: it has steps or a turn, logs in, or uses rows."""
        return bool(self.steps or self.login or self.data or self.mix or self.turn)

    @property
    def journey_steps(self) -> tuple[Step, ...]:
        """The steps of one iteration; one message if the scenario declares none, and none of a turn."""
        if self.turn is not None:
            return ()
        return self.steps or (Step(name=MESSAGE, messages=1),)

    @property
    def requests(self) -> tuple[Step, ...]:
        """The requests of the login, then all steps."""
        return (*self.login_requests, *self.steps)

    @property
    def login_requests(self) -> tuple[Step, ...]:
        """The requests of the login."""
        return () if self.login is None else self.login.requests

    @property
    def services(self) -> tuple[str, ...]:
        """Names of the services that steps and the login name themselves, without that of the target."""
        named = [step.request.service for step in self.requests if step.request and step.request.service]
        return tuple(dict.fromkeys((*named, *filter(None, (self.service,)))))

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the files that steps upload."""
        paths: dict[str, None] = {}
        for step in self.steps:
            if step.request is not None:
                paths |= dict.fromkeys(step.request.files)
        return tuple(paths)

    @property
    def has_messages(self) -> bool:
        """Whether an iteration sends messages to the target."""
        return not self.mix and any(step.messages is not None for step in self.journey_steps)

    @property
    def zipf(self) -> float | None:
        """Exponent of the repeats of messages; `None` without repeats."""
        return None if self.repeat is None else self.repeat.zipf

    @property
    def vus(self) -> int:
        """The most VUs that are active at once; 0 if all loops are open."""
        return max((phase.vus for phase in self.phases if isinstance(phase, ClosedLoop)), default=0)

    @property
    def accounts(self) -> int:
        """Number of test users that the scenario needs."""
        accounts = 0
        for phase in self.phases:
            needed = OPEN_LOOP_ACCOUNTS if isinstance(phase, OpenLoop) else count_sessions(phase)
            accounts = max(accounts, needed)
        return accounts

    @property
    def duration_s(self) -> float:
        """Longest time in which requests are sent, in seconds."""
        return total_s(self.phases)
