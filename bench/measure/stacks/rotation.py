"""Put instances into the rotation of their balancer, and take them out without losing a request.

A balancer reads its configuration again after its `reload`. Programs such as web servers then start new
processes, and the old ones answer the requests that they have accepted. The new configuration is in use when
none of the old processes listens, and an instance is drained when no connection to it is open.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from bench.core.config.instances import Instance, find_balancer
from bench.core.config.service import SignalOrCommand
from bench.errors import ConfigError, TargetError
from bench.measure.stacks.launch import expand_texts, instance_values, update_configuration
from bench.measure.stacks.log_tail import end_of_log, last_lines
from bench.measure.stacks.ports import host_and_port
from bench.measure.stacks.stack_processes import StackProcesses

_POLL_S = 0.05
# A program without processes of its own reads its configuration within this time.
_SETTLE_S = 1.0
_RELOAD_TIMEOUT_S = 60.0
_COMMAND_TIMEOUT_S = 60.0
# A connection that was accepted just before the first look is open at the second one.
_QUIET_LOOKS = 2


@dataclass(frozen=True, slots=True)
class _Reloading:
    """A service that reads its configuration again."""

    name: str
    """Name of the instance."""
    previous: tuple[psutil.Process, ...]
    """The processes below its first one that listened before."""


def require_rotation(started: StackProcesses, service: str) -> None:
    """Check that the balancer of a service, if it has one, can learn of other instances.

    Raises:
        ConfigError: It cannot.
    """
    balancer = find_balancer(started.stack.services, service)
    if balancer is None:
        return
    declared = started.stack.services[balancer]
    if declared.reload is None or not declared.configuration:
        raise ConfigError(
            f"service '{balancer}' cannot learn of other instances of '{service}'",
            f"declare `configuration` and `reload` of '{balancer}' in stacks/{started.stack.name}.yaml",
        )


def put_in(started: StackProcesses, name: str) -> None:
    """Give requests to an instance that rests.

    Raises:
        TargetError: A balancer did not take over its configuration.
    """
    started.resting.discard(name)
    _update_services(started)


def take_out(started: StackProcesses, name: str, on_note: Callable[[str], None] = lambda _: None) -> None:
    """Give no more requests to an instance, and wait until it has answered those that it has.

    Args:
        started: The stack.
        name: Name of the instance.
        on_note: Receives a line if the instance did not answer all of them in its time limit.

    Raises:
        TargetError: A balancer did not take over its configuration.
    """
    started.resting.add(name)
    try:
        _update_services(started)
    except TargetError:
        started.resting.discard(name)
        raise
    instance = started.instances[name]
    limit_s = instance.service.drain_timeout_s
    is_drained = not instance.service.listens or _await_drained(started, name, limit_s)
    if not is_drained and not started.is_ending.is_set():
        on_note(f"{name} still has connections after {limit_s:g} s (drain_timeout) and ends with them")


def _update_services(started: StackProcesses) -> None:
    """Write the configuration of all services again, and reload those whose configuration changed."""
    started.share_addresses()
    reloading: list[_Reloading] = []
    for instance in list(started.instances.values()):
        port = None
        if instance.service.listens:
            port = host_and_port(started.urls[instance.name])[1]
        if instance.service.reload is not None and update_configuration(started, instance, port):
            reloading.append(_reload(started, instance, instance.service.reload, port))
    for service in reloading:
        _await_reloaded(started, service)


def _reload(
    started: StackProcesses, instance: Instance, reload: SignalOrCommand, port: int | None
) -> _Reloading:
    first = _first_processes(started.pids[instance.name])
    previous = []
    for process in first:
        with suppress(psutil.Error):
            previous += [child for child in process.children(recursive=True) if _is_listening(child)]
    if isinstance(reload, str):
        for process in first:
            with suppress(psutil.Error):
                process.send_signal(getattr(signal, reload))
    else:
        _run(started, instance, expand_texts(reload, instance_values(started, instance, port), "reload"))
    return _Reloading(instance.name, tuple(previous))


def _first_processes(supervisor_pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return psutil.Process(supervisor_pid).children()
    return []


def _run(started: StackProcesses, instance: Instance, command: list[str]) -> None:
    """Run the `reload` command of an instance.

    Raises:
        TargetError: It failed.
    """
    problem = f"`reload` of service '{instance.name}' failed"
    hint = f"run it manually to see more: {' '.join(command)}"
    try:
        done = subprocess.run(
            command, cwd=started.tree, check=False, capture_output=True, timeout=_COMMAND_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise TargetError(f"{problem}: {error}", hint) from error
    if done.returncode:
        lines = last_lines(done.stderr.decode(errors="replace"))
        raise TargetError(f"{problem} with code {done.returncode}{end_of_log(lines)}", hint)


def _await_reloaded(started: StackProcesses, service: _Reloading) -> None:
    """Wait until a service uses its new configuration.

    Raises:
        TargetError: It still uses the old one, for example because the new one has an error.
    """
    if not service.previous:
        time.sleep(_SETTLE_S)
        return
    end_s = time.monotonic() + _RELOAD_TIMEOUT_S
    while any(_is_listening(process) for process in service.previous):
        if time.monotonic() > end_s:
            raise TargetError(
                f"service '{service.name}' did not take over its configuration"
                f"{started.logs.tail(service.name)}",
                "correct `configuration` and `reload` of the service",
            )
        time.sleep(_POLL_S)


def _is_listening(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        connections = process.net_connections("tcp")
        return any(connection.status == psutil.CONN_LISTEN for connection in connections)
    return False


def _await_drained(started: StackProcesses, name: str, limit_s: float) -> bool:
    """Wait until no client is connected to an instance; return whether that happened within the limit."""
    _, port = host_and_port(started.urls[name])
    balancer = find_balancer(started.stack.services, started.instances[name].service_name)
    end_s = time.monotonic() + limit_s
    quiet = 0
    while quiet < _QUIET_LOOKS:
        quiet = 0 if _has_client(port, started.pids.get(balancer or "")) else quiet + 1
        if time.monotonic() > end_s or started.is_ending.wait(_POLL_S):
            return False
    return True


def _has_client(port: int, balancer_pid: int | None) -> bool:
    """Return whether a process of the balancer has a connection to a port of this machine.

    Health checks of `bench` also keep connections open, and they never end. Without a balancer, the
    connections of all other processes count.
    """
    clients: set[int] = set()
    with suppress(psutil.Error):
        if balancer_pid is not None:
            clients = {process.pid for process in psutil.Process(balancer_pid).children(recursive=True)}
    for connection in psutil.net_connections("tcp"):
        is_open = connection.status == psutil.CONN_ESTABLISHED and connection.raddr[1:] == (port,)
        is_client = connection.pid in clients if balancer_pid is not None else connection.pid != os.getpid()
        if is_open and is_client:
            return True
    return False
