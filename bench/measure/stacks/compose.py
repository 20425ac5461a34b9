"""Starts a stack of containers by its compose file, watches them, and removes all that was made of it."""

import hashlib
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from bench.core.config.compose import Compose, Container, State, images, parts
from bench.core.config.engine_errors import PORT_TAKEN, explain, lacks_compose
from bench.core.config.stack import Stack, expand, secret_names
from bench.errors import BenchError, ConfigError, TargetError
from bench.measure.machine.signals import defer_signals
from bench.measure.stacks import docker
from bench.measure.stacks.container_watch import failure, hushed, tail, watch
from bench.measure.stacks.live import Live, placeholders
from bench.measure.stacks.projects import own_project, remove_left_behind

_POLL_S = 0.3
_TRIES = 3
JWT = "JWT_SECRET"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a stack is to be started.

    Attributes:
        injections: What to make worse, by knob.
        ports: By service; the kernel chooses the others.
        variables: Of the compose file, in the place of the caller's.
        cores: That its containers are held to; empty for any.
    """

    injections: Mapping[str, float] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    cores: tuple[int, ...] = ()


@contextmanager
def composed(stack: Stack, wanted: Wanted) -> Iterator[Live]:
    """A stack of containers that is up inside the block; nothing of it is left after it.

    Raises:
        ConfigError: Its compose file is not there or wants something, or an image is missing.
        TargetError: It did not start, or the engine cannot be asked.
    """
    remove_left_behind(stack.name)
    project = own_project(stack.name)
    try:
        start(stack, project, wanted, hidden := make_secrets(stack))
        up = live(stack, project, hidden, wanted.variables)
        yield replace(up, cores=_held(project, wanted.cores))
    finally:
        with defer_signals():
            docker.remove(project)


def _held(project: str, cores: tuple[int, ...]) -> tuple[int, ...]:
    """The cores that the containers are held to; none where their file says which they have."""
    there = docker.containers(project) if cores else ()
    if any(each.cores for each in there):
        return ()
    running = [each.id for each in there if each.state is State.UP]
    return cores if docker.hold(running, cores) else ()


def secrets_of(stack: Stack) -> tuple[str, ...]:
    """The names of a stack's secrets: variables of the caller's, where they are set."""
    return (JWT, *(name for name in secret_names(stack) if name != JWT))


def make_secrets(stack: Stack) -> dict[str, str]:
    """The secrets of a stack by their names: the caller's, or new ones."""
    return {name: os.environ.get(name) or secrets.token_urlsafe(32) for name in secrets_of(stack)}


def start(stack: Stack, project: str, wanted: Wanted, hidden: Mapping[str, str]) -> None:
    """Start the containers and wait until all are healthy. When it fails, the caller removes what there is.

    Raises:
        ConfigError: Its compose file is not there or wants something, or an image is missing.
        TargetError: It did not start, or the engine cannot be asked.
    """
    compose = declared(stack)
    if not Path(compose.file).is_file():
        raise ConfigError(
            f"there is no compose file {compose.file} in {Path.cwd()}",
            f"run in its folder, or say in scenarios/stacks/{stack.name}.yaml where it is",
        )
    command = [*_program(), "--project-name", project, "--file", compose.file]
    command += [part for profile in compose.profiles for part in ("--profile", profile)]
    environment = _environment(stack, wanted, hidden)
    doing = f"start the stack '{stack.name}'"
    config = docker.run([*command, "config"], doing, environment=environment)
    _require_images(compose, yaml.safe_load(config))
    for name in compose.caches:
        docker.run(["docker", "volume", "create", name], doing)
    end_s = time.monotonic() + compose.start_timeout_s
    for tries_left in reversed(range(_TRIES)):
        chosen = environment | _ports(compose, wanted.ports)
        error = _up(stack, project, [*command, "up", "--detach", "--no-build"], chosen, hidden)
        if error is None:
            break
        if not (tries_left and PORT_TAKEN in error.message and not wanted.ports):
            raise error
        docker.remove(project)
    _wait(project, compose, end_s, hidden)


def _up(
    stack: Stack, project: str, command: list[str], environment: Mapping[str, str], hidden: Mapping[str, str]
) -> BenchError | None:
    """Have the containers started, which waits for those that others depend on; what went wrong, or None."""
    doing, timeout_s = f"start the stack '{stack.name}'", declared(stack).start_timeout_s
    try:
        code, _, said = docker.attempt(command, doing, environment=environment, timeout_s=timeout_s)
    except TargetError:
        there = docker.containers(project)
        return failure(there, hidden) or _late(declared(stack), there, hidden)
    if code == 0:
        return None
    return failure(docker.containers(project), hidden) or explain(doing, hushed(said, hidden))


def live(stack: Stack, project: str, hidden: Mapping[str, str], variables: Mapping[str, str]) -> Live:
    """A stack whose containers are there.

    Args:
        stack: Its declaration.
        project: Its compose project.
        hidden: Its secrets.
        variables: Of the compose file, in the place of the caller's.

    Raises:
        TargetError: A port that it declares is not open on this machine, or the engine cannot be asked.
    """
    compose, there = declared(stack), docker.containers(project)
    values = _values(hidden)
    urls = {}
    for each in there:
        name = compose.named(each.service)
        declaration = compose.services.get(name)
        if declaration is None or declaration.port is None:
            continue
        if declaration.port not in each.ports:
            raise TargetError(
                f"port {declaration.port} of service '{each.service}' is not open on this machine",
                f"add it to ports: in {compose.file}",
            )
        values[f"{name}.address"] = f"127.0.0.1:{each.ports[declaration.port]}"
        urls[name] = values[f"{name}.url"] = f"http://{values[f'{name}.address']}"
    return Live(
        stack,
        values,
        urls,
        dead=watch([each for each in there if each.state is State.UP], hidden),
        containers=_by_name(compose, there),
        parts=_parts(compose, there, variables),
    )


