"""A stack that a compose file starts: how it is declared, and what its containers' states mean."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from bench.core.config.target import Name
from bench.core.values.duration import PositiveDuration
from bench.core.values.record import FieldError, Record

Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Port = Annotated[int, Field(ge=1, le=65_535)]
KnobName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
_LABEL = "com.docker.compose"
# So often a service may end while it starts; then it will not stay.
_MOST_RESTARTS = 3
# What is longer is told apart by its digest.
_LONGEST_PART = 200


class ComposeService(Record):
    """A service of a compose file that has something to be said about.

    Attributes:
        service: What the compose file calls it, where that is another name.
        port: The port in the container that its address leads to; None when nobody asks it from outside.
        port_variable: The variable of the compose file that chooses the port on this machine; None when the
            file says it.
        under_test: The variable that chooses its image, when runs are compared for the sake of that image:
            those of another one are comparable. None when it must be the same.
        identity: A command in the container that prints what else it holds, such as the digest of a model.
        knobs: What can be made worse on purpose: the knob's name, and the variable that turns it.
    """

    service: str | None = None
    port: Port | None = None
    port_variable: Variable | None = None
    under_test: Variable | None = None
    identity: tuple[str, ...] = ()
    knobs: dict[KnobName, Variable] = {}

    @model_validator(mode="after")
    def _whole(self) -> "ComposeService":
        if self.port_variable is not None and self.port is None:
            raise FieldError(("port_variable",), "needs port, the port in the container")
        return self


class Compose(Record):
    """How `docker compose` starts a stack.

    Attributes:
        file: The compose file, from the folder in which `bench` runs.
        profiles: Which of its profiles.
        environment: Its variables; may hold placeholders.
        variables: Those of the caller's that it may see, beside those that choose images under test; they
            are a part of what must be equal for two runs to be compared.
        services: By the name that targets use; those that nobody asks need not be here.
        caches: Volumes that outlive the stack, such as models that were fetched.
        start_timeout_s: How long it may take until all are healthy.
    """

    file: Annotated[str, Field(min_length=1)]
    profiles: tuple[str, ...] = ()
    environment: dict[Variable, str] = {}
    variables: tuple[Variable, ...] = ()
    services: dict[Name, ComposeService]
    caches: tuple[str, ...] = ()
    start_timeout_s: Annotated[PositiveDuration, Field(alias="start_timeout")] = 300.0

    def named(self, service: str) -> Name:
        """What targets call a service of the compose file."""
        return next((name for name in self.services if self.called(name) == service), service)

    @property
    def visible(self) -> tuple[Variable, ...]:
        """The caller's variables that it sees."""
        chosen = [each.under_test for each in self.services.values() if each.under_test]
        return (*self.variables, *chosen)

    def called(self, name: Name) -> str:
        """What the compose file calls a service."""
        return self.services[name].service or name


class State(StrEnum):
    """How a service is."""

    UP = "up"
    STARTING = "starting"
    UNHEALTHY = "unhealthy"
    RESTARTING = "restarting"
    PAUSED = "paused"
    DONE = "done"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Container:
    """A container, as the engine describes it.

    Attributes:
        id: All of its 64 digits.
        service: What the compose file calls it.
        image: The id of its image.
        state: How it is: `done` ended well and is not to start again, `ended` is all else that ended.
        exit_code: Of its last end.
        restarts: How often its restart policy started it again.
        ports: On this machine, by the port in the container.
        cores: That it is held to, as the engine writes it: `0-2`; empty for any.
    """

    id: str
    service: str
    image: str
    state: State
    exit_code: int
    restarts: int
    ports: Mapping[int, int]
    cores: str = ""

    @property
    def failed(self) -> bool:
        """Whether waiting for it is of no use."""
        return self.state in {State.UNHEALTHY, State.ENDED} or self.restarts >= _MOST_RESTARTS

    @property
    def ready(self) -> bool:
        """Whether it is as it should be: it runs and is healthy, or has done what it was for."""
        return self.state in {State.UP, State.DONE}

    @property
    def in_words(self) -> str:
        """How it is, to follow its name."""
        match self.state:
            case State.ENDED | State.RESTARTING | State.DONE:
                again = f", {self.restarts} times" if self.restarts else ""
                return f"ended with code {self.exit_code}{again}"
            case _:
                return f"is {self.state.value}"


