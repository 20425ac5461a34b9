"""Start the containers of a stack by its compose file, and remove everything that it created."""

import hashlib
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import yaml

from bench.core.config.compose import (
    Compose,
    Container,
    ContainerState,
    list_parts,
    name_built_images,
)
from bench.core.config.engine_errors import PORT_TAKEN, explain, lacks_compose
from bench.core.config.placeholders import expand
from bench.core.config.stack import OTLP_URL, Stack, list_secrets
from bench.core.tiers.environment import fixed_url
from bench.errors import BenchError, ConfigError, TargetError
from bench.measure.machine.signals import defer_signals
from bench.measure.stacks import docker
from bench.measure.stacks.container_watch import ContainerWatch, find_failure, hide_secrets, log_tail
from bench.measure.stacks.images import ComposeCall, build_images, name_images, require_images
from bench.measure.stacks.marks import mark
from bench.measure.stacks.projects import new_project, remove_left_behind
from bench.measure.stacks.running_stack import RunningStack, placeholder_values
from bench.measure.stacks.start_options import StartOptions

_POLL_S = 0.3
_PORT_ATTEMPTS = 3
_SECRET_BYTES = 32
JWT = "JWT_SECRET"


@contextmanager
def run_containers(stack: Stack, options: StartOptions) -> Iterator[RunningStack]:
    """Start a stack of containers, and remove it at the end of the block.

    If the options name a folder of files, the compose file is the one in that folder, and its images are
    built from there. They have names of their own, so no image of yours changes, and are removed at the end.

    Raises:
        ConfigError: The compose file does not exist or lacks a variable, or an image is missing.
        TargetError: The stack did not start, or the engine does not answer.
    """
    remove_left_behind(stack.name)
    project = new_project(stack.name)
    stack = _in_folder(stack, options.tree)
    try:
        secret_values = make_secrets(stack)
        start(stack, project, options, secret_values)
        running = attach(stack, project, secret_values, options.variables)
        yield replace(running, cores=_pin(project, options.cores))
    finally:
        with defer_signals():
            docker.remove_project(project)
            if options.tree is not None:
                docker.remove_images(project)


def _in_folder(stack: Stack, tree: Path | None) -> Stack:
    """Return the stack with the compose file of a folder; `None` is the current one.

    Raises:
        ConfigError: The path of the compose file is not relative, so no other folder has it.
    """
    if tree is None:
        return stack
    compose = require_compose(stack)
    if Path(compose.file).is_absolute():
        raise ConfigError(
            f"stack '{stack.name}': the compose file {compose.file} is not a file of the version",
            f"write a relative path in scenarios/stacks/{stack.name}.yaml",
        )
    in_tree = compose.model_copy(update={"file": str(tree / compose.file)})
    return stack.model_copy(update={"compose": in_tree})


def _pin(project: str, cores: tuple[int, ...]) -> tuple[int, ...]:
    """Restrict the containers to cores and return these; empty if the compose file assigns cores itself."""
    if not cores:
        return ()
    running: list[str] = []
    for container in docker.list_containers(project):
        if container.cores:
            return ()
        if container.state is ContainerState.UP:
            running.append(container.id)
    return cores if docker.pin(running, cores) else ()


def secrets_of(stack: Stack) -> tuple[str, ...]:
    """Return the names of a stack's secrets, which are environment variables."""
    return (JWT, *(name for name in list_secrets(stack) if name != JWT))


def make_secrets(stack: Stack) -> dict[str, str]:
    """Return the secrets of a stack by name, from the environment or generated."""
    return {name: os.environ.get(name) or secrets.token_urlsafe(_SECRET_BYTES) for name in secrets_of(stack)}


