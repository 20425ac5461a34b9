"""A stack that a compose file starts: its declaration, and the states of its containers."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from bench.core.config.placeholders import KEEPS_PLACEHOLDERS
from bench.core.config.target import Name
from bench.core.values.duration import PositiveDuration
from bench.core.values.record import FieldError, Record

Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Port = Annotated[int, Field(ge=1, le=65_535)]
KnobName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
MOST_REPLICAS = 100
_LABEL = "com.docker.compose"
# A service that restarted this often while it started will not become ready.
_MOST_RESTARTS = 3
# Longer parts of a stack's identity are replaced by their digest.
_LONGEST_PART = 200


class ComposeService(Record):
    """A service of a compose file."""

    service: str | None = None
    """Name in the compose file, if it differs from the name that targets use."""
    port: Port | None = None
    """Port in the container. A service without one gets no requests from outside."""
    port_variable: Variable | None = None
    """Variable of the compose file that sets the port on this machine. By default the file sets it."""
    under_test: Variable | None = None
    """Variable that chooses the service's image, if the image is the subject of comparisons. Runs with
    different images are then comparable. By default the image must be the same."""
    build: Annotated[str, Field(min_length=1)] | Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """How the image of a version is built, if the compose file does not build it: the folder of its
    Dockerfile, or a command. The command runs in the folder of the version and builds the image that the
    variable of `under_test` names."""
    identity: tuple[str, ...] = ()
    """Command in the container that prints what else must be the same, for example the digest of a model."""
    knobs: dict[KnobName, Variable] = {}
    """Variables that make the service worse on purpose, by the knob's name; see `--inject`."""
    replicas: Annotated[int, Field(ge=1, le=MOST_REPLICAS)] | None = None
    """Number of its containers, called `NAME-1`, `NAME-2`, …. By default the compose file sets it."""
    balances: Name | None = None
    """Service whose requests this one distributes over its containers."""
    reload: tuple[str, ...] = ()
    """Command in the container that finds the containers of the service that it `balances` again."""

    @model_validator(mode="after")
    def _require_port(self) -> "ComposeService":
        if self.port_variable is not None and self.port is None:
            raise FieldError(("port_variable",), "needs port, the port in the container")
        return self

    @model_validator(mode="after")
    def _require_variable(self) -> "ComposeService":
        if isinstance(self.build, tuple) and self.under_test is None:
            raise FieldError(("build",), "a command needs under_test, the variable that names its image")
        return self


class Compose(Record):
    """How `docker compose` starts a stack."""

    file: Annotated[str, Field(min_length=1)]
    """Path of the compose file, from the folder in which `bench` runs. It may hold `${env.NAME:-default}`."""
    profiles: tuple[str, ...] = ()
    """Profiles of the compose file to use."""
    environment: Annotated[dict[Variable, str], KEEPS_PLACEHOLDERS] = {}
    """Variables of the compose file. They may hold placeholders."""
    variables: tuple[Variable, ...] = ()
    """Variables of the caller that the compose file may read, in addition to those of images under test.
    Their values must be equal for two runs to be comparable."""
    services: dict[Name, ComposeService]
    """Services by the name that targets use. Services without requests may be left out."""
    shared: tuple[str, ...] = ()
    """Services, by their names in the compose file, that two compared versions use together, for example one
    Ollama with a loaded model. A version that declares them in another way gets its own."""
    caches: tuple[str, ...] = ()
    """Volumes that are kept when the stack stops, for example downloaded models."""
    start_timeout_s: Annotated[PositiveDuration, Field(alias="start_timeout")] = 300.0
    """Longest time until all services are healthy."""

    def target_name(self, service: str) -> Name:
        """Return the name that targets use for a service of the compose file."""
        for name in self.services:
            if self.compose_name(name) == service:
                return name
        return service

    def compose_name(self, name: Name) -> str:
        """Return the name that the compose file uses for a service."""
        return self.services[name].service or name

    @property
    def image_variables(self) -> tuple[Variable, ...]:
        """Variables that choose images under test."""
        return tuple(service.under_test for service in self.services.values() if service.under_test)

    @property
    def visible_variables(self) -> tuple[Variable, ...]:
        """Variables of the caller that the compose file may read."""
        return (*self.variables, *self.image_variables)


