"""Reads the limits of this machine for load generators: open files, ports and memory.

Formats: https://docs.kernel.org/networking/ip-sysctl.html and proc(5).
"""

import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.core.load.machine_limits import MachineLimits
from bench.measure.machine import control_groups
from bench.measure.machine.kernel_files import read_text

ROOT = Path("/")
_PORT_RANGE = "proc/sys/net/ipv4/ip_local_port_range"


def read_limits(urls: Sequence[str], root: Path = ROOT) -> MachineLimits:
    """Return the limits of this machine; a limit that cannot be read is `None`.

    Args:
        urls: Addresses of the targets. Each address has its own ports.
        root: Folder of the kernel's files.
    """
    addresses = _count_addresses(urls)
    return MachineLimits(
        open_files=_open_files(),
        ports=_ports(root) if addresses is not None else None,
        addresses=addresses or 1,
        memory_bytes=_free_memory_bytes(root),
    )


def raise_open_file_limit() -> None:
    """Raise the limit of open files to the maximum: each connection is one, and many systems allow 1,024."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on every platform

        _, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (maximum, maximum))


def _open_files() -> int | None:
    """Return the limit to which a load generator raises its own."""
    try:
        import resource  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    _, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if maximum == resource.RLIM_INFINITY else maximum


def _ports(root: Path) -> int | None:
    text = read_text(root / _PORT_RANGE) or ""
    match text.split():
        case [first, last] if first.isdigit() and last.isdigit():
            return max(0, int(last) - int(first) + 1)
        case _:
            return None


def _count_addresses(urls: Sequence[str]) -> int | None:
    """Return the number of different addresses of all targets; `None` if a name cannot be resolved."""
    addresses: set[object] = set()
    for url in urls:
        try:
            parts = urlsplit(url)
            port = parts.port or parts.scheme
            resolved = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, ValueError):
            return None
        addresses.update(address for *_, address in resolved)
    return len(addresses) or None


def _free_memory_bytes(root: Path) -> int | None:
    """Return the free memory of the machine or of the control group, whichever is less."""
    free: list[int] = []
    with suppress(psutil.Error, OSError, RuntimeError, ValueError):
        free.append(psutil.virtual_memory().available + psutil.swap_memory().free)
    of_group = control_groups.free_memory_bytes(root)
    if of_group is not None:
        free.append(of_group)
    return min(free, default=None)
