"""Processes that stay up between commands: `bench stack up`, `status`, `down`.

`.bench/stacks/NAME/state.json` contains their process ids. The secret is never written there.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr

from bench.core.config.stack import Stack
from bench.errors import ConfigError, StoreError
from bench.measure.stacks.health import probe_services
from bench.measure.stacks.processes import COMMANDS, GRACE_S, StackProcesses, prepare, run_down, start, stop
from bench.measure.stacks.running_stack import RunningStack, placeholder_values
from bench.measure.stacks.start_options import StartOptions

FOLDER = Path(".bench/stacks")
LOGS = "logs"
"""Folder of the logs, below that of a stack."""
UP = "up"
"""State of a service that answers."""
_STATE_FILE = "state.json"
# A supervisor kills what does not end, which takes a little longer.
_STOP_TIMEOUT_S = 2 * GRACE_S + 2.0
_START_TOLERANCE_S = 1.0
# Python warns of a Popen object that is deleted while its process runs; these processes outlive bench.
_outliving: list[subprocess.Popen[bytes]] = []


def up(
    stack: Stack,
    secret: SecretStr | None,
    ports: Mapping[str, int],
    on_wait: Callable[[str], None] = lambda _: None,
) -> Mapping[str, str]:
    """Start a stack that outlives this command. If it does not start, its logs remain.

    Args:
        stack: The stack to start.
        secret: The secret that signs tokens; `None` if the stack has no users.
        ports: Ports by service; the others are those of the declaration, or free ones.
        on_wait: Receives lines about a long wait.

    Returns:
        The addresses by service.

    Raises:
        ConfigError: The stack is up, or a placeholder has no value.
        TargetError: A service did not start; the others were ended.
    """
    if is_up(stack):
        raise ConfigError(f"stack '{stack.name}' is up", f"bench stack down --stack {stack.name}")
    home = _home(stack.name)
    down(stack)  # ends the remaining services of a stack that lost one
    shutil.rmtree(home, ignore_errors=True)
    options = StartOptions(ports=ports, logs=home / LOGS, on_wait=on_wait)
    try:
        started = prepare(stack, secret, home, options)
    except OSError as error:
        raise StoreError(
            f"cannot write {home}: {error.strerror}", "run bench in a writable folder"
        ) from error
    try:
        start(started, detached=True)
    except BaseException:
        stop(started)
        if stack.down:
            run_down(started)
        raise
    _write_state(home, started)
    _outliving.extend(started.processes.values())
    return started.urls


def is_up(stack: Stack) -> bool:
    """Return whether a stack was started and all of its services run."""
    if stack.up:
        states = statuses(stack).values()
        return bool(states) and all(state == UP for state in states)
    return _read_state(_home(stack.name)) is not None and not _list_ended(stack)


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
        for name in _list_ended(stack):
            return f"service '{name}' ended; its log is {home / LOGS / name}.log"
        return None

    values = placeholder_values(secret, home)
    for name, url in state["urls"].items():
        values[f"{name}.url"] = url
        values[f"{name}.address"] = url.partition("://")[2].partition("/")[0]
    return RunningStack(stack, values, state["urls"], pids, find_dead_service)


def statuses(stack: Stack) -> dict[str, str]:
    """Return `up` or the problem by service; empty if the stack was not started."""
    state = _read_state(_home(stack.name))
    if state is None:
        return {}
    states = probe_services(stack, state["urls"])
    for name, service in stack.services.items():
        if not service.listens:
            states[name] = UP
    for name in _list_ended(stack):
        states[name] = "down"
    return states


def _list_ended(stack: Stack) -> list[str]:
    """Return the services of a stack whose processes ended; none if `up` starts them."""
    state = _read_state(_home(stack.name))
    if state is None or stack.up:
        return []
    return [name for name, noted in state["processes"].items() if _find_process(noted) is None]


def logs(name: str, lines: int) -> dict[str, str]:
    """Return the last lines of each service's output; empty if the stack was not started."""
    home = _home(name)
    state = _read_state(home) or {"processes": {}}
    tails = {}
    for service in state["processes"]:
        text = ""
        for suffix in ("out", "log"):
            path = home / LOGS / f"{service}.{suffix}"
            if path.is_file():
                text += path.read_text(encoding="utf-8", errors="replace")
        tails[service] = "".join(f"{line}\n" for line in text.splitlines()[-lines:])
    return tails


def down(stack: Stack) -> int:
    """End a stack's processes, remove its files, and return the number of services that ended.

    Raises:
        ConfigError: A placeholder of `down` has no value.
        TargetError: A command of `down` failed.
    """
    home = _home(stack.name)
    state = _read_state(home)
    if state is None:
        return 0
    if stack.down:
        _run_down(stack, home)
    supervisors: list[psutil.Process] = []
    for noted in state["processes"].values():
        process = _find_process(noted)
        if process is not None:
            supervisors.append(process)
    for process in reversed(supervisors):
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, remaining = psutil.wait_procs(supervisors, timeout=_STOP_TIMEOUT_S)
    for process in remaining:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    shutil.rmtree(home, ignore_errors=True)
    _outliving[:] = [popen for popen in _outliving if popen.poll() is None]
    return len(state["urls"]) if stack.up else len(supervisors)


def _run_down(stack: Stack, home: Path) -> None:
    """Run the commands of `down`; if one fails, the stack's files stay for the next attempt."""
    started = prepare(stack, None, home, StartOptions(logs=home / LOGS))
    code = run_down(started)
    if code:
        raise started.error(COMMANDS, f"`down` ended with code {code}")


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
