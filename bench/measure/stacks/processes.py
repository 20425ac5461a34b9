"""Starts the processes of a stack, watches them, and ends them: none outlives its purpose."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from bench.core.config.stack import Service, Stack, expand
from bench.errors import TargetError
from bench.measure.machine.host import pin
from bench.measure.stacks.live import Live, inherited, placeholders

_STOP_TIMEOUT_S = 5.0
_POLL_S = 0.01
_LOG_TAIL_LINES = 3


@dataclass(slots=True)
class Running:
    """A stack whose processes run.

    Attributes:
        stack: Its declaration.
        values: Of the placeholders; holds the secret, so it is never shown.
        urls: By service.
        processes: By service, in the order of their start.
        logs: Folder with one log a service.
        tree: Where the files of the services are; None for here.
        cores: That the processes are held to; empty for any.
    """

    stack: Stack
    values: dict[str, str] = field(repr=False)
    logs: Path
    tree: Path | None = None
    cores: tuple[int, ...] = ()
    urls: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by service."""
        return {name: process.pid for name, process in self.processes.items()}

    def dead(self) -> str | None:
        """Which service ended, with the end of its log; None while all run."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                return f"service '{name}' ended {_how(process.returncode)}{self.log_tail(name)}"
        return None

    def said(self, name: str) -> Path:
        """What a service wrote on stdout: its announcement."""
        return self.logs / f"{name}.out"

    def log_tail(self, name: str) -> str:
        """The last lines that a service wrote, ready to follow a sentence."""
        with suppress(OSError):
            lines = (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
            if lines:
                return ": " + " | ".join(lines[-_LOG_TAIL_LINES:])
        return ""


@contextmanager
def running(
    stack: Stack,
    secret: SecretStr,
    injections: Mapping[str, float],
    tree: Path | None = None,
    cores: tuple[int, ...] = (),
) -> Iterator[Live]:
    """A stack that runs inside the block, and not after it, even when this process is killed.

    Args:
        stack: What to start.
        secret: What its services sign and check tokens with.
        injections: What to make worse, by knob.
        tree: Where the files of the services are, when not here.
        cores: That the processes are held to; empty for any.

    Raises:
        TargetError: A service did not start.
    """
    with TemporaryDirectory(prefix=f"bench-{stack.name}-", ignore_cleanup_errors=True) as state:
        started = prepare(stack, secret, Path(state))
        started.tree, started.cores = tree, cores
        try:
            start(started, injections)
            yield Live(stack, started.values, started.urls, started.pids, started.dead, cores)
        finally:
            stop(started)


def prepare(stack: Stack, secret: SecretStr, state: Path) -> Running:
    """A stack before its first process starts."""
    logs = state / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    values = placeholders(secret, state)
    return Running(stack=stack, values=values, logs=logs)


def start(
    started: Running,
    injections: Mapping[str, float],
    ports: Mapping[str, int] | None = None,
    *,
    detached: bool = False,
) -> None:
    """Start every service in order, each when the one before it listens.

    Args:
        started: Filled with the processes and addresses.
        injections: Values by knob, `service.knob`.
        ports: By service; the kernel chooses the others.
        detached: The services outlive this process.

    Raises:
        TargetError: A service did not start in time; the message has the end of its log.
    """
    for name, service in started.stack.services.items():
        environment = _environment(started, name, injections, (ports or {}).get(name, 0))
        if not detached:
            environment["EXIT_WITH_STDIN"] = "1"  # the pipe below closes when this process dies
        command = [expand(part, started.values, f"services.{name}.command") for part in service.command]
        try:
            # Files, not pipes: nobody reads on after the announcement, and a full pipe stops its writer.
            with (started.logs / f"{name}.log").open("wb") as log, started.said(name).open("wb") as out:
                process = subprocess.Popen(
                    command,
                    env=environment,
                    cwd=started.tree,
                    stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
                    stdout=out,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is for us; we end them in order
                )
        except OSError as error:
            raise TargetError(f"cannot start service '{name}': {command[0]}: {error.strerror}") from error
        started.processes[name] = process  # first of all: whoever interrupts what follows ends it
        pin(process.pid, started.cores)
        started.urls[name] = _announced(started, name, service)
        started.values[f"{name}.url"] = started.urls[name]


def _environment(started: Running, name: str, injections: Mapping[str, float], port: int) -> dict[str, str]:
    service = started.stack.services[name]
    declared = {
        key: expand(text, started.values, f"services.{name}.environment.{key}")
        for key, text in service.environment.items()
    }
    turned = {
        variable: str(injections[f"{name}.{knob}"])
        for knob, variable in service.knobs.items()
        if f"{name}.{knob}" in injections
    }
    found = {"PYTHONPATH": str(started.tree)} if started.tree is not None else {}
    return {**inherited(os.environ), **found, **declared, **turned, service.port_variable: str(port)}


def stop(started: Running) -> None:
    """End the processes, the last one first: politely, then not."""
    for process in reversed(started.processes.values()):
        process.terminate()
    end_s = time.monotonic() + _STOP_TIMEOUT_S
    for process in reversed(started.processes.values()):
        try:
            process.wait(timeout=max(0.0, end_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _announced(started: Running, name: str, service: Service) -> str:
    """The address that a service says it listens on."""
    process, said = started.processes[name], started.said(name)
    end_s = time.monotonic() + service.start_timeout_s
    ended = False
    # Whether it ended is asked before its words are read, so that the last ones are not missed.
    while b"\n" not in (text := said.read_bytes()) and not ended and time.monotonic() < end_s:
        ended = process.poll() is not None
        time.sleep(_POLL_S)
    with suppress(ValueError, KeyError, TypeError, IndexError):
        return str(json.loads(text.splitlines()[0])["url"])
    if text:
        raise TargetError(
            f"service '{name}' did not announce its url but said: {text[:200].decode(errors='replace')}"
        )
    how = f"ended {_how(process.returncode)}" if process.returncode is not None else "said nothing"
    raise TargetError(
        f"service '{name}' did not start: it {how}{started.log_tail(name)}",
        f"run it by hand to see more: {' '.join(service.command)}",
    )


def _how(code: int) -> str:
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
