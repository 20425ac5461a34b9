"""A stack: the services that run together, how they start, and how test users come into it.

Texts may hold placeholders: `${python}` (this interpreter), `${state}` (a folder for the stack's files),
`${jwt_secret}`, `${secret.NAME}` (an environment variable, or made up where there is none), `${env.NAME}` (an
environment variable), `${SERVICE.url}` of a service started before, and of a container `${SERVICE.address}`,
its host and port.
In a user's document and claims: `${id}`, `${username}`, `${now}`.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from bench.core.config.compose import Compose, KnobName
from bench.core.config.target import Name, Target, TierName
from bench.core.config.watching import Check, Limits, Readings
from bench.core.limits.threshold import Thresholds
from bench.core.values.duration import PositiveDuration
from bench.core.values.record import FieldError, Record
from bench.errors import ConfigError

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


class Service(Record):
    """A process of a stack. When it listens it prints one JSON line with its `url`.

    Attributes:
        command: Program and arguments.
        environment: Variables beside PATH and the like.
        port_variable: The variable that chooses the port; 0 lets the kernel choose.
        knobs: What can be made worse on purpose: the knob's name, and the variable that turns it.
        start_timeout_s: How long it may take until it listens.
    """

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    environment: dict[str, str] = {}
    port_variable: str = "PORT"
    knobs: dict[KnobName, str] = {}
    start_timeout_s: Annotated[PositiveDuration, Field(alias="start_timeout")] = 20.0


class CommandStore(Record):
    """Users are put in by a program: `COMMAND add` reads documents, `COMMAND remove` ids: JSON on stdin."""

    kind: Literal["command"]
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    environment: dict[str, str] = {}


class MongoStore(Record):
    """Users are put into a collection of a MongoDB.

    Attributes:
        uri: Address with the database's name.
        collection: Where the users are.
    """

    kind: Literal["mongodb"]
    uri: str
    collection: str = "users"


class Users(Record):
    """The test users of a stack.

    Attributes:
        store: Where they are put before a run and removed from after it.
        document: What is put there for each.
        claims: Of a user's token; `iat` and `exp` are added.
        token_lifetime_s: Until the token expires.
    """

    store: Annotated[CommandStore | MongoStore, Field(discriminator="kind")]
    document: dict[str, Any]
    claims: dict[str, Any]
    token_lifetime_s: Annotated[PositiveDuration, Field(alias="token_lifetime")] = 86_400.0


class Fixture(Record):
    """Things that must be in the stack's store during a run, for scenarios that ask for them.

    Attributes:
        store: Where they are put before a run and removed from after it.
        items: Documents with an `_id`, or bare ids, as the store takes them.
    """

    store: Annotated[CommandStore | MongoStore, Field(discriminator="kind")]
    items: Annotated[tuple[str | dict[str, Any], ...], Field(min_length=1)]


class Asked(Record):
    """The same request again and again, to a service of the stack.

    Attributes:
        target: How to ask.
        message: What.
        repeats: How many times, one after the other.
    """

    target: Target
    message: str
    repeats: Annotated[int, Field(ge=1, le=1000)] = 5


class Layer(Record):
    """A tier that can be asked by itself."""

    tier: TierName
    target: Target


class Layers(Record):
    """How to ask the tiers of a stack whose answers do not say how long each took.

    Attributes:
        message: What all are asked.
        tiers: From the outermost in, each asking the next one.
        rounds: How often each is asked, in turns.
    """

    message: str
    tiers: Annotated[tuple[Layer, ...], Field(min_length=2)]
    rounds: Annotated[int, Field(ge=1, le=1000)] = 10


class Ready(Record):
    """The question by which a stack that was started is known to be ready.

    Attributes:
        service: Whom it is put to.
        path: It answers 200, to a test user where `auth` asks for one.
        auth: `bearer` sends a test user's token.
    """

    service: Name
    path: Annotated[str, StringConstraints(pattern=r"^/")]
    auth: Literal["bearer", "none"] = "none"


class Stack(Record):
    """Services that run together: processes of this machine, containers, or neither, when they run elsewhere.

    Attributes:
        name: What `--stack` calls it.
        purpose: One sentence for people.
        simulated: All of its time is simulated, so that runs on different machines compare.
        services: Processes, in the order in which they start.
        compose: How containers are started instead.
        ready: How `bench stack up` knows that it may end; None when listening is enough.
        users: Its test users; None when it does not check who asks.
        fixtures: What scenarios may ask to be there, by name.
        reference_workload: A request to what no change of the repository touches, such as a pinned model;
            before and after a run it shows how fast the machine is.
        layers: How to tell the tiers apart when answers do not.
        checks: What is asked whether the stack is well, by name.
        gauges: What its services say of themselves, by service.
        counters: What they count that messages make them do, likewise; read around the load, and of services
            that share a name added up.
        alerts: From where on somebody should look.
        thresholds: Limits that take the place of a scenario's of the same metric, by metric.
    """

    name: Name
    purpose: str
    simulated: bool = False
    services: dict[Name, Service] = {}
    compose: Compose | None = None
    ready: Ready | None = None
    users: Users | None = None
    fixtures: dict[Name, Fixture] = {}
    reference_workload: Asked | None = None
    layers: Layers | None = None
    checks: dict[Name, Check] = {}
    gauges: dict[Name, Readings] = {}
    counters: dict[Name, Readings] = {}
    alerts: Limits = Limits()
    thresholds: Thresholds = {}

    @model_validator(mode="after")
    def _one_kind(self) -> "Stack":
        if self.services and self.compose is not None:
            raise FieldError(("compose",), "a stack has services or compose, not both; remove one of them")
        return self

    @property
    def elsewhere(self) -> bool:
        """Whether it is nothing that could be started here."""
        return not self.services and self.compose is None

    @property
    def names(self) -> tuple[Name, ...]:
        """The services that can be given a port."""
        if self.compose is None:
            return tuple(self.services)
        return tuple(name for name, each in self.compose.services.items() if each.port_variable)

    @property
    def knobs(self) -> dict[str, str]:
        """What can be made worse: `service.knob`, and the variable that turns it."""
        services = self.services if self.compose is None else self.compose.services
        return {
            f"{name}.{knob}": text for name, each in services.items() for knob, text in each.knobs.items()
        }


# How a stack is watched, held to limits and known to be ready; it does the same work without.
WATCHING = frozenset({"checks", "gauges", "counters", "alerts", "ready", "thresholds"})


def secret_names(stack: Stack) -> tuple[str, ...]:
    """The names of the secrets that a stack's declaration asks for with `${secret.NAME}`, in order."""
    found = (match[1] for match in _PLACEHOLDER.finditer(stack.model_dump_json()))
    return tuple(sorted({name.removeprefix("secret.") for name in found if name.startswith("secret.")}))


