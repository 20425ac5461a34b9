"""Commands that start a stack are killed with SIGKILL at any moment; no process may remain."""

import multiprocessing
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from random import Random

import psutil
import pytest
from pydantic import SecretStr

from bench.core.config.stack import Stack
from bench.errors import ConfigError
from bench.measure.persistent import persistent
from bench.measure.persistent.stack_state import FOLDER
from bench.measure.stacks.ports import choose_ports
from bench.measure.stacks.processes import run_processes
from tests.eventually import eventually
from tests.measure.programs import PROGRAMS, make_stack

SECRET = SecretStr(secrets.token_hex(20))
TOKEN = "TEST_TOKEN"
"""Variable of all services of a test, by which the test finds their processes."""
KILLS = 3
# A shell with a child in a session of its own, and a server.
_TREE = 'setsid sleep 600 & exec "$0" -c "$1"'


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def token() -> str:
    """A value that no other process has in its environment."""
    return secrets.token_hex(16)


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    """A server that forks processes with all imports, so that a test can start and kill many of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.measure.persistent.persistent", "pytest"])
    return context


@pytest.fixture
def start(context: ForkServerContext) -> Iterator[Callable[..., ForkServerProcess]]:
    """Start a function in a process of its own, which is killed with the test."""
    started: list[ForkServerProcess] = []

    def run(function: Callable[..., object], *arguments: object) -> ForkServerProcess:
        process = context.Process(target=_run, args=(Path.cwd(), function, arguments))
        process.start()
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.join()


def _run(folder: Path, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    os.chdir(folder)
    function(*arguments)


def _make_stack(token: str, *programs: str, name: str = "trial") -> Stack:
    """Return a stack of services that are trees of processes, by the names of their programs."""
    services = {f"service-{number}": program for number, program in enumerate(programs)}
    stack = make_stack(services, timeout_s=600, environment={TOKEN: token})
    trees = {}
    for service, program in services.items():
        command = ("sh", "-c", _TREE, sys.executable, PROGRAMS[program])
        trees[service] = stack.services[service].model_copy(update={"command": command})
    return stack.model_copy(update={"name": name, "services": trees})


def _list_processes(token: str) -> list[psutil.Process]:
    """Return the processes of a test."""
    processes = []
    for process in psutil.process_iter(["environ"]):
        if (process.info["environ"] or {}).get(TOKEN) == token:
            processes.append(process)
    return processes


def _up(stack: Stack) -> None:
    persistent.up(stack, {}, print)


def _run_for_ever(stack: Stack) -> None:
    with run_processes(stack, SECRET):
        time.sleep(600)


def _kill_during(process: ForkServerProcess, delay_s: float) -> None:
    process.join(delay_s)
    process.kill()
    process.join()


def test_down_ends_what_a_killed_up_left_and_nothing_else(
    start: Callable[..., ForkServerProcess], token: str
) -> None:
    """At whatever moment the kill comes. Another stack in the same folder stays up."""
    other = make_stack({"other": "good"}).model_copy(update={"name": "other"})
    stack = _make_stack(token, "good", "good")
    try:
        _up(other)
        began_s = time.monotonic()
        start(_up, stack).join()
        duration_s = time.monotonic() - began_s
        assert persistent.is_up(stack)
        assert persistent.down(stack) == 2
        moments = Random(1)
        for _ in range(KILLS):
            _kill_during(start(_up, stack), moments.uniform(0, duration_s))
            persistent.down(stack)
            assert _list_processes(token) == []
            assert not (FOLDER / "trial").exists()
        assert persistent.is_up(other)
    finally:
        persistent.down(stack)
        persistent.down(other)


def test_a_killed_run_leaves_no_process_at_any_moment(
    start: Callable[..., ForkServerProcess], token: str
) -> None:
    """Its supervisors end the services, also during the start; no other command is needed."""
    stack = _make_stack(token, "good", "good")
    moments = Random(2)
    for _ in range(KILLS):
        process = start(_run_for_ever, stack)
        _kill_during(process, moments.uniform(0, 0.5))
        assert eventually(lambda: not _list_processes(token))


def test_down_ends_a_service_whose_supervisor_was_killed(
    start: Callable[..., ForkServerProcess], token: str
) -> None:
    """The supervisor's own children end with it, and `down` finds the others."""
    stack = _make_stack(token, "good")
    run = start(_run_for_ever, stack)
    processes = eventually(lambda: [*_list_processes(token)] if len(_list_processes(token)) > 2 else None)
    (supervisor,) = (process for process in processes if process.ppid() == run.pid)
    run.kill()
    supervisor.kill()
    run.join()
    assert eventually(lambda: len(_list_processes(token)) == 1)
    assert persistent.down(stack) == 1
    assert _list_processes(token) == []


def test_a_second_up_is_refused_while_the_first_starts(
    start: Callable[..., ForkServerProcess], token: str
) -> None:
    """The message names the process, the states of the services show the start, and `down` waits."""
    stack = _make_stack(token, "good", "silent")
    first = start(_up, stack)
    eventually(lambda: len(persistent.statuses(stack)) == 2 and len(_list_processes(token)) > 4)
    assert persistent.statuses(stack)["service-0"] == "starting"
    assert not persistent.is_up(stack)
    with pytest.raises(ConfigError, match=rf"process {first.pid} starts stack 'trial' now") as caught:
        _up(stack)
    assert "bench stack status --stack trial" in (caught.value.hint or "")
    notes: list[str] = []
    ending = threading.Thread(target=lambda: persistent.down(stack, notes.append))
    ending.start()
    assert eventually(lambda: notes) == [
        f"waiting for process {first.pid}, which starts or ends stack 'trial'"
    ]
    assert _list_processes(token)
    first.kill()
    ending.join()
    assert _list_processes(token) == []


def test_a_stack_whose_start_was_killed_is_not_up(
    start: Callable[..., ForkServerProcess], token: str
) -> None:
    """A run does not use it, `status` shows it, and the next `up` replaces it."""
    stack = _make_stack(token, "good", "silent")
    first = start(_up, stack)
    eventually(lambda: persistent.statuses(stack).get("service-0") == "starting")
    first.kill()
    first.join()
    assert persistent.statuses(stack)["service-0"] == "start interrupted"
    assert not persistent.is_up(stack)
    left = _list_processes(token)
    complete = _make_stack(token, "good", "good")
    try:
        _up(complete)
        assert persistent.is_up(complete)
        assert not set(left) & set(_list_processes(token))
    finally:
        persistent.down(complete)


def test_down_ends_the_commands_of_a_killed_up(start: Callable[..., ForkServerProcess], token: str) -> None:
    """Those of `up` end first, so that they start nothing after those of `down`."""
    port = choose_ports(make_stack({"one": "good"}, announces=False).services, {})["one"]
    waiting = f"echo up >> events; {TOKEN}={token} sleep 600; echo late >> events"
    content = {
        "name": "trial",
        "purpose": "A test.",
        "up": [["sh", "-c", waiting]],
        "down": [["sh", "-c", "echo down >> events"]],
        "urls": {"backend": f"http://127.0.0.1:{port}"},
        "start_timeout": "10m",
    }
    stack = Stack.model_validate(content)
    events = Path("events")
    first = start(_up, stack)
    eventually(lambda: _list_processes(token))
    first.kill()
    first.join()
    persistent.down(stack)
    assert events.read_text().split() == ["up", "down"]
    assert _list_processes(token) == []
