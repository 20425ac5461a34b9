"""A scheduler and its workers on this machine, which stay up between commands: a persistent stack."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core.config.service import Service
from bench.core.config.stack import Stack
from bench.errors import BenchError, ConfigError, TargetError
from bench.measure.cluster.access import PORT, SchedulerAccess
from bench.measure.cluster.dask_programs import (
    ANYWHERE,
    LOOPBACK,
    require_dask,
    scheduler_command,
    worker_command,
    worker_environment,
)
from bench.measure.cluster.worker_list import await_workers
from bench.measure.persistent import persistent

NAME = "load-generators"
"""Name of the stack, and of its folder in `.bench/stacks`."""
SCHEDULER = "scheduler"
"""Name of the service that is the scheduler."""
_START_TIMEOUT_S = 60.0
_LOOPBACK_NAMES = frozenset({LOOPBACK, "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Settings of a cluster on this machine."""

    count: int = 2
    """Number of workers."""
    host: str = LOOPBACK
    """Address of this machine that other machines use; loopback if none may join."""
    port: int = PORT
    """Port of the scheduler; 0 for a free one."""
    certificates: Path | None = None
    """Folder of the certificates; `None` for connections without TLS."""

    @property
    def is_shared(self) -> bool:
        """Whether other machines may join."""
        return not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Return whether only processes of this machine reach a host."""
    return host in _LOOPBACK_NAMES


def start_cluster(options: ClusterOptions, on_note: Callable[[str], None]) -> SchedulerAccess:
    """Start a scheduler and its workers, and return the way to it when all workers have joined.

    Raises:
        ConfigError: Dask is missing, the cluster is up, or this machine does not have the address.
        TargetError: A program did not start; all were ended.
    """
    require_dask()
    if options.is_shared:
        _require_own_address(options.host)
    stack = declare_cluster(ClusterOptions())
    if persistent.is_up(stack):
        raise ConfigError("the load generators of this folder are up", "bench workers down")
    host = options.host if options.is_shared else LOOPBACK
    chosen = replace(options, host=host, port=options.port or _choose_port())
    access = SchedulerAccess(chosen.host, chosen.port, chosen.certificates)
    try:
        persistent.up(declare_cluster(chosen), {}, on_note, on_wait=on_note)
    except TargetError as error:
        if f"port {chosen.port} " in error.message:
            raise TargetError(error.message, "choose another one: --port 0") from error
        raise
    try:
        await_workers(access, chosen.count, _START_TIMEOUT_S)
    except BaseException as error:
        if isinstance(error, BenchError):
            error.message += _last_lines(stack)
        stop_cluster(on_note)
        raise
    return access


def stop_cluster(on_note: Callable[[str], None]) -> int:
    """End the scheduler and the workers of this folder, and return the number of programs."""
    return persistent.down(declare_cluster(ClusterOptions()), on_note)


def declare_cluster(options: ClusterOptions) -> Stack:
    """Return the stack of a scheduler and its workers."""
    listen = ANYWHERE if options.is_shared else LOOPBACK
    access = SchedulerAccess(options.host, options.port or PORT, options.certificates)
    environment = worker_environment()
    services = {
        SCHEDULER: Service(
            command=tuple(scheduler_command(access, listen)), port=access.port, environment=environment
        )
    }
    for number in range(1, options.count + 1):
        name = f"worker-{number}"
        # The worker of a shared cluster listens at the address that reaches the scheduler.
        command = worker_command(
            access, f"{socket.gethostname()}-{number}", None if listen == ANYWHERE else listen
        )
        services[name] = Service(command=tuple(command), listens=False, environment=environment)
    return Stack(name=NAME, purpose="Load generators on this machine.", services=services)


def _require_own_address(host: str) -> None:
    """Check that other machines can reach this one at an address.

    Raises:
        ConfigError: This machine does not have it.
    """
    hint = "ip -4 address lists them"
    try:
        *_, place = socket.getaddrinfo(host, 0, socket.AF_INET, socket.SOCK_STREAM)[0]
        with socket.socket() as own:
            own.bind(place)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--host {host} is not an IPv4 address of this machine", hint) from error
    if place[0] == ANYWHERE:
        raise ConfigError(f"--host {host}: other machines need one address", hint)


def _choose_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return int(free.getsockname()[1])


def _last_lines(stack: Stack) -> str:
    """Return the last line of each program's log."""
    lines = ""
    tails: Mapping[str, str] = persistent.logs(stack, None, 1)
    for name, text in tails.items():
        lines += f"\n{name}: {text.strip()}" if text.strip() else ""
    return lines
