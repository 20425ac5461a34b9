"""Start, inspect and stop a stack that stays up between commands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.config.stack import Stack
from bench.errors import ConfigError
from bench.measure.http.route import direct_route
from bench.measure.persistent import persistent, scaling
from bench.measure.run.conditions import Listener
from bench.measure.run.strays import remove_strays
from bench.measure.stacks.health import probe_services
from bench.measure.stacks.running_stack import find_urls
from bench.store import stacks
from bench.usecases.options import QUIET
from bench.usecases.plan_run import name_urls

DEFAULT = "embedded"
UP = "up"
"""State of a service that answers."""


@dataclass(frozen=True, slots=True)
class StoppedStack:
    """The services or containers that were ended."""

    count: int
    """Number of them."""
    kind: str
    """`services` or `containers`."""


def stack_up(
    name: str = DEFAULT,
    *,
    ports: Mapping[str, int] | None = None,
    ca: Path | None = None,
    listener: Listener = QUIET,
) -> Mapping[str, str]:
    """Start a stack, wait until it answers a test user, and return the addresses of its services.

    Processes with test users need JWT_SECRET. For containers, missing secrets are generated.

    Args:
        name: Name of the stack.
        ports: Ports by service; the others are those of the declaration, or free ones.
        ca: PEM file with certificates that are trusted as well as those of the system.
        listener: Receives notes about a long wait, and warnings.

    Raises:
        ConfigError: The stack is unknown, is up already or being started, or needs a secret that is not set.
        TargetError: The stack did not start.
    """
    route = direct_route(ca)
    stack = stacks.load(name)
    ports = dict(ports or {})
    return persistent.up(stack, ports, listener.warning, on_wait=listener.note, route=route)


def stack_down(name: str = DEFAULT, *, listener: Listener = QUIET) -> StoppedStack:
    """Stop a stack and remove its files, also what killed commands left of it.

    Args:
        name: Name of the stack.
        listener: Receives a note if another command starts or ends the stack, for which this one waits.

    Raises:
        ConfigError: The stack is unknown, or runs elsewhere.
        TargetError: A service could not be stopped.
    """
    stack = stacks.load(name)
    _require_local(stack, "stop it where it was started")
    kind = "services" if stack.compose is None else "containers"
    stopped = StoppedStack(persistent.down(stack, listener.note), kind)
    remove_strays()
    return stopped


def stack_scale(name: str, counts: Mapping[str, int], *, listener: Listener = QUIET) -> None:
    """Start or end instances of services of a stack that is up; none loses a request.

    Args:
        name: Name of the stack.
        counts: Number of instances by service.
        listener: Receives a note about each instance that starts or ends.

    Raises:
        ConfigError: The stack or a service is unknown, or its number of instances cannot change.
        TargetError: The stack is not up, or an instance did not start.
    """
    stack = stacks.load(name)
    _require_local(stack, "scale it where it was started")
    scaling.scale(stack, counts, listener.note)


def stack_restart(name: str, service: str, *, rolling: bool = False, listener: Listener = QUIET) -> None:
    """Restart the instances of a service of a stack that is up.

    Args:
        name: Name of the stack.
        service: Name of the service.
        rolling: Restart one instance after the other, each when it has answered its requests.
        listener: Receives a note about each instance that starts or ends.

    Raises:
        ConfigError: The stack or the service is unknown, or has no replicas to restart one after the other.
        TargetError: The stack is not up, or an instance did not start.
    """
    stack = stacks.load(name)
    _require_local(stack, "restart it where it was started")
    scaling.restart(stack, service, listener.note, rolling=rolling)


def stack_status(
    name: str = DEFAULT, *, urls: Sequence[str] = (), ca: Path | None = None
) -> Mapping[str, str]:
    """Return the state of each service of a stack; empty if the stack was not started.

    Args:
        name: Name of the stack.
        urls: Addresses of a stack that runs elsewhere: `URL` or `SERVICE=URL`.
        ca: PEM file with certificates that are trusted as well as those of the system.

    Raises:
        ConfigError: The stack is unknown, or runs elsewhere and `urls` is empty.
    """
    stack = stacks.load(name)
    if not stack.is_external:
        return persistent.statuses(stack)
    default_service = "backend" if stack.ready is None else stack.ready.service
    addresses = find_urls(stack, name_urls(urls, default_service))
    return probe_services(stack, addresses, route=direct_route(ca))


def stack_logs(name: str = DEFAULT, service: str | None = None, *, tail: int = 50) -> Mapping[str, str]:
    """Return the newest log lines of each service of a stack that is up.

    Args:
        name: Name of the stack.
        service: One service; default: all.
        tail: Number of lines per service.

    Raises:
        ConfigError: The stack is unknown, runs elsewhere, or has no such service.
        TargetError: The stack is not up.
    """
    stack = stacks.load(name)
    _require_local(stack, "read its logs where it was started")
    return persistent.logs(stack, service, tail)


def _require_local(stack: Stack, hint: str) -> None:
    if stack.is_external:
        raise ConfigError(f"stack '{stack.name}' runs elsewhere", hint)
