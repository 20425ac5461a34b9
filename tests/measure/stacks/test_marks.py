import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psutil
import pytest

from bench.measure.stacks import marks
from bench.measure.stacks.marks import VARIABLE, end_processes, list_marked_projects, mark
from tests.eventually import eventually

Start = Callable[..., "subprocess.Popen[bytes]"]
SLEEP = "print('up', flush=True); import time; time.sleep(600)"


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a Python program with an environment, and wait until it runs; it ends with the test."""
    with ExitStack() as ending:

        def run(environment: dict[str, str], program: str = SLEEP) -> "subprocess.Popen[bytes]":
            process = subprocess.Popen(
                [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE
            )
            ending.enter_context(process)
            ending.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline()
            return process

        yield run


def test_processes_of_a_project_end_and_no_others(start: Start) -> None:
    """Another project, another process id namespace and an unmarked process are kept."""
    project = f"bench-trial-{secrets.token_hex(4)}"
    wanted = start(mark(os.environ, project))
    marked = mark(os.environ, project)[VARIABLE]
    others = [
        start(mark(os.environ, f"{project}-2")),
        start({**os.environ, VARIABLE: f"{project}@pid:[1]"}),
        start({**os.environ, f"{VARIABLE}_OF": marked}),
        start({**os.environ, VARIABLE: project}),
    ]
    assert {project, f"{project}-2"} <= list_marked_projects()
    assert end_processes(lambda name: name == project) == 1
    assert wanted.poll() is not None
    assert [other.poll() for other in others] == [None] * 4
    assert project not in list_marked_projects()


def test_a_process_that_a_marked_one_left_behind_ends(start: Start) -> None:
    """Also in a session of its own, when its parent has ended."""
    project = f"bench-trial-{secrets.token_hex(4)}"
    program = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
os._exit(0)
"""
    parent = start(mark(os.environ, project), program.replace("print(child.pid", "print('up', child.pid"))
    parent.wait()
    assert project in list_marked_projects()
    assert end_processes(lambda name: name == project) == 1
    assert project not in list_marked_projects()


def test_a_process_that_ignores_sigterm_is_killed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the processes that it started."""
    monkeypatch.setattr(marks, "_TIMEOUT_S", 0.2)
    project = f"bench-trial-{secrets.token_hex(4)}"
    program = f"""
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
signal.pause()
"""
    process = start(mark(os.environ, project), program)
    children = psutil.Process(process.pid).children()
    end_processes(lambda name: name == project)
    assert process.poll() is not None
    assert eventually(lambda: not any(child.is_running() for child in children))
