"""A Dask scheduler and workers as processes of this machine, on ports of their own."""

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure.cluster.access import SchedulerAccess
from bench.measure.cluster.dask_programs import (
    LOOPBACK,
    scheduler_command,
    worker_command,
    worker_environment,
)
from bench.measure.cluster.worker_list import await_workers
from tests.eventually import eventually

SHIFT_S = 5000
"""How far the clock of a shifted worker is ahead."""
# A Dask worker in an environment without this package.
_WITHOUT_BENCH = (
    "import sys; sys.modules['bench.measure.cluster.on_worker'] = None; "
    "from distributed.cli.dask_worker import main; main()"
)


@dataclass
class Relay:
    """Passes connections on to a port, and keeps all bytes."""

    port: int
    """Port to which it passes them on."""
    listener: socket.socket = field(default_factory=lambda: socket.create_server((LOOPBACK, 0)))
    """Its own port."""
    seen: list[bytes] = field(default_factory=list)
    """All bytes of both directions."""
    _sockets: list[socket.socket] = field(default_factory=list)

    def start(self) -> int:
        """Begin, and return its port."""
        threading.Thread(target=self._accept, daemon=True).start()
        return int(self.listener.getsockname()[1])

    def stop(self) -> None:
        """Close all connections."""
        for end in [self.listener, *self._sockets]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self.listener.accept()
                there = socket.create_connection((LOOPBACK, self.port))
                self._sockets += [here, there]
                for ends in ((here, there), (there, here)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                self.seen.append(content)
                sink.sendall(content)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@dataclass
class DaskProcesses:
    """A scheduler behind a relay, and its workers."""

    relay: Relay
    """All connections to the scheduler pass it."""
    access: SchedulerAccess
    """The way to the scheduler."""
    workers: dict[str, "subprocess.Popen[bytes]"]
    """The workers by their name."""


@contextmanager
def dask_processes(
    folder: Path, names: Sequence[str], shifted: str | None = None, bare: str | None = None
) -> Iterator[DaskProcesses]:
    """Start a scheduler and workers; the block's end kills all of them.

    Args:
        folder: Folder for their output.
        names: Names of the workers.
        shifted: Name of the worker whose clock is ahead, where the system permits it.
        bare: Name of the worker that lacks this package.
    """
    started: list[subprocess.Popen[bytes]] = []
    relay: Relay | None = None
    try:
        direct = SchedulerAccess(LOOPBACK, 0)
        started.append(_start(scheduler_command(direct, LOOPBACK), folder, "scheduler"))
        port = eventually(lambda: _find_port(folder / "scheduler.txt"))
        relay = Relay(port)
        access = SchedulerAccess(LOOPBACK, relay.start())
        workers: dict[str, subprocess.Popen[bytes]] = {}
        for name in names:
            command = worker_command(access, name, LOOPBACK)
            if name == bare:
                command = [command[0], "-c", _WITHOUT_BENCH, *command[3:]]
            if name == shifted:
                command = [*shift_clock(), *command]
            workers[name] = _start(command, folder, name)
            started.append(workers[name])
        await_workers(access, len(names), timeout_s=60)
        yield DaskProcesses(relay, access, workers)
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
        if relay is not None:
            relay.stop()


def shift_clock() -> list[str]:
    """Return the beginning of a command that runs with another clock; empty if that is impossible."""
    tool = shutil.which("unshare")
    if tool is None:
        return []
    shift = [tool, "--time", "--monotonic", str(SHIFT_S), "--fork", "--kill-child"]
    for command in (shift, [tool, "--user", "--map-root-user", *shift[1:]]):
        if subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0:
            return command
    return []


def _start(command: Sequence[str], folder: Path, name: str) -> "subprocess.Popen[bytes]":
    with (folder / f"{name}.txt").open("wb") as output:
        return subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=worker_environment(),
            cwd=folder,
        )


def _find_port(path: Path) -> int | None:
    match = re.search(r"Scheduler at: *tcp://[0-9.]+:([0-9]+)", path.read_text(errors="replace"))
    return None if match is None else int(match[1])