def start(stack: Stack, project: str, options: StartOptions, secret_values: Mapping[str, str]) -> None:
    """Start the containers and wait until all are healthy. After an error the caller removes the project.

    Raises:
        ConfigError: The compose file does not exist or lacks a variable, or an image is missing.
        TargetError: The stack did not start, or the engine does not answer.
    """
    compose = require_compose(stack)
    program = _find_program()
    files = ["--file", _require_file(stack, compose)]
    for profile in compose.profiles:
        files += ["--profile", profile]
    environment = mark(_environment(stack, options, secret_values), project)
    action = f"start the stack '{stack.name}'"
    # The name of the file's own project, not that of bench, is part of the names of built images.
    config = yaml.safe_load(docker.run([*program, *files, "config"], action, environment=environment))
    built = name_built_images(config, compose.profiles)
    if options.tree is not None:
        call = ComposeCall([*program, *files], environment, config)
        built |= build_images(compose, project, call, options)
    require_images(compose, config, built)
    for name in compose.caches:
        docker.run(["docker", "volume", "create", name], action)
    end_s = time.monotonic() + compose.start_timeout_s
    with name_images(built) as more_files:
        command = [*program, "--project-name", project, *files, *more_files, "up", "--detach", "--no-build"]
        for attempts_left in reversed(range(_PORT_ATTEMPTS)):
            with_ports = environment | _choose_ports(compose, options.ports)
            error = _up(stack, project, command, with_ports, secret_values)
            if error is None:
                break
            can_retry = attempts_left > 0 and PORT_TAKEN in error.message and not options.ports
            if not can_retry:
                raise error
            docker.remove_project(project)
    _wait_until_healthy(project, compose, end_s, secret_values)


def _require_file(stack: Stack, compose: Compose) -> str:
    if not Path(compose.file).is_file():
        raise ConfigError(
            f"the compose file {compose.file} does not exist in {Path.cwd()}",
            f"run bench in its folder, or correct the path in scenarios/stacks/{stack.name}.yaml",
        )
    return compose.file


def _up(
    stack: Stack,
    project: str,
    command: list[str],
    environment: Mapping[str, str],
    secret_values: Mapping[str, str],
) -> BenchError | None:
    """Run `compose up`, which waits for containers that others depend on; return the error, or `None`."""
    action = f"start the stack '{stack.name}'"
    compose = require_compose(stack)
    try:
        code, _, stderr = docker.attempt(
            command, action, environment=environment, timeout_s=compose.start_timeout_s
        )
    except TargetError:
        containers = docker.list_containers(project)
        return find_failure(containers, secret_values) or _late_error(compose, containers, secret_values)
    if code == 0:
        return None
    failure = find_failure(docker.list_containers(project), secret_values)
    return failure or explain(action, hide_secrets(stderr, secret_values))


def attach(
    stack: Stack, project: str, secret_values: Mapping[str, str], variables: Mapping[str, str]
) -> RunningStack:
    """Return a stack whose containers run.

    Args:
        stack: The declaration.
        project: The compose project.
        secret_values: The secrets by name.
        variables: Variables of the compose file that replace those of the caller's environment.

    Raises:
        TargetError: A declared port is not open on this machine, or the engine does not answer.
    """
    compose = require_compose(stack)
    containers = docker.list_containers(project)
    values = _placeholders(secret_values)
    urls = {}
    for container in containers:
        name = compose.target_name(container.service)
        service = compose.services.get(name)
        if service is None or service.port is None:
            continue
        if service.port not in container.ports:
            message = f"port {service.port} of service '{container.service}' is not open on this machine"
            raise TargetError(message, f"add it to ports: in {compose.file}")
        address = f"127.0.0.1:{container.ports[service.port]}"
        urls[name] = f"http://{address}"
        values[f"{name}.address"] = address
        values[f"{name}.url"] = urls[name]
    running = [container for container in containers if container.state is ContainerState.UP]
    return RunningStack(
        stack,
        values,
        urls,
        find_dead_service=ContainerWatch(running, secret_values).find_dead_service,
        containers=_ids_by_name(compose, containers),
        parts=_parts(compose, containers, variables),
    )


def require_compose(stack: Stack) -> Compose:
    """Return the `compose` section of a stack.

    Raises:
        ConfigError: The stack has none.
    """
    if stack.compose is None:
        raise ConfigError(f"stack '{stack.name}' declares no containers", "--stack compose")
    file = expand(stack.compose.file, placeholder_values(None), "compose.file")
    return stack.compose.model_copy(update={"file": file})


def _find_program() -> list[str]:
    """Return the command of Docker's compose plugin, or of its predecessor."""
    code, _, stderr = docker.attempt(["docker", "compose", "version"], "start containers")
    if code == 0:
        return ["docker", "compose"]
    standalone = shutil.which("docker-compose")
    if standalone is not None and lacks_compose(stderr):
        return [standalone]
    raise ConfigError(
        "the docker program has no compose plugin",
        "install docker-compose-plugin, or measure without containers: --stack embedded",
    )


