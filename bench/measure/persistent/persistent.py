"""A persistent stack of processes or containers: `bench stack up`, `status`, `logs`, `down`.

Generated secrets of containers are kept in `.bench/stacks/NAME/containers.json`, which only its owner may
read: a later command signs tokens with them.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bench.core.config.compose import Compose, Container
from bench.core.config.instances import name_replica
from bench.core.config.stack import ReadyCheck, Stack, uses_secret
from bench.core.watch.readiness import ReadyCondition
from bench.errors import ConfigError, TargetError
from bench.measure.http.route import DIRECT, Route
from bench.measure.machine.signals import defer_signals
from bench.measure.persistent import detached
from bench.measure.persistent.stack_state import (
    FOLDER,
    STARTER,
    describe_start,
    find_starter,
    lock_stack,
    read_state,
    write_state,
)
from bench.measure.stacks import compose, docker
from bench.measure.stacks.compose_call import JWT, make_secrets, secrets_of, visible_variables
from bench.measure.stacks.health import wait_until_ready
from bench.measure.stacks.marks import end_processes
from bench.measure.stacks.projects import persistent_project, remove_left_behind
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.stacks.start_options import StartOptions
from bench.measure.users.auth import jwt_secret, mint, require_users
from bench.measure.users.provisioning import provision_users
from bench.owners.process import Owner

_STATE_FILE = "containers.json"
_READY_TIMEOUT_S = 60.0


def up(
    stack: Stack,
    ports: Mapping[str, int],
    on_warning: Callable[[str], None],
    *,
    on_wait: Callable[[str], None] = lambda _: None,
    route: Route = DIRECT,
) -> Mapping[str, str]:
    """Start a stack that outlives this command, and wait until it answers a test user.

    A lock refuses a second command that starts the same stack meanwhile. If this process is killed, `down`
    ends everything that it started.

    Args:
        stack: The stack to start.
        ports: Ports by service; the kernel chooses the others.
        on_warning: Receives a warning if the test user cannot be removed.
        on_wait: Receives lines about a long wait.
        route: The way to the stack.

    Returns:
        The addresses by service.

    Raises:
        ConfigError: The stack is up, is being started, or runs elsewhere, or a name in `ports` is unknown.
        TargetError: A service did not start or did not answer; the whole stack was ended.
        StoreError: The state for later commands cannot be written.
    """
    if stack.is_external:
        raise ConfigError(f"stack '{stack.name}' has no services to start", "--stack embedded")
    unknown = sorted(ports.keys() - set(stack.port_services))
    if unknown:
        services = ", ".join(stack.port_services)
        raise ConfigError(f"stack '{stack.name}' has no service '{unknown[0]}'", f"services: {services}")
    with lock_stack(stack.name, lambda: _refuse(stack)), ExitStack() as cleanup:
        if is_up(stack):
            raise ConfigError(f"stack '{stack.name}' is up", f"bench stack down --stack {stack.name}")
        running = replace(_start(stack, ports, on_wait), route=route)
        cleanup.callback(_end, stack)
        if stack.ready is not None:
            _wait_until_ready(running, stack.ready, on_warning, on_wait)
        cleanup.pop_all()
    return running.urls


def _refuse(stack: Stack) -> None:
    """Raise the error about another command that starts or ends the stack now."""
    starter = find_starter(_read_state(stack))
    if starter is None:
        raise ConfigError(f"another command starts or ends stack '{stack.name}' now", "wait until it ends")
    raise ConfigError(
        f"process {starter.pid} starts stack '{stack.name}' now",
        f"wait until it is up (bench stack status --stack {stack.name}), or end that process",
    )


def _start(stack: Stack, ports: Mapping[str, int], on_wait: Callable[[str], None]) -> RunningStack:
    if stack.compose is None:
        secret = _find_secret(stack)
        detached.up(stack, secret, ports, on_wait)
        return detached.attach(stack, secret)
    with ExitStack() as cleanup:
        cleanup.callback(_end, stack)
        running = _start_containers(stack, stack.compose, ports)
        cleanup.pop_all()
    return running


def _start_containers(stack: Stack, declared: Compose, ports: Mapping[str, int]) -> RunningStack:
    project = persistent_project(stack.name)
    _remove_containers(stack)
    secret_values = make_secrets(stack)
    generated = {name: value for name, value in secret_values.items() if not os.environ.get(name)}
    variables = visible_variables(declared, {})
    state = {"secrets": generated, "variables": variables}
    write_state(_state_file(stack), {**state, STARTER: str(Owner.current())})
    compose.start(stack, project, StartOptions(ports=ports), secret_values)
    write_state(_state_file(stack), state)
    return compose.attach(stack, project, secret_values, StartOptions())


def _find_secret(stack: Stack) -> SecretStr | None:
    """Return the secret of the environment; `None` for a stack that needs none.

    Raises:
        ConfigError: The stack needs one, and the environment has none.
    """
    return jwt_secret(os.environ, generate=False) if uses_secret(stack) else None


def _wait_until_ready(
    running: RunningStack,
    ready: ReadyCheck,
    on_warning: Callable[[str], None],
    on_wait: Callable[[str], None],
) -> None:
    """Return when the stack answers a test user. An error contains the last line of each log."""
    stack = running.stack
    run_id = f"up-{secrets.token_hex(3)}"
    url = running.url(ready.service).rstrip("/") + ready.path
    condition = ReadyCondition(
        file=f"stacks/{stack.name}.yaml", auth=ready.auth, is_external=False, service=ready.service
    )
    headers = {}
    needs_user = ready.auth == "bearer"
    with provision_users(stack, running.values, int(needs_user), run_id, on_warning) as users:
        if needs_user:
            token = mint(users[0], require_users(stack), SecretStr(running.values["jwt_secret"]))
            headers["authorization"] = f"Bearer {token}"
        try:
            wait_until_ready(
                url,
                headers,
                _READY_TIMEOUT_S,
                running.find_dead_service,
                condition,
                route=running.route,
                on_wait=on_wait,
            )
        except TargetError as error:
            message = error.message
            for name, text in logs(stack, None, 1).items():
                if text:
                    message += f"\n{name}: {text.splitlines()[-1]}"
            raise TargetError(message, error.hint) from error


def is_up(stack: Stack) -> bool:
    """Return whether a stack was started and all of its services run.

    Raises:
        ConfigError, TargetError: The engine does not answer.
    """
    if stack.compose is None:
        return detached.is_up(stack)
    if STARTER in _read_state(stack):
        return False
    containers = docker.list_containers(persistent_project(stack.name))
    return bool(containers) and all(container.ready for container in containers)


def attach(stack: Stack, secret: SecretStr | None = None) -> RunningStack:
    """Return a stack that is up.

    Args:
        stack: The declaration.
        secret: The secret that signs tokens; `None` to read it from the environment or the stack's state.

    Raises:
        ConfigError: A secret is neither in the state nor in the environment, or a variable has changed.
        TargetError: The engine does not answer.
        StoreError: The state cannot be read.
    """
    if stack.compose is None:
        return detached.attach(stack, secret or _find_secret(stack))
    before = _read_section(stack, "variables")
    now = visible_variables(stack.compose, {})
    for name in sorted(before.keys() | now.keys()):
        old = before.get(name, "")
        new = now.get(name, "")
        if old != new:
            raise ConfigError(
                f"stack '{stack.name}' was started with {name}={old}, but {name} is now '{new}'",
                f"bench stack down --stack {stack.name}",
            )
    return compose.attach(stack, persistent_project(stack.name), read_secrets(stack), StartOptions())


def secret(stack: Stack) -> SecretStr:
    """Return the secret that signs tokens: that of the stack's start, else that of the environment.

    Raises:
        ConfigError: Neither exists.
    """
    if stack.compose is not None:
        generated = _read_section(stack, "secrets").get(JWT)
        if generated:
            return SecretStr(generated)
    return jwt_secret(os.environ, generate=False)


def statuses(stack: Stack) -> dict[str, str]:
    """Return the state of each service, `up` if it is healthy; empty if the stack was not started.

    Raises:
        ConfigError, TargetError: The engine does not answer.
    """
    if stack.compose is None:
        return detached.statuses(stack)
    states = {}
    for container in docker.list_containers(persistent_project(stack.name)):
        states[_name(stack, container)] = "up" if container.ready else container.description
    return describe_start(states, _read_state(stack))


def down(stack: Stack, on_wait: Callable[[str], None] = lambda _: None) -> int:
    """End a stack and remains of killed commands, remove its files, and return the number of services.

    Args:
        stack: The stack.
        on_wait: Receives a line if another command starts or ends the stack, for which this one waits.

    Raises:
        ConfigError, TargetError: The engine does not answer.
    """
    if not FOLDER.is_dir():  # no stack was started in this folder, or its files were removed
        return _end(stack)

    def note() -> None:
        starter = find_starter(_read_state(stack))
        which = "another command" if starter is None else f"process {starter.pid}"
        on_wait(f"waiting for {which}, which starts or ends stack '{stack.name}'")

    with lock_stack(stack.name, note):
        return _end(stack)


def _end(stack: Stack) -> int:
    """End a stack, whose lock this process holds."""
    if stack.compose is None:
        return detached.down(stack)
    with defer_signals():
        count = _remove_containers(stack)
        shutil.rmtree(_home(stack), ignore_errors=True)
    return count


def _remove_containers(stack: Stack) -> int:
    """Remove the containers of a stack and of killed runs, and return their number.

    A killed command may leave a `docker` program that still creates containers, so it ends first.
    """
    project = persistent_project(stack.name)
    end_processes(lambda marked: marked == project)
    return docker.remove_project(project) + remove_left_behind(stack.name)


def logs(stack: Stack, service: str | None, lines: int) -> dict[str, str]:
    """Return the last lines of the logs by service.

    Args:
        stack: The stack.
        service: One service; `None` for all.
        lines: Number of lines.

    Raises:
        ConfigError: The stack has no such service.
        TargetError: The stack was not started, or the engine does not answer.
    """
    if stack.compose is None:
        texts = detached.logs(stack.name, lines)
    else:
        containers = docker.list_containers(persistent_project(stack.name))
        texts = {_name(stack, container): docker.read_log(container.id, lines) for container in containers}
    if not texts:
        raise TargetError(f"stack '{stack.name}' is not up", f"bench stack up --stack {stack.name}")
    if service is None:
        return texts
    if service not in texts:
        services = ", ".join(texts)
        raise ConfigError(f"stack '{stack.name}' has no service '{service}'", f"services: {services}")
    return {service: texts[service]}


def _name(stack: Stack, container: Container) -> str:
    """Return the name of a container's service in the compose file, with its number if it has replicas."""
    for name, service in stack.compose.services.items() if stack.compose else ():
        if (service.service or name) == container.service and service.replicas is not None:
            return name_replica(container.service, container.number)
    return container.service


def _home(stack: Stack) -> Path:
    return FOLDER / stack.name


def _state_file(stack: Stack) -> Path:
    return _home(stack) / (detached.STATE_FILE if stack.compose is None else _STATE_FILE)


def read_secrets(stack: Stack) -> dict[str, str]:
    """Return the secrets of a stack that is up, from its state or from the environment."""
    generated = _read_section(stack, "secrets")
    values = {}
    for name in secrets_of(stack):
        value = generated.get(name) or os.environ.get(name)
        if not value:
            raise ConfigError(
                f"{name} is not set, and the stack '{stack.name}' was started with it",
                f"export {name}=… with the same value, or bench stack down --stack {stack.name}",
            )
        values[name] = value
    return values


def _read_state(stack: Stack) -> dict[str, Any]:
    return read_state(_state_file(stack))


def _read_section(stack: Stack, section: str) -> dict[str, str]:
    """Return a section of the state file; empty if the file is missing or damaged."""
    return dict(_read_state(stack).get(section, {}))
