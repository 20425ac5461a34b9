"""A stack that stays up between commands, of processes or of containers: `bench stack up`, `status`, `down`.

Secrets that were made up for containers are in `.bench/stacks/NAME/containers.json`, which only its owner may
read: a later command signs tokens with them.
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from pydantic import SecretStr

from bench.core.config.stack import Ready, Stack
from bench.errors import ConfigError, StoreError, TargetError
from bench.measure.machine.signals import defer_signals
from bench.measure.persistent import detached
from bench.measure.stacks import compose, docker
from bench.measure.stacks.health import wait_until_ready
from bench.measure.stacks.live import Live
from bench.measure.stacks.projects import persistent_project, remove_left_behind
from bench.measure.users.auth import declared_users, jwt_secret, mint
from bench.measure.users.provisioning import provisioned

_STATE = "containers.json"
_READY_TIMEOUT_S = 60.0
_OURS_ONLY = 0o600


def up(stack: Stack, ports: Mapping[str, int], on_warning: Callable[[str], None]) -> Mapping[str, str]:
    """Start a stack that outlives this command, and wait until it answers a test user.

    Args:
        stack: What to start.
        ports: By service; the kernel chooses the others.
        on_warning: Told when the test user could not be removed.

    Returns:
        The addresses, by service.

    Raises:
        ConfigError: It is up, or runs elsewhere, or has no service of a name in `ports`.
        TargetError: A service did not start, or did not answer; what there was of the stack was ended.
        StoreError: What a later command must know of it cannot be kept.
    """
    if stack.elsewhere:
        raise ConfigError(f"target '{stack.name}' has no services to start", "--stack embedded")
    unknown = sorted(ports.keys() - set(stack.names))
    if unknown:
        there_are = ", ".join(stack.names)
        raise ConfigError(f"target '{stack.name}' has no service '{unknown[0]}'", f"there are: {there_are}")
    if is_up(stack):
        raise ConfigError(f"target '{stack.name}' is up", f"bench stack down --stack {stack.name}")
    with ExitStack() as undone:
        undone.callback(down, stack)
        live = _start(stack, ports)
        if stack.ready is not None:
            _await_ready(live, stack.ready, on_warning)
        undone.pop_all()
    return live.urls


def _start(stack: Stack, ports: Mapping[str, int]) -> Live:
    if stack.compose is None:
        secret = jwt_secret(os.environ, generate=False)
        detached.up(stack, secret, ports)
        return detached.attach(stack, secret)
    project = persistent_project(stack.name)
    remove_left_behind(stack.name)
    docker.remove(project)
    hidden = compose.make_secrets(stack)
    made_up = {name: value for name, value in hidden.items() if not os.environ.get(name)}
    _keep({"secrets": made_up, "variables": compose.seen(stack.compose, {})}, _home(stack))
    compose.start(stack, project, compose.Wanted(ports=ports), hidden)
    return compose.live(stack, project, hidden, {})


def _await_ready(live: Live, ready: Ready, on_warning: Callable[[str], None]) -> None:
    """Return when the stack answers a test user; the error has the end of the logs."""
    stack, run_id = live.stack, f"up-{secrets.token_hex(3)}"
    url, headers = live.url(ready.service).rstrip("/") + ready.path, {}
    with provisioned(stack, live.values, 1, run_id, on_warning) as users:
        if ready.auth == "bearer":
            token = mint(users[0], declared_users(stack), SecretStr(live.values["jwt_secret"]))
            headers["authorization"] = f"Bearer {token}"
        try:
            wait_until_ready(url, headers, _READY_TIMEOUT_S, live.dead)
        except TargetError as error:
            ends = [f"{name}: {text.splitlines()[-1]}" for name, text in logs(stack, None, 1).items() if text]
            raise TargetError("\n".join([error.message, *ends]), error.hint) from error


def is_up(stack: Stack) -> bool:
    """Whether every service of a stack that was started runs.

    Raises:
        ConfigError, TargetError: The engine cannot be asked.
    """
    if stack.compose is None:
        return detached.is_up(stack.name)
    there = docker.containers(persistent_project(stack.name))
    return bool(there) and all(each.ready for each in there)


def attach(stack: Stack, secret: SecretStr | None = None) -> Live:
    """The stack, which is up.

    Args:
        stack: Its declaration.
        secret: What its backend checks tokens with; None to look for it where the stack left it.

    Raises:
        ConfigError: Its secrets are neither kept nor in the environment, or its variables are others now.
        TargetError: The engine cannot be asked.
        StoreError: What it left behind cannot be read.
    """
    if stack.compose is None:
        return detached.attach(stack, secret or jwt_secret(os.environ, generate=False))
    then, now = _kept(stack, "variables"), compose.seen(stack.compose, {})
    if other := sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name)):
        first, was, is_now = other[0], then.get(other[0], ""), now.get(other[0], "")
        raise ConfigError(
            f"target '{stack.name}' is up with {first}={was}, and now it would be {first}={is_now}",
            f"bench stack down --stack {stack.name}",
        )
    return compose.live(stack, persistent_project(stack.name), _hidden(stack), {})


def secret(stack: Stack) -> SecretStr:
    """What the backend of a stack checks tokens with: what it was started with, or what the environment says.

    Raises:
        ConfigError: Neither is there.
    """
    if stack.compose is not None and (kept := _kept(stack, "secrets").get(compose.JWT)):
        return SecretStr(kept)
    return jwt_secret(os.environ, generate=False)


def statuses(stack: Stack) -> dict[str, str]:
    """How each service is, `up` when it is as it should be; empty when the stack was not started.

    Raises:
        ConfigError, TargetError: The engine cannot be asked.
    """
    if stack.compose is None:
        return detached.statuses(stack.name)
    return {
        each.service: "up" if each.ready else each.in_words
        for each in docker.containers(persistent_project(stack.name))
    }


def down(stack: Stack) -> int:
    """End a stack, and what killed runs left of it, remove its files, and say how many services ended.

    Raises:
        ConfigError, TargetError: The engine cannot be asked.
    """
    if stack.compose is None:
        return detached.down(stack.name)
    with defer_signals():
        count = docker.remove(persistent_project(stack.name)) + remove_left_behind(stack.name)
        shutil.rmtree(_home(stack), ignore_errors=True)
    return count


def logs(stack: Stack, service: str | None, lines: int) -> dict[str, str]:
    """The last lines that the services of a stack wrote, or one of them.

    Raises:
        ConfigError: It has no such service.
        TargetError: It was not started, or the engine cannot be asked.
    """
    if stack.compose is None:
        found = detached.logs(stack.name, lines)
    else:
        there = docker.containers(persistent_project(stack.name))
        found = {each.service: docker.log(each.id, lines) for each in there}
    if not found:
        raise TargetError(f"target '{stack.name}' is not up", f"bench stack up --stack {stack.name}")
    if service is None:
        return found
    if service not in found:
        raise ConfigError(
            f"target '{stack.name}' has no service '{service}'", f"there are: {', '.join(found)}"
        )
    return {service: found[service]}


def _home(stack: Stack) -> Path:
    return detached.FOLDER / stack.name


def _hidden(stack: Stack) -> dict[str, str]:
    """The secrets of a stack that is up: kept when they were made up, else the caller's."""
    kept = _kept(stack, "secrets")
    hidden = {}
    for name in compose.secrets_of(stack):
        value = kept.get(name) or os.environ.get(name)
        if not value:
            raise ConfigError(
                f"{name} is not set, and the stack '{stack.name}' was started with it",
                f"export {name}=… as it was, or bench stack down --stack {stack.name}",
            )
        hidden[name] = value
    return hidden


def _kept(stack: Stack, what: str) -> dict[str, str]:
    try:
        content = json.loads((_home(stack) / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(content.get(what, {})) if isinstance(content, dict) else {}


def _keep(content: Mapping[str, Mapping[str, str]], home: Path) -> None:
    path = home / _STATE
    try:
        home.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        # Its mode is set as it is made, so that there is no moment at which others can read it.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OURS_ONLY), "w") as file:
            json.dump(content, file)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}", "run in a folder of yours") from error
