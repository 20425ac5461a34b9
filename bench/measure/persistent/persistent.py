"""A persistent stack of processes or containers: `bench stack up`, `status`, `logs`, `down`.

Generated secrets of containers are kept in `.bench/stacks/NAME/containers.json`, which only its owner may
read: a later command signs tokens with them.
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from bench.core.config.stack import ReadyCheck, Stack, uses_secret
from bench.core.watch.readiness import ReadyCondition
from bench.errors import ConfigError, StoreError, TargetError
from bench.measure.http.route import DIRECT, Route
from bench.measure.machine.signals import defer_signals
from bench.measure.persistent import detached
from bench.measure.stacks import compose, docker
from bench.measure.stacks.health import wait_until_ready
from bench.measure.stacks.projects import persistent_project, remove_left_behind
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.stacks.start_options import StartOptions
from bench.measure.users.auth import jwt_secret, mint, require_users
from bench.measure.users.provisioning import provision_users

_STATE_FILE = "containers.json"
_READY_TIMEOUT_S = 60.0
_OWNER_ONLY = 0o600


def up(
    stack: Stack,
    ports: Mapping[str, int],
    on_warning: Callable[[str], None],
    *,
    on_wait: Callable[[str], None] = lambda _: None,
    route: Route = DIRECT,
) -> Mapping[str, str]:
    """Start a stack that outlives this command, and wait until it answers a test user.

    Args:
        stack: The stack to start.
        ports: Ports by service; the kernel chooses the others.
        on_warning: Receives a warning if the test user cannot be removed.
        on_wait: Receives lines about a long wait.
        route: The way to the stack.

    Returns:
        The addresses by service.

    Raises:
        ConfigError: The stack is up or runs elsewhere, or a name in `ports` is unknown.
        TargetError: A service did not start or did not answer; the whole stack was ended.
        StoreError: The state for later commands cannot be written.
    """
    if stack.is_external:
        raise ConfigError(f"stack '{stack.name}' has no services to start", "--stack embedded")
    unknown = sorted(ports.keys() - set(stack.port_services))
    if unknown:
        services = ", ".join(stack.port_services)
        raise ConfigError(f"stack '{stack.name}' has no service '{unknown[0]}'", f"services: {services}")
    if is_up(stack):
        raise ConfigError(f"stack '{stack.name}' is up", f"bench stack down --stack {stack.name}")
    with ExitStack() as cleanup:
        cleanup.callback(down, stack)
        running = replace(_start(stack, ports, on_wait), route=route)
        if stack.ready is not None:
            _wait_until_ready(running, stack.ready, on_warning, on_wait)
        cleanup.pop_all()
    return running.urls


def _start(stack: Stack, ports: Mapping[str, int], on_wait: Callable[[str], None]) -> RunningStack:
    if stack.compose is None:
        secret = _find_secret(stack)
        detached.up(stack, secret, ports, on_wait)
        return detached.attach(stack, secret)
    project = persistent_project(stack.name)
    remove_left_behind(stack.name)
    docker.remove_project(project)
    secret_values = compose.make_secrets(stack)
    generated = {name: value for name, value in secret_values.items() if not os.environ.get(name)}
    variables = compose.visible_variables(stack.compose, {})
    _write_state(_home(stack), {"secrets": generated, "variables": variables})
    compose.start(stack, project, StartOptions(ports=ports), secret_values)
    return compose.attach(stack, project, secret_values, {})


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
    before = _read_state(stack, "variables")
    now = compose.visible_variables(stack.compose, {})
    for name in sorted(before.keys() | now.keys()):
        old = before.get(name, "")
        new = now.get(name, "")
        if old != new:
            raise ConfigError(
                f"stack '{stack.name}' was started with {name}={old}, but {name} is now '{new}'",
                f"bench stack down --stack {stack.name}",
            )
    return compose.attach(stack, persistent_project(stack.name), _secrets(stack), {})


def secret(stack: Stack) -> SecretStr:
    """Return the secret that signs tokens: that of the stack's start, else that of the environment.

    Raises:
        ConfigError: Neither exists.
    """
    if stack.compose is not None:
        generated = _read_state(stack, "secrets").get(compose.JWT)
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
        states[container.service] = "up" if container.ready else container.description
    return states


def down(stack: Stack) -> int:
    """End a stack and remains of killed runs, remove its files, and return the number of services.

    Raises:
        ConfigError, TargetError: The engine does not answer.
    """
    if stack.compose is None:
        return detached.down(stack)
    with defer_signals():
        count = docker.remove_project(persistent_project(stack.name)) + remove_left_behind(stack.name)
        shutil.rmtree(_home(stack), ignore_errors=True)
    return count


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
        texts = {container.service: docker.read_log(container.id, lines) for container in containers}
    if not texts:
        raise TargetError(f"stack '{stack.name}' is not up", f"bench stack up --stack {stack.name}")
    if service is None:
        return texts
    if service not in texts:
        services = ", ".join(texts)
        raise ConfigError(f"stack '{stack.name}' has no service '{service}'", f"services: {services}")
    return {service: texts[service]}


def _home(stack: Stack) -> Path:
    return detached.FOLDER / stack.name


def _secrets(stack: Stack) -> dict[str, str]:
    """Return the secrets of a stack that is up, from its state or from the environment."""
    generated = _read_state(stack, "secrets")
    values = {}
    for name in compose.secrets_of(stack):
        value = generated.get(name) or os.environ.get(name)
        if not value:
            raise ConfigError(
                f"{name} is not set, and the stack '{stack.name}' was started with it",
                f"export {name}=… with the same value, or bench stack down --stack {stack.name}",
            )
        values[name] = value
    return values


def _read_state(stack: Stack, section: str) -> dict[str, str]:
    """Return a section of the state file; empty if the file is missing or damaged."""
    try:
        content = json.loads((_home(stack) / _STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(content.get(section, {})) if isinstance(content, dict) else {}


def _write_state(home: Path, content: Mapping[str, Mapping[str, str]]) -> None:
    path = home / _STATE_FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        # Created with its final mode, so that others can read it at no moment.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w") as file:
            json.dump(content, file)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror}", "run bench in a writable folder"
        ) from error
