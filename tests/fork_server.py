"""Runs `bench` commands in processes of their own, without the time to start an interpreter and to import.

A server process imports the commands once. For each command it forks a process, which gets the arguments, the
folder, the variables and the standard files of the command, and then does the same as `python -m bench`.
"""

import atexit
import gc
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

import bench

ROOT = Path(__file__).parents[1]
_LENGTH = 4  # bytes of a request's length
# Variables of a test that a command gets too.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
# Modules that commands import late.
_LATE = (
    "jinja2",
    "jwt",
    "numpy",
    "pymongo",
    "rich.live",
    "scipy.special",
    "scipy.stats",
    "uvicorn",
    "uvloop",
)


class ForkServer:
    """The server process, as a test sees it."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        self._lock = threading.Lock()
        number = theirs.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(number)],
            cwd=ROOT,
            env=dict(env),
            pass_fds=[number],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        atexit.register(self.close)

    def close(self) -> None:
        """End the server; it then stores its coverage."""
        self._socket.close()
        self._process.wait()

    def run(
        self,
        arguments: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        files: Sequence[IO[str]],
        timeout_s: float,
    ) -> int:
        """Run `bench` with these arguments and these standard files, and return its exit code.

        Raises:
            TimeoutError: The command did not end in time. It is killed.
        """
        request = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}).encode()
        answer, theirs = socket.socketpair()
        with answer, theirs:
            numbers = [*(each.fileno() for each in files), theirs.fileno()]
            with self._lock:
                socket.send_fds(self._socket, [len(request).to_bytes(_LENGTH)], numbers)
                self._socket.sendall(request)
            theirs.close()
            answer.settimeout(timeout_s)
            with answer.makefile() as lines:
                pid = int(lines.readline())
                try:
                    return int(lines.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise


@cache
def fork_server() -> ForkServer:
    """Return the server of this process."""
    return ForkServer({key: os.environ[key] for key in INHERITED if key in os.environ})


def _serve(requests: socket.socket) -> None:
    """Fork a process for each request until the tests end."""
    _import_all()
    woken, wakes = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    selector = selectors.DefaultSelector()
    selector.register(requests, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    answers: dict[int, socket.socket] = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj == woken:
                os.read(woken, 4096)
                _answer(answers)
                continue
            received = _receive(requests)
            if received is None:
                return
            request, files, answer = received
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                selector.close()
                for number in (requests.detach(), answer.detach(), woken, wakes):
                    os.close(number)
                for other in answers.values():
                    other.close()
                _become_bench(request, files)
            for each in files:
                os.close(each)
            answer.sendall(b"%d\n" % pid)
            answers[pid] = answer


def _receive(requests: socket.socket) -> tuple[dict[str, Any], list[int], socket.socket] | None:
    """Return a request, its standard files and the socket of its answer; None after the last request."""
    head, numbers, _, _ = socket.recv_fds(requests, _LENGTH, 4)
    if not head:
        return None
    length = int.from_bytes(head)
    content = b""
    while len(content) < length:
        content += requests.recv(length - len(content))
    *files, answer = numbers
    return json.loads(content), files, socket.socket(fileno=answer)


def _answer(answers: dict[int, socket.socket]) -> None:
    """Send the exit code of each process that ended."""
    for pid in list(answers):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with answers.pop(pid) as answer, suppress(BrokenPipeError):
                answer.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _import_all() -> None:
    """Import every module of bench, and those that commands import late."""
    for module in pkgutil.walk_packages(bench.__path__, "bench."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in _LATE:
        import_module(name)
    gc.freeze()  # a collection in a forked process would copy the memory of all these modules


def _become_bench(request: dict[str, Any], files: Sequence[int]) -> NoReturn:
    """Do in this process the same as `python -m bench`."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]
    sys.argv[1:] = request["arguments"]
    try:
        runpy.run_module("bench", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        _end(end)
    _end(SystemExit(0))


def _end(result: SystemExit) -> NoReturn:
    """End as the interpreter does, but without freeing every object, which would take most of the time."""
    if not isinstance(result.code, int):
        raise result
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(result.code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
