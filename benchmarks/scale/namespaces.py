"""Machines that are network namespaces of this one: each has its own network, and may have its own clock.

A namespace with a bridge connects the others. Nothing is added to the network of this machine, and all
namespaces are removed at the end. Root is needed.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

HUB_ADDRESS = "10.77.0.1"
"""Address of the namespace with the bridge, where the target, the scheduler and the run are."""
_HUB = "hub"
_PREFIX = "bench-scale"
_BITS = 24


def find_obstacle() -> str | None:
    """Return why this machine cannot have network namespaces; `None` if it can."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        return "network namespaces need Linux and the program `ip`"
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"{_PREFIX}-{os.getpid()}-probe"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"network namespaces are not permitted: {done.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", name], check=False)
    return None


@dataclass
class Namespaces:
    """The namespaces of a test, and the processes in them."""

    names: Sequence[str]
    folder: Path
    """Folder in which all processes run, with their logs."""
    environment: Mapping[str, str]
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    def command(self, name: str, *arguments: str, clock_s: float | None = None) -> list[str]:
        """Return a command in a namespace, whose CLOCK_MONOTONIC may be ahead of that of this machine."""
        shift: list[str] = []
        if clock_s is not None:
            shift = ["unshare", "--time", "--monotonic", f"{clock_s:.0f}", "--fork", "--kill-child"]
        return ["ip", "netns", "exec", _full_name(name), *shift, *arguments]

    def start(self, name: str, title: str, *arguments: str, clock_s: float | None = None) -> Path:
        """Start a process in a namespace, and return the file of its output."""
        log = self.folder / f"{title}.log"
        with log.open("wb") as output:
            self.processes[title] = subprocess.Popen(
                self.command(name, *arguments, clock_s=clock_s),
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return log

    def run(self, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in a namespace to its end."""
        return subprocess.run(
            self.command(name, *arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def received_bytes(self, name: str) -> int:
        """Return the bytes that a namespace has received."""
        path = "/sys/class/net/eth0/statistics/rx_bytes"
        # A namespace sees its own devices in a mount of its own, as `ip netns exec` provides it.
        return int(self.run(name, "cat", path).stdout)

    def kill(self, title: str) -> None:
        """End a process with all processes of its session, at once."""
        process = self.processes.pop(title)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


@contextmanager
def connect_namespaces(
    names: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[Namespaces]:
    """Provide a hub and namespaces with the addresses 10.77.0.2, 10.77.0.3, …, and remove them at the end.

    Args:
        names: Their names.
        folder: Folder of the processes.
        environment: Variables of the processes.
    """
    spaces = Namespaces((_HUB, *names), folder, environment)
    try:
        for name in spaces.names:
            _ip("netns", "add", _full_name(name))
            _ip("-n", _full_name(name), "link", "set", "lo", "up")
        hub = _full_name(_HUB)
        _ip("-n", hub, "link", "add", "bridge", "type", "bridge")
        _ip("-n", hub, "address", "add", f"{HUB_ADDRESS}/{_BITS}", "dev", "bridge")
        _ip("-n", hub, "link", "set", "bridge", "up")
        for number, name in enumerate(names, start=2):
            _connect(hub, name, number)
        yield spaces
    finally:
        for title in [*reversed(spaces.processes)]:
            spaces.kill(title)
        for name in spaces.names:
            subprocess.run(["ip", "netns", "delete", _full_name(name)], capture_output=True, check=False)


def _connect(hub: str, name: str, number: int) -> None:
    """Connect a namespace with the bridge of the hub."""
    inside = _full_name(name)
    port = f"port-{number}"
    _ip("-n", hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", inside)
    _ip("-n", hub, "link", "set", port, "master", "bridge", "up")
    _ip("-n", inside, "address", "add", f"10.77.0.{number}/{_BITS}", "dev", "eth0")
    _ip("-n", inside, "link", "set", "eth0", "up")


def _full_name(name: str) -> str:
    """Return the name of a namespace of this process."""
    return f"{_PREFIX}-{os.getpid()}-{name}"


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
