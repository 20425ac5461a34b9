"""Real processes that are killed, restarted, paused and kept from writing."""

import contextlib
import errno
import os
import secrets
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from bench.core.config.stack import Stack
from bench.measure.faults.process_actions import ProcessActions
from bench.measure.stacks.processes import run_processes
from bench.measure.stacks.running_stack import RunningStack
from tests.eventually import eventually

# It has a child as worker, writes each request into a file, and answers with the error of the system, or 0.
PROGRAM = """
import http.server, os, subprocess, sys
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        number = 0
        try:
            with open(sys.argv[1], 'a') as file:
                file.write('request\\n')
        except OSError as error:
            number = error.errno
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(number).encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
"""


@contextmanager
def running_pair(folder: Path) -> Iterator[tuple[RunningStack, ProcessActions]]:
    """Two services, and what acts on them."""
    command = [sys.executable, "-c", PROGRAM, str(folder / "requests")]
    declared = {"command": command, "ready": "/"}
    stack = Stack.model_validate(
        {"name": "trial", "purpose": "A test.", "services": {"one": declared, "two": declared}}
    )
    with run_processes(stack, SecretStr(secrets.token_hex(20))) as running:
        assert running.processes is not None
        yield running, ProcessActions(running.processes)


def tree(running: RunningStack, name: str) -> list[psutil.Process]:
    """The processes of a service, without its supervisor."""
    return eventually(
        lambda: (
            [*psutil.Process(running.pids[name]).children(recursive=True)][:2]
            if len(psutil.Process(running.pids[name]).children(recursive=True)) == 2
            else None
        )
    )


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended, also if its parent has not noted it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def ask(running: RunningStack, name: str) -> int:
    """The error number with which a service answers."""
    with urllib.request.urlopen(running.url(name), timeout=60) as reply:  # noqa: S310 - on loopback
        return int(reply.read())


def test_a_killed_service_starts_again_at_its_address(tmp_path: Path) -> None:
    """All its processes end, the others stay, its end is no failure, and clients find it where it was."""
    with running_pair(tmp_path) as (running, actions):
        before = tree(running, "one")
        url = running.url("one")
        actions.kill("one")
        assert all(is_gone(process) for process in before)
        assert running.find_dead_service() is None
        with pytest.raises(OSError, match="refused"):
            ask(running, "one")
        assert ask(running, "two") == 0
        actions.start("one")
        assert running.url("one") == url
        assert ask(running, "one") == 0
        assert running.find_dead_service() is None


def test_an_end_that_no_fault_caused_is_still_a_failure(tmp_path: Path) -> None:
    """After a declared death and a restart, the next death of the same service is reported."""
    with running_pair(tmp_path) as (running, actions):
        actions.kill("one")
        psutil.Process(running.pids["two"]).children()[0].kill()
        assert "service 'two' ended" in eventually(running.find_dead_service)
        actions.start("one")
    with running_pair(tmp_path) as (running, actions):
        actions.stop("one")
        actions.start("one")
        psutil.Process(running.pids["one"]).children()[0].kill()
        assert "service 'one' ended" in eventually(running.find_dead_service)


def test_a_paused_service_hangs_and_continues(tmp_path: Path) -> None:
    """All its processes are stopped and nothing is lost: the same processes answer afterwards."""
    with running_pair(tmp_path) as (running, actions):
        processes = tree(running, "one")
        actions.pause("one")
        assert {process.status() for process in processes} == {psutil.STATUS_STOPPED}
        assert ask(running, "two") == 0
        actions.resume("one")
        assert ask(running, "one") == 0
        assert all(process.is_running() for process in processes)


@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_FSIZE"), reason="no limits of other processes here")
@pytest.mark.skipif(os.name != "posix", reason="no signals here")
def test_a_full_disk_fails_each_write_until_it_is_free_again(tmp_path: Path) -> None:
    """The service lives on and sees an error of the system; another service on the disk writes."""
    with running_pair(tmp_path) as (running, actions):
        assert ask(running, "one") == 0
        actions.fill_disk("one")
        assert ask(running, "one") == errno.EFBIG
        assert ask(running, "two") == 0
        actions.free_disk("one")
        assert ask(running, "one") == 0
        assert running.find_dead_service() is None
