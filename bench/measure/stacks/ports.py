"""Choose the ports of the services before they start, and explain a port that another process has."""

import socket
from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import psutil

from bench.core.config.service import Service
from bench.errors import TargetError

LOOPBACK = ("127.0.0.1", "::1")
"""Addresses on which a service of this machine may listen."""
_CONNECT_TIMEOUT_S = 1.0
_DEFAULT_PORTS = {"http": 80, "https": 443}


def choose_ports(services: Mapping[str, Service], given: Mapping[str, int]) -> dict[str, int]:
    """Return a port for each service that listens; 0 if the service chooses it and announces its address.

    Args:
        services: Services by name.
        given: Ports by service that replace those of the declaration; 0 for a free one.

    Raises:
        TargetError: A port is taken by another process.
    """
    ports: dict[str, int] = {}
    with ExitStack() as held:
        for name, service in services.items():
            if not service.listens:
                continue
            low, high = service.port or (0, 0)
            if given.get(name):
                low = high = given[name]
            if low == 0 and service.announces:
                ports[name] = 0
            else:
                ports[name] = _choose(name, low, high, held, ports.values())
    return ports


def require_free_address(service: str, url: str) -> None:
    """Check that no process listens at an address of this machine.

    Raises:
        TargetError: A process does; the message names it if possible.
    """
    parts = urlsplit(url)
    if parts.port is None or parts.hostname not in {"localhost", *LOOPBACK}:
        return
    with ExitStack() as held:
        _choose(service, parts.port, parts.port, held, ())


def find_owner(port: int) -> str | None:
    """Return the process that listens on a port, such as `node (process 4711)`; `None` if it is unknown."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return None


def _choose(service: str, low: int, high: int, held: ExitStack, chosen: Collection[int]) -> int:
    """Return the first free port that no other service has, and hold it until all services have one."""
    for port in range(low, high + 1):
        listener = None if port in chosen and port else _bind(port)
        if listener is not None:
            held.enter_context(listener)
            return int(listener.getsockname()[1])
    if low != high:
        raise TargetError(
            f"no port of service '{service}' is free: all of {low}-{high} are taken", "declare more ports"
        )
    owner = find_owner(low) or "another process"
    raise TargetError(
        f"port {low} of service '{service}' is taken by {owner}",
        "end that process, or leave `port` out and pass ${port} to the command",
    )


def _bind(port: int) -> socket.socket | None:
    """Return a socket that has a port on this machine; `None` if the port is taken."""
    if port and connect("::1", port) is None:
        return None
    listener = socket.socket()
    try:
        # Without it, connections of a service that ended would still take the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", port))  # noqa: S104 - the socket never listens
    except OSError:
        listener.close()
        return None
    return listener


def host_and_port(url: str) -> tuple[str, int]:
    """Return host and port of an address."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, _DEFAULT_PORTS["http"])


def connect(address: str, port: int) -> OSError | None:
    """Open a connection and close it; return the error, or `None` if the port accepts connections."""
    try:
        socket.create_connection((address, port), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return error
    return None