class ContainerState(StrEnum):
    """State of a container."""

    UP = "up"
    """It runs, and is healthy if it has a health check."""
    STARTING = "starting"
    """It runs, but is not healthy yet."""
    UNHEALTHY = "unhealthy"
    """Its health check fails."""
    RESTARTING = "restarting"
    """It ended and starts again."""
    PAUSED = "paused"
    """It was paused."""
    DONE = "done"
    """It ended without an error, and does not start again."""
    ENDED = "ended"
    """It ended in another way."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container, as the Docker engine describes it."""

    id: str
    """Id with 64 hexadecimal digits."""
    service: str
    """Name of its service in the compose file."""
    image: str
    """Id of its image."""
    state: ContainerState
    """State of the container."""
    exit_code: int
    """Exit code of its last end."""
    number: int
    """Number of the container among those of its service, from 1."""
    restarts: int
    """Number of times that its restart policy started it again."""
    ports: Mapping[int, int]
    """Port on this machine, by the port in the container."""
    cores: str = ""
    """Cores that it may use, as the engine writes them: `0-2`; empty for all."""
    out_of_memory: bool = False
    """Whether the kernel ended it at its memory limit."""

    @property
    def failed(self) -> bool:
        """Whether it will not become ready. Between two ends, a crash loop looks like a slow start."""
        if self.state is ContainerState.RESTARTING:
            return self.restarts >= _MOST_RESTARTS
        return self.state in {ContainerState.UNHEALTHY, ContainerState.ENDED}

    @property
    def ready(self) -> bool:
        """Whether it runs and is healthy, or ended without an error as planned."""
        return self.state in {ContainerState.UP, ContainerState.DONE}

    @property
    def ended_with(self) -> int | None:
        """The exit code of a container that does not run; `None` if it runs."""
        ended = {ContainerState.ENDED, ContainerState.RESTARTING, ContainerState.DONE}
        return self.exit_code if self.state in ended else None

    @property
    def description(self) -> str:
        """The state in words, to follow the service's name."""
        match self.state:
            case ContainerState.ENDED | ContainerState.RESTARTING | ContainerState.DONE:
                reason = " (out of memory)" if self.out_of_memory else ""
                repeats = f", {self.restarts + 1} times" if self.restarts else ""
                return f"ended with code {self.exit_code}{reason}{repeats}"
            case _:
                repeats = f" after {self.restarts} restarts" if self.restarts else ""
                return f"is {self.state.value}{repeats}"


def parse_containers(text: str) -> tuple[Container, ...]:
    """Parse the output of `docker inspect`, without containers of `compose run`, sorted by service."""
    containers = []
    for content in json.loads(text or "[]"):
        if not _is_one_off(content):
            containers.append(_parse_container(content))
    return tuple(
        sorted(containers, key=lambda container: (container.service, container.number, container.id))
    )


def _is_one_off(content: Mapping[str, Any]) -> bool:
    return str(content["Config"]["Labels"].get(f"{_LABEL}.oneoff")).lower() == "true"


def _parse_container(content: Mapping[str, Any]) -> Container:
    state = content["State"]
    return Container(
        id=content["Id"],
        service=content["Config"]["Labels"].get(f"{_LABEL}.service", ""),
        image=content["Image"],
        state=_parse_state(state, content["HostConfig"]["RestartPolicy"]["Name"]),
        exit_code=state["ExitCode"],
        number=int(content["Config"]["Labels"].get(f"{_LABEL}.container-number") or 1),
        restarts=content["RestartCount"],
        ports=_parse_ports(content["NetworkSettings"].get("Ports") or {}),
        cores=content["HostConfig"].get("CpusetCpus", ""),
        out_of_memory=bool(state.get("OOMKilled")),
    )


