"""A stack: the services that run together, how they start, and how its test users look.

Texts may hold placeholders:

- `${python}`: this Python interpreter
- `${here}`: the current folder, with the stack file and the scenarios
- `${tree}`: the files of the version that runs; without a version, the current folder
- `${state}`: a folder of the version for files that it writes
- `${port}`: the port of the service
- `${configuration}`: the folder of the service's configuration files
- `${jwt_secret}`: the secret that signs tokens
- `${secret.NAME}`: an environment variable; if it is not set, a generated secret
- `${env.NAME}`: an environment variable; `${env.NAME:-default}` has a value without it
- `${SERVICE.url}`: the address of another service
- `${SERVICE.address}`: its host and port
- `${SERVICE.urls}`, `${SERVICE.addresses}`: those of all its instances, separated by commas
- `${otlp.url}`: the address that receives spans, if the stack declares `tiers: {otlp: {}}`
- `${id}`, `${username}`, `${now}`: in `document` and `claims` of test users
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bench.core.config.autoscaling import Autoscaling, check_scaling
from bench.core.config.compose import Compose
from bench.core.config.configuration import list_instance_placeholders
from bench.core.config.inheritance import Inheriting
from bench.core.config.instances import Replicable, check_instances, has_one_address, list_instances
from bench.core.config.placeholders import (
    KEEPS_PLACEHOLDERS,
    SECRET,
    VARIABLE,
    PlaceholderProblem,
    find_unknown,
    list_names,
    refuse,
)
from bench.core.config.promises import Promises, check_gauge
from bench.core.config.service import Command, Service
from bench.core.config.stack_tiers import Layers, OtlpReceiver, StackTiers
from bench.core.config.target import Name, Target, UrlPath
from bench.core.config.tier_sources import TierName
from bench.core.config.watching import AlertLimits, Check, MongoCheck, Readings
from bench.core.limits.threshold import ReplacingThresholds
from bench.core.values.duration import PositiveDuration
from bench.core.values.nearest import suggest
from bench.core.values.record import FieldError, Record

_ADDRESS = re.compile(r"(https?)://[^/]*?(?::(\d+))?(?:/|$)")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Placeholders that the texts of services and stores may have, and those of test users.
_SERVICE_PLACEHOLDERS = ("python", "here", "tree", "state", "jwt_secret")
OTLP_URL = "otlp.url"
CONFIGURATION = "configuration"
_USER_PLACEHOLDERS = ("id", "username", "now")


class CommandStore(Record):
    """A program that stores documents. It reads JSON from stdin: documents for `add`, ids for `remove`."""

    kind: Literal["command"]
    """Kind of the store."""
    command: Annotated[tuple[str, ...], Field(min_length=1), KEEPS_PLACEHOLDERS]
    """Program and arguments."""
    environment: Annotated[dict[str, str], KEEPS_PLACEHOLDERS] = {}
    """Environment variables in addition to PATH and similar ones."""


class MongoStore(Record):
    """A collection of a MongoDB."""

    kind: Literal["mongodb"]
    """Kind of the store."""
    uri: Annotated[str, KEEPS_PLACEHOLDERS]
    """Address, with the name of the database."""
    collection: str = "users"
    """Collection that holds the documents."""


class Users(Record):
    """The test users of a stack."""

    store: Annotated[CommandStore | MongoStore, Field(discriminator="kind")]
    """Store that gets the test users before a run. They are removed after it."""
    document: Annotated[dict[str, Any], KEEPS_PLACEHOLDERS]
    """Document of each test user in the store."""
    claims: Annotated[dict[str, Any], KEEPS_PLACEHOLDERS]
    """Claims of a test user's token. `iat` and `exp` are added."""
    token_lifetime_s: Annotated[PositiveDuration, Field(alias="token_lifetime")] = 86_400.0
    """Time until a token expires."""


class Fixture(Record):
    """Documents that scenarios need in the stack's store."""

    store: Annotated[CommandStore | MongoStore, Field(discriminator="kind")]
    """Store that gets the documents before a run. They are removed after it."""
    items: Annotated[tuple[str | dict[str, Any], ...], Field(min_length=1), KEEPS_PLACEHOLDERS]
    """Documents with an `_id`, or ids alone, as the store expects them."""


class RepeatedRequest(Record):
    """A request that is sent several times, one after the other."""

    target: Target
    """Interface that the request goes to."""
    message: str
    """Message of the request."""
    repeats: Annotated[int, Field(ge=1, le=1000)] = 5
    """Number of requests."""


class ReadyCheck(Record):
    """The request that shows that a started stack is ready."""

    service: Name
    """Service that gets the request."""
    path: UrlPath
    """Path that answers 200 if the stack is ready."""
    auth: Literal["bearer", "none"] = "none"
    """Authentication: `bearer` sends a test user's token."""