def parse_containers(text: str) -> tuple[Container, ...]:
    """What `docker inspect` printed, without the containers of `compose run`, in the services' order."""
    found = [_container(each) for each in json.loads(text or "[]") if not _one_off(each)]
    return tuple(sorted(found, key=lambda each: (each.service, each.id)))


def _one_off(content: Mapping[str, Any]) -> bool:
    return str(content["Config"]["Labels"].get(f"{_LABEL}.oneoff")).lower() == "true"


def _container(content: Mapping[str, Any]) -> Container:
    state, bindings = content["State"], content["NetworkSettings"].get("Ports") or {}
    return Container(
        id=content["Id"],
        service=content["Config"]["Labels"].get(f"{_LABEL}.service", ""),
        image=content["Image"],
        state=_state(state, content["HostConfig"]["RestartPolicy"]["Name"]),
        exit_code=state["ExitCode"],
        restarts=content["RestartCount"],
        ports={
            int(port.partition("/")[0]): int(bound[0]["HostPort"])
            for port, bound in bindings.items()
            if bound and bound[0]["HostPort"]
        },
        cores=content["HostConfig"].get("CpusetCpus", ""),
    )


def _state(state: Mapping[str, Any], policy: str) -> State:
    match state["Status"]:
        case "running":
            health = (state.get("Health") or {}).get("Status", "")
            return {"starting": State.STARTING, "unhealthy": State.UNHEALTHY}.get(health, State.UP)
        case "created":
            return State.STARTING
        case "restarting":
            return State.RESTARTING
        case "paused":
            return State.PAUSED
        case _:
            once = policy in {"", "no", "on-failure"}
            return State.DONE if state["ExitCode"] == 0 and once else State.ENDED


def gone(ran: Collection[str], now: Collection[Container]) -> str | None:
    """Of the containers that ran, the first that does not any more; None while all do, or start again.

    Args:
        ran: Their ids.
        now: What the engine says of them; one that was removed is missing.

    Returns:
        Its id.
    """
    there = {each.id: each.state for each in now}
    return next((each for each in ran if there.get(each, State.ENDED) in {State.ENDED, State.DONE}), None)


def images(config: Mapping[str, Any], profiles: Collection[str]) -> dict[str, tuple[str, bool]]:
    """The image of each service that the profiles start, and whether the file says how to build it.

    Args:
        config: What `docker compose config` printed.
        profiles: Those that are on.
    """
    return {
        name: (service.get("image", ""), "build" in service)
        for name, service in config.get("services", {}).items()
        if not service.get("profiles") or set(service["profiles"]) & set(profiles)
    }


def parts(
    compose: Compose,
    file_digest: str,
    variables: Mapping[str, str],
    containers: Collection[Container],
    identities: Mapping[str, str],
) -> dict[str, str]:
    """What a stack is made of, as far as it must be equal for two runs to be compared.

    The images under test are left out, and the variables that choose them.

    Args:
        compose: Its declaration.
        file_digest: Of the compose file.
        variables: Of the caller's that it saw.
        containers: All of them.
        identities: What the services' identity commands printed, by name.
    """
    tested = {name: each.under_test for name, each in compose.services.items() if each.under_test}
    found = {"compose file": file_digest}
    found |= {name: value for name, value in variables.items() if name not in tested.values()}
    for each in containers:
        if (name := compose.named(each.service)) not in tested:
            found[f"image of {name}"] = each.image
    found |= {f"what {name} holds": printed for name, printed in identities.items()}
    return {name: text if len(text) <= _LONGEST_PART else _digest(text) for name, text in found.items()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