def _parse_ports(bindings: Mapping[str, Any]) -> dict[int, int]:
    """Return the open ports: `{"3000/tcp": [{"HostPort": "40000"}]}` → `{3000: 40000}`."""
    ports: dict[int, int] = {}
    for port, bound in bindings.items():
        if bound and bound[0]["HostPort"]:
            number, _, _ = port.partition("/")
            ports[int(number)] = int(bound[0]["HostPort"])
    return ports


def _parse_state(state: Mapping[str, Any], restart_policy: str) -> ContainerState:
    match state["Status"]:
        case "running":
            health = (state.get("Health") or {}).get("Status", "")
            not_healthy = {"starting": ContainerState.STARTING, "unhealthy": ContainerState.UNHEALTHY}
            return not_healthy.get(health, ContainerState.UP)
        case "created":
            return ContainerState.STARTING
        case "restarting":
            return ContainerState.RESTARTING
        case "paused":
            return ContainerState.PAUSED
        case _:
            may_end = restart_policy in {"", "no", "on-failure"}
            return ContainerState.DONE if state["ExitCode"] == 0 and may_end else ContainerState.ENDED


def find_stopped(before: Collection[str], now: Collection[Container]) -> str | None:
    """Return the id of the first container that ran before and has stopped for good; None if none has.

    Args:
        before: Ids of the containers that ran before.
        now: All containers of the stack now; a removed container is missing.
    """
    states = {container.id: container.state for container in now}
    for container_id in before:
        if states.get(container_id, ContainerState.ENDED) in {ContainerState.ENDED, ContainerState.DONE}:
            return container_id
    return None


def list_images(config: Mapping[str, Any], profiles: Collection[str]) -> dict[str, tuple[str, bool]]:
    """Return the image of each service that the profiles start, and whether the file can build it.

    Args:
        config: Output of `docker compose config`.
        profiles: Active profiles.
    """
    images: dict[str, tuple[str, bool]] = {}
    for name, service in config.get("services", {}).items():
        required = service.get("profiles")
        if not required or set(required) & set(profiles):
            images[name] = (service.get("image", ""), "build" in service)
    return images


def name_built_images(config: Mapping[str, Any], profiles: Collection[str]) -> dict[str, str]:
    """Return the image of each service that the file builds without a name for its image.

    `docker compose build` names such an image after the project, which is by default the file's folder.

    Args:
        config: Output of `docker compose config` with the file's own project name.
        profiles: Active profiles.
    """
    project = config.get("name")
    if not project:
        return {}
    images = list_images(config, profiles)
    return {service: f"{project}-{service}" for service, (name, _) in images.items() if not name}


def list_parts(
    compose: Compose,
    file_digest: str,
    variables: Mapping[str, str],
    containers: Collection[Container],
    identities: Mapping[str, str],
) -> dict[str, str]:
    """Return the parts of a stack that must be equal for two runs to be comparable.

    Images under test, and the variables that choose them, are left out.

    Args:
        compose: Declaration of the stack.
        file_digest: Digest of the compose file.
        variables: Variables of the caller that the compose file read, by name.
        containers: All containers of the stack.
        identities: Outputs of the services' identity commands, by service.
    """
    image_variables: dict[Name, Variable] = {}
    for name, service in compose.services.items():
        if service.under_test:
            image_variables[name] = service.under_test
    parts = {"compose file": file_digest}
    for name, value in variables.items():
        if name not in image_variables.values():
            parts[name] = value
    for container in containers:
        name = compose.target_name(container.service)
        if name not in image_variables:
            parts[f"image of {name}"] = container.image
    for name, output in identities.items():
        parts[f"identity of {name}"] = output
    return {name: _shorten(text) for name, text in parts.items()}


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_PART else hashlib.sha256(text.encode()).hexdigest()