def expand(text: str, values: Mapping[str, str], where: str) -> str:
    """Replace the placeholders of a text.

    Raises:
        ConfigError: A placeholder has no value; the message says where it stands.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in values:
            return values[name]
        variable = name.removeprefix("env.")
        hint = f"export {variable}=…" if variable != name else f"there are: {', '.join(sorted(values))}"
        raise ConfigError(f"{where}: ${{{name}}} has no value", hint)

    return _PLACEHOLDER.sub(value, text)


def expand_all(content: Any, values: Mapping[str, str], where: str) -> Any:
    """Replace the placeholders in every text of a JSON-like value."""
    match content:
        case str():
            return expand(content, values, where)
        case dict():
            return {key: expand_all(each, values, where) for key, each in content.items()}
        case list() | tuple():
            return [expand_all(each, values, where) for each in content]
        case _:
            return content


def parse_injections(stack: Stack, texts: tuple[str, ...]) -> dict[str, float]:
    """`("model.slowdown=1.3",)` → `{"model.slowdown": 1.3}`, refused where the stack has no such knob.

    Raises:
        ConfigError: The stack has no knobs, or not this one, or the value is no number.
    """
    known = stack.knobs.keys()
    if texts and not known:
        raise ConfigError(f"--inject: target '{stack.name}' has no knobs", "--stack embedded")
    injections = {}
    for text in texts:
        knob, _, number = text.partition("=")
        if knob not in known:
            raise ConfigError(
                f"--inject {text}: there is no '{knob}'", f"there are: {', '.join(sorted(known))}"
            )
        if not re.fullmatch(r"\d+(\.\d+)?", number):
            raise ConfigError(f"--inject {text}: '{number}' is no number", f"write it like {knob}=1.3")
        injections[knob] = float(number)
    return injections