class Stack(Inheriting):
    """Services that run together: processes of this machine, containers, or services that run elsewhere."""

    folder = "stacks"
    name: Name
    """Name of the file without its ending. `--stack` uses it."""
    purpose: str
    """Purpose of the stack in one sentence."""
    simulated: bool = False
    """Whether all response times are simulated. Then runs on different machines are comparable."""
    services: dict[Name, Service] = {}
    """Processes, in the order in which they start."""
    compose: Compose | None = None
    """Compose file that starts containers, instead of `services`."""
    up: Annotated[tuple[Command, ...], KEEPS_PLACEHOLDERS] = ()
    """Commands that start the stack, instead of `services`, for example a Procfile runner. The last one may
    keep running."""
    down: Annotated[tuple[Command, ...], KEEPS_PLACEHOLDERS] = ()
    """Commands that stop what `up` started. Processes of `up` that still run are ended after them."""
    urls: Annotated[dict[Name, str], KEEPS_PLACEHOLDERS] = {}
    """Address of each service that `up` starts, or that runs elsewhere; `--url` replaces it."""
    start_timeout_s: Annotated[PositiveDuration, Field(alias="start_timeout")] = 300.0
    """Longest time until the stack of `up` is ready."""
    prepare: Annotated[tuple[Command, ...], KEEPS_PLACEHOLDERS] = ()
    """Commands that make the files of a version runnable, for example `npm ci`. `bench ab` runs them once for
    each version, in a copy of its files."""
    ready: ReadyCheck | None = None
    """Request that must succeed before `bench stack up` ends. By default a stack is ready if it listens."""
    users: Users | None = None
    """Test users of the stack. By default it has none, and its services do not check tokens."""
    fixtures: dict[Name, Fixture] = {}
    """Documents that scenarios may need, by the name that a scenario's `fixtures` uses."""
    reference_workload: RepeatedRequest | None = None
    """Request that no change of the repository affects, for example to a pinned model. It is sent before and
    after a run and shows the machine speed."""
    layers: Layers | None = None
    """Requests to each tier separately, for answers that do not report tier times."""
    tiers: StackTiers = StackTiers()
    """Sources of tier times that the services offer: spans of OpenTelemetry, and histograms."""
    checks: dict[Name, Check] = {}
    """Health checks by name."""
    gauges: dict[Name, Readings] = {}
    """Gauges that are read during a run, by service."""
    counters: dict[Name, Readings] = {}
    """Counters of the work that messages cause, by service. They are read before and after the load. Counters
    with the same name are added up over the services."""
    scaling: dict[Name, Autoscaling] = {}
    """Rules that change the number of instances of a service during a run, by service."""
    alerts: AlertLimits = AlertLimits()
    """Limits beyond which an alert is raised."""
    promises: Promises = Promises()
    """What the chat service does with requests that it must not serve. `bench probe` checks it."""
    files: dict[TierName, tuple[str, ...]] = {}
    """Files and folders of your repository that a tier consists of, by tier. The comment on a pull request
    names the people who changed them."""
    thresholds: ReplacingThresholds = {}
    """Thresholds that replace those of a scenario for the same metric; `null` removes them. Metrics without a
    threshold in the scenario get none."""
    service: Name | dict[Name, Name] | None = None
    """Service that gets the requests, instead of the one that a target names: one name for all targets, or a
    map of targets to services. A stack with one service gets the requests of every target."""

    @model_validator(mode="after")
    def _require_one_kind(self) -> "Stack":
        starts = {"services": self.services, "compose": self.compose, "up": self.up}
        first, *others = [name for name, value in starts.items() if value] or ["urls"]
        if others:
            raise FieldError(
                (others[0],), f"a stack has {first} or {others[0]}, not both; remove one of them"
            )
        if self.down and not self.up:
            raise FieldError(("down",), "needs up, the commands that start the stack")
        if self.up and not self.urls:
            raise FieldError(("urls",), "is missing; declare the address of each service that `up` starts")
        if self.urls and (self.services or self.compose):
            raise FieldError(("urls",), f"is for stacks without {first}, which have their own addresses")
        return self

    @model_validator(mode="after")
    def _check_service(self) -> "Stack":
        by_target = self.service if isinstance(self.service, dict) else {}
        chosen: dict[tuple[str, ...], Name] = {}
        for target, service in by_target.items():
            chosen[("service", target)] = service
        if isinstance(self.service, str):
            chosen[("service",)] = self.service
        for path, service in chosen.items():
            if self.service_names and service not in self.service_names:
                hint = suggest(service, self.service_names)
                raise FieldError(path, f"the stack has no service '{service}'; {hint}")
        return self

    @model_validator(mode="after")
    def _check_instances(self) -> "Stack":
        check_instances(self.declared_services)
        check_scaling(self.services, self.scaling, self.gauges)
        return self

    @model_validator(mode="after")
    def _check_promises(self) -> "Stack":
        check_gauge(self.promises, self.gauges)
        return self

    @model_validator(mode="after")
    def _check_placeholders(self) -> "Stack":
        refuse(list(self._find_unknown_placeholders()), "Stack")
        return self

    def _find_unknown_placeholders(self) -> Iterator[PlaceholderProblem]:
        names = list(_SERVICE_PLACEHOLDERS)
        for service in self.service_names:
            declared = self.declared_services
            if service not in declared or has_one_address(declared, service):
                names += [f"{service}.url", f"{service}.address"]
        for service in self.services:
            names += [f"{service}.urls", f"{service}.addresses"]
        if self.tiers.otlp is not None:
            names.append(OTLP_URL)
        yield from self._find_unknown_in_services([*names, CONFIGURATION, "port"])
        declared = self.model_dump(include={"compose", "up", "down", "urls", "prepare", "fixtures", "checks"})
        users = self.model_dump(include={"users"})["users"] or {}
        for part in ("document", "claims"):
            yield from find_unknown(users.pop(part, {}), _USER_PLACEHOLDERS, (), ("users", part))
        promises = self.promises.list_expanded()
        content = {**declared, "users": users, "promises": promises}
        yield from find_unknown(content, names, (VARIABLE, SECRET))

    def _find_unknown_in_services(self, names: Sequence[str]) -> Iterator[PlaceholderProblem]:
        repeating = [*names, *list_instance_placeholders(self.services)]
        services = self.model_dump(include={"services"})
        for name, service in services["services"].items():
            place = ("services", name, CONFIGURATION)
            yield from find_unknown(service.pop(CONFIGURATION), repeating, (VARIABLE, SECRET), place)
        yield from find_unknown(services, names, (VARIABLE, SECRET))

    @property
    def declared_services(self) -> Mapping[Name, Replicable]:
        """Declarations of the processes or containers; empty if `bench` starts neither."""
        return self.services if self.compose is None else self.compose.services

    @property
    def service_names(self) -> tuple[Name, ...]:
        """The services that `bench` starts; none if they run elsewhere."""
        if self.up:
            return tuple(self.urls)
        return tuple(self.services if self.compose is None else self.compose.services)

    def service_of(self, target: Target) -> Name:
        """Return the service that gets the requests of a target."""
        match self.service:
            case str():
                return self.service
            case dict() if target.name in self.service:
                return self.service[target.name]
        only_one = len(self.service_names) == 1
        return self.service_names[0] if only_one else target.service

    @property
    def is_external(self) -> bool:
        """Whether the services run elsewhere, so that `bench` cannot start them."""
        return not self.services and self.compose is None and not self.up

    @property
    def port_services(self) -> tuple[Name, ...]:
        """The services, or their instances, whose port can be chosen."""
        if self.compose is None:
            return tuple(instance.name for instance in list_instances(self.services))
        return tuple(name for name, service in self.compose.services.items() if service.port_variable)

    @property
    def knobs(self) -> dict[str, str]:
        """The environment variable of each knob, by `service.knob`."""
        services = self.services if self.compose is None else self.compose.services
        knobs: dict[str, str] = {}
        for name, service in services.items():
            for knob, variable in service.knobs.items():
                knobs[f"{name}.{knob}"] = variable
        return knobs


