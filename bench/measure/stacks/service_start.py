"""Wait until a service that `bench` started is ready, and show what it waits for."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.core.config.service import Service
from bench.core.watch.readiness import ReadyCondition
from bench.core.watch.waiting import WaitNotes
from bench.errors import TargetError
from bench.measure.stacks.health import wait_until_ready
from bench.measure.stacks.ports import LOOPBACK, connect, host_and_port

_POLL_S = 0.02
_SLOW_POLL_S = 0.2
_QUICK_S = 2.0
_MAX_TEXT_BYTES = 200


@dataclass(frozen=True, slots=True)
class StartingService:
    """A service that was started, and how to watch it until it is ready."""

    name: str
    """Name of the service."""
    pid: int
    """Process id of its supervisor."""
    timeout_s: float
    """Longest wait."""
    find_failure: Callable[[], TargetError | None]
    """Returns the error of a service that ended; `None` while it runs."""
    late_error: Callable[[str], TargetError]
    """Returns the error of a service that is not ready in time, from the last reason."""
    on_wait: Callable[[str], None]
    """Receives lines about a long wait."""


def await_service(start: StartingService, service: Service, url: str, announcement: Path, stack: str) -> str:
    """Wait until a service is ready, and return its address.

    Args:
        start: The started service.
        service: Its declaration.
        url: Its address; an announced one replaces it.
        announcement: File with its stdout.
        stack: Name of the stack, for error messages.

    Raises:
        TargetError: The service ended, or is not ready in time.
    """
    began_s = time.monotonic()
    if not service.listens:
        return ""
    url = _read_announcement(start, announcement) if service.announces else await_port(start, url)
    if service.ready is not None:
        rest_s = max(1.0, start.timeout_s - (time.monotonic() - began_s))
        _await_answer(start, url.rstrip("/") + service.ready, rest_s, stack)
    return url


def await_port(start: StartingService, url: str) -> str:
    """Wait until the port of an address accepts a connection.

    Returns:
        The address. Its host is `[::1]` if the service listens there only, as some do at `localhost`.

    Raises:
        TargetError: The service ended, or does not listen in time.
    """
    host, port = host_and_port(url)
    began_s = time.monotonic()
    notes = WaitNotes(start.name)
    while True:
        error = connect(host, port)
        if error is None:
            return url
        if host == LOOPBACK[0] and connect(LOOPBACK[1], port) is None:
            return url.replace(host, f"[{LOOPBACK[1]}]", 1)
        _check_end(start)
        waited_s = time.monotonic() - began_s
        reason = _describe_wait(start, port, error, waited_s)
        if waited_s > start.timeout_s:
            raise start.late_error(reason)
        line = notes.line(waited_s, reason)
        if line is not None:
            start.on_wait(line)
        time.sleep(_POLL_S if waited_s < _QUICK_S else _SLOW_POLL_S)


def _check_end(start: StartingService) -> None:
    failure = start.find_failure()
    if failure is not None:
        raise failure


def _describe_wait(start: StartingService, port: int, error: OSError, waited_s: float) -> str:
    """Return why a port does not accept connections: its own error, or the ports that are used instead."""
    others = _list_ports(start.pid) if waited_s > _QUICK_S else []
    if others and port not in others:
        listed = " and ".join(str(other) for other in others)
        return f"it listens on port {listed}, not on port {port}"
    return f"{(error.strerror or str(error)).lower()} at port {port}"


def _list_ports(pid: int) -> list[int]:
    """Return the ports on which the processes below a supervisor listen."""
    ports: set[int] = set()
    with suppress(psutil.Error, OSError):
        for process in psutil.Process(pid).children(recursive=True):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    ports.add(connection.laddr.port)
    return sorted(ports)


def _await_answer(start: StartingService, url: str, timeout_s: float, stack: str) -> None:
    condition = ReadyCondition(file=f"stacks/{stack}.yaml", is_external=False, service=start.name)

    ended: TargetError | None = None

    def find_dead() -> str | None:
        nonlocal ended
        ended = start.find_failure()
        if ended is not None:
            raise ended
        return None

    try:
        wait_until_ready(url, {}, timeout_s, find_dead, condition, on_wait=start.on_wait)
    except TargetError as error:
        if error is ended:
            raise
        late = start.late_error(error.message)
        raise TargetError(late.message, f"{error.hint}; {late.hint}") from error


def _read_announcement(start: StartingService, file: Path) -> str:
    """Wait for the JSON line that a service prints when it listens, and return its `url`."""
    began_s = time.monotonic()
    notes = WaitNotes(start.name)
    failure: TargetError | None = None
    # The process is examined before the file, so that its last output is not missed.
    while b"\n" not in (text := file.read_bytes()) and failure is None:
        waited_s = time.monotonic() - began_s
        if waited_s > start.timeout_s:
            break
        failure = start.find_failure()
        line = notes.line(waited_s, "no announcement")
        if line is not None:
            start.on_wait(line)
        time.sleep(_POLL_S)
    with suppress(ValueError, KeyError, TypeError, IndexError):
        return str(json.loads(text.splitlines()[0])["url"])
    if text:
        printed = text[:_MAX_TEXT_BYTES].decode(errors="replace")
        raise TargetError(
            f"service '{start.name}' did not announce its url but printed: {printed}",
            "remove `announces`, and declare `port` or pass ${port} to the command",
        )
    raise failure or start.late_error("it printed nothing")
