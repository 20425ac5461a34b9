"""Processes that stay up between commands: `bench stack up`, `status`, `down`.

`.bench/stacks/NAME/state.json` contains their process ids. It is written before each start, and names the
process that starts the stack until all services are up. The secret is never written there.
"""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bench.core.config.instances import Instance, address_values, find_service, list_instances
from bench.core.config.stack import Stack
from bench.errors import ConfigError, StoreError
from bench.measure.persistent.stack_state import FOLDER, STARTER, UP, describe_start, read_state, write_state
from bench.measure.stacks.health import probe_services
from bench.measure.stacks.marks import end_processes
from bench.measure.stacks.processes import COMMANDS, prepare, run_down, start, stop
from bench.measure.stacks.projects import end_left_behind, persistent_project
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.stacks.stack_processes import StackProcesses
from bench.measure.stacks.start_options import StartOptions
from bench.owners.process import Owner

LOGS = "logs"
"""Folder of the logs, below that of a stack."""
STATE_FILE = "state.json"
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
    down(stack)  # ends the remains of a stack that lost a service, or whose start was killed
    shutil.rmtree(home, ignore_errors=True)
    options = StartOptions(
        ports=ports, logs=home / LOGS, project=persistent_project(stack.name), on_wait=on_wait
    )
    try:
        started = prepare(stack, secret, home, options)
    except OSError as error:
        raise StoreError(
            f"cannot write {home}: {error.strerror}", "run bench in a writable folder"
        ) from error
    started.on_start = lambda name: _note_start(home, started, name)
    try:
        start(started, detached=True)
        write_state(home / STATE_FILE, _describe(started))
    except BaseException:
        stop(started)
        if stack.down:
            run_down(started)
        (home / STATE_FILE).unlink(missing_ok=True)
        raise
    _outliving.extend(started.processes.values())
    return started.urls


def is_up(stack: Stack) -> bool:
    """Return whether a stack was started and all of its services run."""
    state = _read_state(_home(stack.name))
    if state is None or STARTER in state:
        return False
    if stack.up:
        states = statuses(stack).values()
        return bool(states) and all(state == UP for state in states)
    return not _list_ended(stack)


def attach(stack: Stack, secret: SecretStr | None) -> RunningStack:
    """Return a stack that is up.

    Raises:
        StoreError: Its state file cannot be read.
    """
    home = _home(stack.name)
    state = _read_state(home)
    if state is None:
        raise StoreError(f"cannot read {home / STATE_FILE}", "bench stack down, then bench stack up")
    started = _restore(stack, secret, home, state)

    def find_dead_service() -> str | None:
        for name in _list_ended(stack):
            return f"service '{name}' ended; its log is {home / LOGS / name}.log"
        return None

    return RunningStack(
        stack, started.values, started.urls, started.pids, find_dead_service, processes=started
    )


def _restore(stack: Stack, secret: SecretStr | None, home: Path, state: Mapping[str, Any]) -> StackProcesses:
    """Return the processes of a stack that another command started."""
    options = StartOptions(logs=home / LOGS, project=persistent_project(stack.name))
    started = prepare(stack, secret, home, options)
    started.is_detached = True
    started.on_change = lambda: _note_change(home, started)
    for name, noted in state["processes"].items():
        process = Owner.parse(noted)
        service = find_service(stack.services, name)
        if process is not None:
            started.pids[name] = process.pid
        if service in stack.services:
            started.instances[name] = Instance(name, service, stack.services[service])
    started.urls.update(state["urls"])
    started.values.update(address_values(stack.services, started.urls))
    return started


def statuses(stack: Stack) -> dict[str, str]:
    """Return `up` or the problem by service; empty if the stack was not started."""
    state = _read_state(_home(stack.name))
    if state is None:
        return {}
    states = probe_services(stack, state["urls"])
    for name in _list_expected(stack, state):
        states.setdefault(name, UP if name in state["processes"] else "not started")
    for name in _list_ended(stack):
        states[name] = "down"
    return describe_start(states, state)


def _list_expected(stack: Stack, state: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the instances that started, and those that the declaration names while the stack starts."""
    if STARTER in state:
        return tuple(instance.name for instance in list_instances(stack.services))
    return () if stack.up else tuple(state["processes"])


def _list_ended(stack: Stack) -> list[str]:
    """Return the services of a stack whose processes ended; none if `up` starts them."""
    state = _read_state(_home(stack.name))
    if state is None or stack.up:
        return []
    return [name for name, noted in state["processes"].items() if not _is_running(noted)]


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
    """End a stack's processes, also those that a killed command left; remove its files.

    Returns:
        The number of services that ended.

    Raises:
        ConfigError: A placeholder of `down` has no value.
        TargetError: A command of `down` failed, or the kernel keeps a process.
    """
    home = _home(stack.name)
    state = _read_state(home)
    count = 0
    if state is not None and STARTER in state:
        count += _end_marked(stack)  # commands of `up` may still start something
    if state is not None and stack.down:
        _run_down(stack, home)
    count += _end_marked(stack) + end_left_behind(stack.name)
    shutil.rmtree(home, ignore_errors=True)
    _outliving[:] = [popen for popen in _outliving if popen.poll() is None]
    return len(state["urls"]) if state is not None and stack.up else count


def _end_marked(stack: Stack) -> int:
    project = persistent_project(stack.name)
    return end_processes(lambda marked: marked == project)


def _run_down(stack: Stack, home: Path) -> None:
    """Run the commands of `down`; if one fails, the stack's files stay for the next attempt."""
    options = StartOptions(logs=home / LOGS, project=persistent_project(stack.name))
    started = prepare(stack, None, home, options)
    code = run_down(started)
    if code:
        raise started.error(COMMANDS, f"`down` ended with code {code}")


def _home(name: str) -> Path:
    return (FOLDER / name).absolute()


def _describe(started: StackProcesses) -> dict[str, Any]:
    """Return the content of the state file."""
    processes = {name: str(Owner.of(pid) or "") for name, pid in started.pids.items()}
    return {"urls": started.urls, "processes": processes}


def _note_start(home: Path, started: StackProcesses, name: str) -> None:
    """Write the state while the services start. A service without a process is about to start."""
    state = _describe(started)
    state["processes"].setdefault(name, "")
    write_state(home / STATE_FILE, {**state, STARTER: str(Owner.current())})


def _note_change(home: Path, started: StackProcesses) -> None:
    """Write the state after an instance started, and before one ends."""
    write_state(home / STATE_FILE, _describe(started))
    _outliving[:] = [popen for popen in _outliving if popen.poll() is None]
    _outliving.extend(started.processes.values())


def _read_state(home: Path) -> dict[str, Any] | None:
    state = read_state(home / STATE_FILE)
    return state if {"urls", "processes"} <= state.keys() else None


def _is_running(noted: str) -> bool:
    """Return whether a process of the state file runs. A younger process with its id is another one."""
    owner = Owner.parse(noted)
    return owner is not None and not owner.is_dead
