"""Processes that stay up between commands: `bench stack up`, `status`, `down`.

`.bench/stacks/NAME/state.json` contains their process ids. The secret is never written there.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr

from bench.core.config.stack import Stack
from bench.errors import ConfigError, StoreError
from bench.measure.stacks.processes import StackProcesses, prepare, start, stop
from bench.measure.stacks.running_stack import RunningStack, placeholder_values

FOLDER = Path(".bench/stacks")
_STATE_FILE = "state.json"
_STOP_TIMEOUT_S = 5.0
_START_TOLERANCE_S = 1.0
# Python warns of a Popen object that is deleted while its process runs; these processes outlive bench.
_outliving: list[subprocess.Popen[bytes]] = []


def up(stack: Stack, secret: SecretStr, ports: Mapping[str, int]) -> Mapping[str, str]:
    """Start a stack that outlives this command.

    Args:
        stack: The stack to start.
        secret: The secret that signs tokens.
        ports: Ports by service; the kernel chooses the others.

    Returns:
        The addresses by service.

    Raises:
        ConfigError: The stack is up or has no services, or a name in `ports` is unknown.
        TargetError: A service did not start; the others were ended.
    """
    if not stack.services:
        raise ConfigError(f"stack '{stack.name}' has no services to start", "--stack embedded")
    unknown = sorted(ports.keys() - stack.services.keys())
    if unknown:
        services = ", ".join(stack.services)
        raise ConfigError(f"stack '{stack.name}' has no service '{unknown[0]}'", f"services: {services}")
    if is_up(stack.name):
        raise ConfigError(f"stack '{stack.name}' is up", "bench stack down")
    home = _home(stack.name)
    down(stack.name)  # ends the remaining services of a stack that lost one
    try:
        started = prepare(stack, secret, home)
    except OSError as error:
        raise StoreError(
            f"cannot write {home}: {error.strerror}", "run bench in a writable folder"
        ) from error
    try:
        start(started, {}, ports, detached=True)
    except BaseException:
        stop(started)
        raise
    _write_state(home, started)
    _outliving.extend(started.processes.values())
    return started.urls


def is_up(name: str) -> bool:
    """Return whether a stack was started and all of its services run."""
    states = statuses(name).values()
    return bool(states) and all(state == "up" for state in states)


def attach(stack: Stack, secret: SecretStr | None) -> RunningStack:
    """Return a stack that is up.

    Raises:
        StoreError: Its state file cannot be read.
    """
    home = _home(stack.name)
    state = _read_state(home)
    if state is None:
        raise StoreError(f"cannot read {home / _STATE_FILE}", "bench stack down, then bench stack up")
    pids = {name: process["pid"] for name, process in state["processes"].items()}

    def find_dead_service() -> str | None:
        for name, status in statuses(stack.name).items():
            if status != "up":
                return f"service '{name}' ended; its log is {home / 'logs' / name}.log"
        return None

    return RunningStack(stack, placeholder_values(secret, home), state["urls"], pids, find_dead_service)


def statuses(name: str) -> dict[str, str]:
    """Return `up` or `down` by service; empty if the stack was not started."""
    state = _read_state(_home(name))
    if state is None:
        return {}
    return {
        service: "down" if _find_process(noted) is None else "up"
        for service, noted in state["processes"].items()
    }


def logs(name: str, lines: int) -> dict[str, str]:
    """Return the last lines of each service's output; empty if the stack was not started."""
    home = _home(name)
    state = _read_state(home) or {"processes": {}}
    tails = {}
    for service in state["processes"]:
        text = ""
        for suffix in ("out", "log"):
            path = home / "logs" / f"{service}.{suffix}"
            if path.is_file():
                text += path.read_text(encoding="utf-8", errors="replace")
        tails[service] = "".join(f"{line}\n" for line in text.splitlines()[-lines:])
    return tails


def down(name: str) -> int:
    """End a stack's processes, remove its files, and return the number of processes that ended."""
    home = _home(name)
    state = _read_state(home) or {"processes": {}}
    processes: list[psutil.Process] = []
    for noted in state["processes"].values():
        process = _find_process(noted)
        if process is not None:
            processes.append(process)
    for process in reversed(processes):
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, remaining = psutil.wait_procs(processes, timeout=_STOP_TIMEOUT_S)
    for process in remaining:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    shutil.rmtree(home, ignore_errors=True)
    _outliving[:] = [popen for popen in _outliving if popen.poll() is None]
    return len(processes)


def _home(name: str) -> Path:
    return (FOLDER / name).absolute()


def _write_state(home: Path, started: StackProcesses) -> None:
    processes = {}
    for name, pid in started.pids.items():
        processes[name] = {"pid": pid, "started": psutil.Process(pid).create_time()}
    state = {"urls": started.urls, "processes": processes}
    (home / _STATE_FILE).write_text(json.dumps(state, indent=1), encoding="utf-8")


def _read_state(home: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((home / _STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _find_process(noted: Mapping[str, Any]) -> psutil.Process | None:
    """Return a process of the state file; `None` if it ended, or if a younger process has its id."""
    try:
        process = psutil.Process(noted["pid"])
        is_same = abs(process.create_time() - noted["started"]) < _START_TOLERANCE_S
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
