"""Start the processes of a stack, watch them, and end them with the run."""

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

from bench.core.config.placeholders import expand
from bench.core.config.stack import Service, Stack
from bench.errors import TargetError
from bench.measure.machine.host import pin
from bench.measure.stacks.running_stack import RunningStack, inherit_environment, placeholder_values

_STOP_TIMEOUT_S = 5.0
_POLL_S = 0.01
_LOG_TAIL_LINES = 3
_MAX_TEXT_BYTES = 200


@dataclass(slots=True)
class StackProcesses:
    """The processes of a stack; `start` fills `urls` and `processes`."""

    stack: Stack
    values: dict[str, str] = field(repr=False)
    """Values of the declaration's placeholders. They contain the secret, so `repr` omits them."""
    logs: Path
    """Folder with a log file for each service."""
    tree: Path | None = None
    """Folder with the files of the services; `None` for the current folder."""
    cores: tuple[int, ...] = ()
    """The cores that the processes may use; empty for all."""
    urls: dict[str, str] = field(default_factory=dict)
    """Addresses by service."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    """Processes by service, in the order of their start."""

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by service."""
        return {name: process.pid for name, process in self.processes.items()}

    def find_dead_service(self) -> str | None:
        """Describe a service that ended, with the end of its log; `None` while all run."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                return f"service '{name}' ended {_describe_exit(process.returncode)}{self.log_tail(name)}"
        return None

    def announcement_file(self, name: str) -> Path:
        """Return the file with the stdout of a service, which contains its announcement."""
        return self.logs / f"{name}.out"

    def log_tail(self, name: str) -> str:
        """Return the last lines of a service's log, to follow a sentence."""
        with suppress(OSError):
            lines = (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
            if lines:
                return ": " + " | ".join(lines[-_LOG_TAIL_LINES:])
        return ""


@contextmanager
def run_processes(
    stack: Stack,
    secret: SecretStr,
    injections: Mapping[str, float],
    tree: Path | None = None,
    cores: tuple[int, ...] = (),
) -> Iterator[RunningStack]:
    """Start a stack and end it with the block, even if this process is killed.

    Args:
        stack: The stack to start.
        secret: The secret that signs tokens.
        injections: Values of knobs that slow the stack down, by knob.
        tree: Folder with the files of the services; `None` for the current folder.
        cores: The cores that the processes may use; empty for all.

    Raises:
        TargetError: A service did not start.
    """
    with TemporaryDirectory(prefix=f"bench-{stack.name}-", ignore_cleanup_errors=True) as state:
        started = prepare(stack, secret, Path(state))
        started.tree = tree
        started.cores = cores
        try:
            start(started, injections)
            yield RunningStack(
                stack, started.values, started.urls, started.pids, started.find_dead_service, cores
            )
        finally:
            stop(started)


def prepare(stack: Stack, secret: SecretStr, state: Path) -> StackProcesses:
    """Create the folder of a stack's files, before `start` starts its processes."""
    logs = state / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    return StackProcesses(stack=stack, values=placeholder_values(secret, state), logs=logs)


def start(
    started: StackProcesses,
    injections: Mapping[str, float],
    ports: Mapping[str, int] | None = None,
    *,
    detached: bool = False,
) -> None:
    """Start the services in order, each when the previous one listens.

    Args:
        started: The stack, which gets the processes and addresses.
        injections: Values of knobs that slow the stack down, by `service.knob`.
        ports: Ports by service; the kernel chooses the others.
        detached: The services outlive this process.

    Raises:
        TargetError: A service did not start in time; the message contains the end of its log.
    """
    for name, service in started.stack.services.items():
        port = (ports or {}).get(name, 0)
        _spawn(started, name, injections, port, detached=detached)
        pin(started.processes[name].pid, started.cores)
        started.urls[name] = _read_announcement(started, name, service)
        started.values[f"{name}.url"] = started.urls[name]


def _spawn(
    started: StackProcesses, name: str, injections: Mapping[str, float], port: int, *, detached: bool
) -> None:
    """Start the process of a service; its output goes to files, because a full pipe would stop it.

    The process is stored at once, so that an interrupt ends it.
    """
    environment = _environment(started, name, injections, port)
    if not detached:
        environment["EXIT_WITH_STDIN"] = "1"  # the pipe below closes when this process dies
    service = started.stack.services[name]
    command = [expand(part, started.values, f"services.{name}.command") for part in service.command]
    try:
        with (
            (started.logs / f"{name}.log").open("wb") as log,
            started.announcement_file(name).open("wb") as out,
        ):
            started.processes[name] = subprocess.Popen(
                command,
                env=environment,
                cwd=started.tree,
                stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
                stdout=out,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches bench only, which then ends them in order
            )
    except OSError as error:
        raise TargetError(f"cannot start service '{name}': {command[0]}: {error.strerror}") from error


def _environment(
    started: StackProcesses, name: str, injections: Mapping[str, float], port: int
) -> dict[str, str]:
    service = started.stack.services[name]
    environment = inherit_environment(os.environ)
    if started.tree is not None:
        environment["PYTHONPATH"] = str(started.tree)
    for variable, text in service.environment.items():
        environment[variable] = expand(text, started.values, f"services.{name}.environment.{variable}")
    for knob, variable in service.knobs.items():
        if f"{name}.{knob}" in injections:
            environment[variable] = str(injections[f"{name}.{knob}"])
    environment[service.port_variable] = str(port)
    return environment


def stop(started: StackProcesses) -> None:
    """End the processes in reverse order: with SIGTERM, then with SIGKILL."""
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


def _read_announcement(started: StackProcesses, name: str, service: Service) -> str:
    """Wait for the JSON line that a service prints when it listens, and return its `url`."""
    process = started.processes[name]
    file = started.announcement_file(name)
    end_s = time.monotonic() + service.start_timeout_s
    ended = False
    # The process state is read before the file, so that the last output is not missed.
    while b"\n" not in (text := file.read_bytes()) and not ended and time.monotonic() < end_s:
        ended = process.poll() is not None
        time.sleep(_POLL_S)
    with suppress(ValueError, KeyError, TypeError, IndexError):
        return str(json.loads(text.splitlines()[0])["url"])
    if text:
        printed = text[:_MAX_TEXT_BYTES].decode(errors="replace")
        raise TargetError(f"service '{name}' did not announce its url but printed: {printed}")
    exited = process.returncode is not None
    reason = f"ended {_describe_exit(process.returncode)}" if exited else "printed nothing"
    raise TargetError(
        f"service '{name}' did not start: it {reason}{started.log_tail(name)}",
        f"run it manually to see more: {' '.join(service.command)}",
    )


def _describe_exit(code: int) -> str:
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
