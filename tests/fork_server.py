"""Runs `python -m bench` and `python -m chatstack` without the time to start an interpreter and to import.

A server process of a package imports its modules once. For each command it forks a process, which gets the
arguments, the folder, the variables and the standard files of the command, and then does the same as
`python -m PACKAGE`.
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

ROOT = Path(__file__).parents[1]
_LENGTH = 4  # bytes of a request's length
# Variables of a test that a command gets too.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
# Modules that commands import late, by package.
_LATE: Mapping[str, Sequence[str]] = {
    "bench": (
        "jinja2",
        "jwt",
        "numpy",
        "pymongo",
        "rich.live",
        "scipy.special",
        "scipy.stats",
        "uvicorn",
        "uvloop",
    ),
    "chatstack": ("uvicorn.protocols.http.httptools_impl", "uvicorn.protocols.websockets.wsproto_impl"),
}


class ForkedProcess:
    """A process that a server forked, with those methods of `subprocess.Popen` that tests need."""

    def __init__(self, pid: int, answer: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._answer = answer

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code of the process when it ended.

        Raises:
            TimeoutError: The process did not end in time. It still runs.
        """
        if self.returncode is None:
            self._answer.settimeout(timeout)
            self.returncode = int(_read_line(self._answer))
            self._answer.close()
        return self.returncode

    def poll(self) -> int | None:
        """Return the exit code of the process, or None while it runs."""
        with suppress(BlockingIOError):
            self.wait(0.0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process if it still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it ended just now
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process if it still runs."""
        self.send_signal(signal.SIGKILL)


class PipedProcess(ForkedProcess):
    """A forked process with pipes for its standard files."""

    def __init__(self, pid: int, answer: socket.socket, pipes: Sequence[int]) -> None:
        super().__init__(pid, answer)
        stdin, stdout, stderr = pipes
        self.stdin = os.fdopen(stdin, "w", encoding="utf-8")
        self.stdout = os.fdopen(stdout, encoding="utf-8")
        self.stderr = os.fdopen(stderr, encoding="utf-8")

    def stop(self) -> tuple[int, str]:
        """Stop the process if it still runs, and return its exit code and the rest of its stderr."""
        self.send_signal(signal.SIGTERM)
        err = "" if self.stderr.closed else self.stderr.read()
        for pipe in (self.stdin, self.stdout, self.stderr):
            with suppress(BrokenPipeError):  # text that the process did not read
                pipe.close()
        return self.wait(), err


class ForkServer:
    """The server process of a package, as a test sees it."""

    def __init__(self, package: str, env: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        self._lock = threading.Lock()
        number = theirs.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, package, str(number)],
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

    def start(self, arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> PipedProcess:
        """Start the package with these arguments and with pipes."""
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        ours_err, theirs_err = os.pipe()
        theirs = [theirs_in, theirs_out, theirs_err]
        try:
            pid, answer = self._fork(arguments, cwd, env, theirs)
        finally:
            for number in theirs:
                os.close(number)
        return PipedProcess(pid, answer, [ours_in, ours_out, ours_err])

    def run(
        self,
        arguments: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        files: Sequence[IO[str]],
        timeout_s: float,
    ) -> int:
        """Run the package with these arguments and these standard files, and return its exit code.

        Raises:
            TimeoutError: The command did not end in time. It is killed.
        """
        process = ForkedProcess(*self._fork(arguments, cwd, env, [file.fileno() for file in files]))
        try:
            return process.wait(timeout_s)
        except TimeoutError:
            process.kill()
            process.wait()
            raise

    def _fork(
        self, arguments: Sequence[str], cwd: Path, env: Mapping[str, str], files: Sequence[int]
    ) -> tuple[int, socket.socket]:
        """Fork a process with these standard files. Return its id, and a socket that gets its exit code."""
        request = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}).encode()
        answer, theirs = socket.socketpair()
        with theirs, self._lock:
            socket.send_fds(self._socket, [len(request).to_bytes(_LENGTH)], [*files, theirs.fileno()])
            self._socket.sendall(request)
        return int(_read_line(answer)), answer


def _read_line(answer: socket.socket) -> bytes:
    """Return the next line of the server."""
    line = b""
    while not line.endswith(b"\n"):
        part = answer.recv(1)
        if not part:
            raise ConnectionError("the server of forked processes ended")
        line += part
    return line


@cache
def fork_server(package: str) -> ForkServer:
    """Return the server of this package for the tests of this process."""
    return ForkServer(package, {key: os.environ[key] for key in INHERITED if key in os.environ})


def _serve(package: str, requests: socket.socket) -> None:
    """Fork a process for each request until the tests end."""
    _import_all(package)
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
                _become(package, request, files)
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


def _import_all(package: str) -> None:
    """Import every module of the package, and those that its commands import late."""
    for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in _LATE[package]:
        import_module(name)
    gc.freeze()  # a collection in a forked process would copy the memory of all these modules


def _become(package: str, request: dict[str, Any], files: Sequence[int]) -> NoReturn:
    """Do in this process the same as `python -m PACKAGE`."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]
    sys.argv[1:] = request["arguments"]
    try:
        runpy.run_module(package, run_name="__main__", alter_sys=True)
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
    _serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