def receive_spans(stack: Stack, port: int | None) -> Stack:
    """Return the stack with OpenTelemetry at this port; with `None` as it is declared."""
    if port is None:
        return stack
    otlp = (stack.tiers.otlp or OtlpReceiver()).model_copy(update={"port": port})
    return stack.model_copy(update={"tiers": stack.tiers.model_copy(update={"otlp": otlp})})


# Fields that change how a stack is monitored and judged, but not its work.
MONITORING_FIELDS = frozenset(
    {"alerts", "checks", "counters", "files", "gauges", "promises", "ready", "thresholds", "tiers"}
)


def list_services(stack: Stack) -> tuple[str, ...]:
    """Return the sorted names of the services that a stack starts, measures or watches."""
    names = {instance.name for instance in list_instances(stack.services)}
    names |= {*stack.service_names, *stack.urls, *stack.gauges, *stack.counters}
    names |= {histogram.service for histogram in stack.tiers.histograms.values()}
    if stack.layers is not None:
        names |= {layer.target.service for layer in stack.layers.tiers}
    if stack.ready is not None:
        names.add(stack.ready.service)
    for check in stack.checks.values():
        if not isinstance(check, MongoCheck):
            names.add(check.service)
    return tuple(sorted(names))


def fixed_ports(stack: Stack) -> frozenset[int]:
    """Return the ports of this machine that a stack always uses, so that only one of its versions can run.

    Containers have none, because each version gets its own ports.
    """
    ports = {service.fixed_port for service in stack.services.values() if service.fixed_port is not None}
    if stack.up:
        for url in stack.urls.values():
            match = _ADDRESS.match(url)
            if match is not None:
                ports.add(int(match[2] or _DEFAULT_PORTS[match[1]]))
    if stack.tiers.otlp is not None and stack.tiers.otlp.port is not None:
        ports.add(stack.tiers.otlp.port)
    return frozenset(ports)


def uses_secret(stack: Stack) -> bool:
    """Return whether a stack needs the secret that signs tokens."""
    return stack.users is not None or "${jwt_secret}" in stack.model_dump_json()


def list_secrets(stack: Stack) -> tuple[str, ...]:
    """Return the sorted names of the secrets that a stack uses as `${secret.NAME}`."""
    return tuple(sorted(list_names(stack.model_dump_json(), SECRET)))