def declared(stack: Stack) -> Compose:
    """How a stack's containers start."""
    if stack.compose is None:
        raise ConfigError(f"target '{stack.name}' declares no containers", "--stack compose")
    return stack.compose


def _program() -> list[str]:
    """The program that reads compose files: Docker's plugin, or the one before it."""
    code, _, said = docker.attempt(["docker", "compose", "version"], "start containers")
    if code == 0:
        return ["docker", "compose"]
    alone = shutil.which("docker-compose")
    if alone is not None and lacks_compose(said):
        return [alone]
    raise ConfigError(
        "docker has no compose",
        "install its plugin docker-compose-plugin, or measure without containers: --stack embedded",
    )


def _values(hidden: Mapping[str, str]) -> dict[str, str]:
    named = {f"secret.{name}": value for name, value in hidden.items()}
    return placeholders(None) | named | {"jwt_secret": hidden[JWT]}


def _environment(stack: Stack, wanted: Wanted, hidden: Mapping[str, str]) -> dict[str, str]:
    compose, values = declared(stack), _values(hidden)
    unknown = sorted(wanted.variables.keys() - set(compose.visible))
    if unknown:
        there_are = ", ".join(compose.visible) or "none"
        raise ConfigError(f"target '{stack.name}' has no variable {unknown[0]}", f"there are: {there_are}")
    own = {
        key: expand(text, values, f"compose.environment.{key}") for key, text in compose.environment.items()
    }
    turned = {stack.knobs[knob]: f"{number:g}" for knob, number in wanted.injections.items()}
    return docker.surroundings() | own | seen(compose, wanted.variables) | turned


def seen(compose: Compose, variables: Mapping[str, str]) -> dict[str, str]:
    """The caller's variables that the compose file sees; those given take the place of the shell's."""
    return {
        name: value for name in compose.visible if (value := variables.get(name, os.environ.get(name, "")))
    }


def _require_images(compose: Compose, config: Mapping[str, Any]) -> None:
    """Nothing is fetched or built in silence: that could be another image than the one that was meant."""
    for service, (name, buildable) in images(config, compose.profiles).items():
        if name and docker.image_id(name) is None:
            profiles = "".join(f" --profile {each}" for each in compose.profiles)
            raise ConfigError(
                f"the image {name} of service '{service}' is not on this machine",
                f"docker compose --file {compose.file}{profiles} build {service}"
                if buildable
                else f"docker pull {name}, or docker build --tag {name} where it is yours to build",
            )


def _ports(compose: Compose, given: Mapping[str, int]) -> dict[str, str]:
    """A port for every service that can have one.

    A port that Docker chooses is another one after each restart of the container, so it is chosen here.
    """
    found = {}
    with ExitStack() as held:
        for name, each in compose.services.items():
            if each.port_variable is not None:
                free = held.enter_context(socket.socket())
                free.bind(("127.0.0.1", 0))
                found[each.port_variable] = str(given.get(name) or free.getsockname()[1])
    return found


def _wait(project: str, compose: Compose, end_s: float, hidden: Mapping[str, str]) -> None:
    while True:
        there = docker.containers(project)
        if there and all(each.ready for each in there):
            return
        if (failed := failure(there, hidden)) is not None:
            raise failed
        if time.monotonic() > end_s:
            raise _late(compose, there, hidden)
        time.sleep(_POLL_S)


def _late(compose: Compose, there: tuple[Container, ...], hidden: Mapping[str, str]) -> TargetError:
    late = next((each for each in there if not each.ready), None)
    how = f"service '{late.service}' {late.in_words}{tail(late, hidden)}" if late else "there is none"
    return TargetError(
        f"the containers were not healthy within {compose.start_timeout_s:g} s: {how}",
        "compose: start_timeout_s in the stack's file says how long they may take",
    )


def _by_name(compose: Compose, there: tuple[Container, ...]) -> dict[str, str]:
    """The containers' ids by what targets call the service; the second of one has a number."""
    found: dict[str, str] = {}
    for each in there:
        name = compose.named(each.service)
        alike = sum(known == name or known.startswith(f"{name}-") for known in found)
        found[f"{name}-{alike + 1}" if name in found else name] = each.id
    return found


def _parts(compose: Compose, there: tuple[Container, ...], variables: Mapping[str, str]) -> dict[str, str]:
    held = {}
    for each in there:
        name = compose.named(each.service)
        if name in compose.services and (command := compose.services[name].identity):
            printed = docker.run(["docker", "exec", each.id, *command], f"ask '{name}' what it holds")
            held[name] = hashlib.sha256(printed.encode()).hexdigest()
    digest = hashlib.sha256(Path(compose.file).read_bytes()).hexdigest()
    return parts(compose, digest, seen(compose, variables), there, held)