def _placeholders(secret_values: Mapping[str, str]) -> dict[str, str]:
    values = placeholder_values(None)
    for name, value in secret_values.items():
        values[f"secret.{name}"] = value
    values["jwt_secret"] = secret_values[JWT]
    return values


def _environment(stack: Stack, options: StartOptions, secret_values: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the compose file. Injections come last: they replace all others."""
    compose = require_compose(stack)
    unknown = sorted(options.variables.keys() - set(compose.visible_variables))
    if unknown:
        variables = ", ".join(compose.visible_variables) or "none"
        raise ConfigError(f"stack '{stack.name}' has no variable {unknown[0]}", f"variables: {variables}")
    environment = docker.docker_environment()
    values = _placeholders(secret_values)
    if stack.tiers.otlp is not None:
        values[OTLP_URL] = options.otlp_url or fixed_url(stack.tiers.otlp)
    for name, text in compose.environment.items():
        environment[name] = expand(text, values, f"compose.environment.{name}")
    environment |= visible_variables(compose, options.variables)
    for knob, value in options.injections.items():
        environment[stack.knobs[knob]] = f"{value:g}"
    return environment


def visible_variables(compose: Compose, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the declared variables that have a value.

    Args:
        compose: The declaration, with the names of the variables.
        variables: Values that replace those of the caller's environment.
    """
    visible = {}
    for name in compose.visible_variables:
        value = variables.get(name, os.environ.get(name, ""))
        if value:
            visible[name] = value
    return visible


def _choose_ports(compose: Compose, chosen: Mapping[str, int]) -> dict[str, str]:
    """Return the port variables of all services, with free ports for those that the caller did not choose.

    Docker itself would choose another port after each restart of a container.
    """
    variables = {}
    with ExitStack() as open_sockets:
        for name, service in compose.services.items():
            if service.port_variable is not None:
                free = open_sockets.enter_context(socket.socket())
                free.bind(("127.0.0.1", 0))
                variables[service.port_variable] = str(chosen.get(name) or free.getsockname()[1])
    return variables


def _wait_until_healthy(
    project: str, compose: Compose, end_s: float, secret_values: Mapping[str, str]
) -> None:
    while True:
        containers = docker.list_containers(project)
        if containers and all(container.ready for container in containers):
            return
        failure = find_failure(containers, secret_values)
        if failure is not None:
            raise failure
        if time.monotonic() > end_s:
            raise _late_error(compose, containers, secret_values)
        time.sleep(_POLL_S)


def _late_error(
    compose: Compose, containers: Sequence[Container], secret_values: Mapping[str, str]
) -> TargetError:
    problem = "no container exists"
    for container in containers:
        if not container.ready:
            problem = (
                f"service '{container.service}' {container.description}{log_tail(container, secret_values)}"
            )
            break
    return TargetError(
        f"the containers were not healthy within {compose.start_timeout_s:g} s: {problem}",
        "compose: start_timeout in the stack file sets the limit",
    )


def _ids_by_name(compose: Compose, containers: Sequence[Container]) -> dict[str, str]:
    """Return the container ids by the service names of targets; further containers get `-2`, `-3`, …."""
    ids: dict[str, str] = {}
    counts: dict[str, int] = {}
    for container in containers:
        name = compose.target_name(container.service)
        counts[name] = counts.get(name, 0) + 1
        ids[name if counts[name] == 1 else f"{name}-{counts[name]}"] = container.id
    return ids


def _parts(
    compose: Compose, containers: tuple[Container, ...], variables: Mapping[str, str]
) -> dict[str, str]:
    """Return the images and settings that must be equal for two runs to be comparable."""
    identities = {}
    for container in containers:
        name = compose.target_name(container.service)
        service = compose.services.get(name)
        if service is not None and service.identity:
            command = ["docker", "exec", container.id, *service.identity]
            printed = docker.run(command, f"read the identity of '{name}'")
            identities[name] = hashlib.sha256(printed.encode()).hexdigest()
    digest = hashlib.sha256(Path(compose.file).read_bytes()).hexdigest()
    return list_parts(compose, digest, visible_variables(compose, variables), containers, identities)
