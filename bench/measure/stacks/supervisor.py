"""Supervise the commands of a service: run them, and end every process that they started.

`bench` starts this file as a program, with a plan in JSON as its only argument. It imports nothing of
`bench`, because a small process starts quickly. On Linux, the supervisor is a child subreaper: if a process
ends, its children become children of the supervisor. It therefore finds all processes of the service, also
those with a session of their own.

The supervisor stops the service on SIGTERM, on SIGINT, and, with `"watch": true`, when stdin closes: the
kernel closes it if `bench` is killed. The supervisor ends as the service does: with its exit code or by its
signal.

Formats: proc(5), prctl(2).
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_SET_CHILD_SUBREAPER = 36
_SET_PARENT_DEATH_SIGNAL = 1
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_CANNOT_RUN = 127
_KILL_INTERVAL_S = 0.05
_KILL_TIMEOUT_S = 5.0
_COMMAND_TIMEOUT_S = 120.0


class Supervisor:
    """The commands of a service, and all processes that they started.

    Args:
        plan: `commands` run one after the other, and the last one may keep running. On a stop,
            `stop_commands` run, or the last command gets `stop_signal`. Processes that remain after `grace_s`
            are killed. With `stays`, the supervisor waits for a stop even if all commands ended, and ends
            them before `stop_commands` run.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._library = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._stopping = False
        self._running: set[int] = set()
        self._ended: dict[int, int] = {}
        self._wakeup, writer = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        for number in _STOP_SIGNALS:
            signal.signal(number, self._request_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes `_wait`
        self._sources = [self._wakeup, *([0] if plan["watch"] else [])]

    def run(self) -> int:
        """Run the commands until they end or a stop is requested; return the wait status of the last one."""
        if self._library is not None:
            self._library.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if self._plan["cores"]:
            os.sched_setaffinity(0, self._plan["cores"])
        status = 0
        pid = 0
        for command in self._plan["commands"]:
            pid = self._start(command)
            while pid in self._running and not self._stopping:
                self._wait()
            status = self._ended.get(pid, 0)
            if status or self._stopping:
                break
        # A command that ended with 0 may have left a server in the background, which is then the service.
        while not status and not self._stopping and (self._plan["stays"] or self._list_processes()):
            self._wait()
        self._stop(pid)
        return self._ended.get(pid, status)

    def _stop(self, main: int) -> None:
        """Stop the service in its own way, then with SIGTERM, then with SIGKILL."""
        stop_commands = self._plan["stop_commands"]
        if not stop_commands or self._plan["stays"]:
            if main in self._running:
                self._send(main, getattr(signal, self._plan["stop_signal"]))
            self._await_end(main)
        for command in stop_commands:
            self._finish(self._start(command))
        if stop_commands:
            self._await_end(None)
        end_s = time.monotonic() + _KILL_TIMEOUT_S
        while (processes := self._list_processes()) and time.monotonic() < end_s:
            for pid in processes:
                self._send(pid, signal.SIGKILL)
            self._wait(_KILL_INTERVAL_S)

    def _await_end(self, main: int | None) -> None:
        """Wait until all processes ended, but not longer than the plan allows.

        When the main process ended, the processes that it left behind get SIGTERM.
        """
        end_s = time.monotonic() + self._plan["grace_s"]
        is_asked = False
        while (processes := self._list_processes()) and time.monotonic() < end_s:
            if not is_asked and main not in self._running:
                is_asked = True
                for pid in processes:
                    self._send(pid, signal.SIGTERM)
            self._wait(_KILL_INTERVAL_S)

    def _finish(self, pid: int) -> None:
        """Wait until a command of the stop ends, but not for ever."""
        end_s = time.monotonic() + _COMMAND_TIMEOUT_S
        while pid in self._running and time.monotonic() < end_s:
            self._wait(_KILL_INTERVAL_S)

    def _start(self, command: list[str]) -> int:
        """Start a command in a process group of its own, and return its process id.

        Signals wait while the new process has the handlers of the supervisor, so that it misses none.
        """
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        pid = os.fork()
        if pid:
            self._running.add(pid)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
            return pid
        try:
            for number in (*_STOP_SIGNALS, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
            os.setpgid(0, 0)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            if self._library is not None:
                self._library.prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
            if os.getppid() != parent:  # the supervisor was killed before it set this signal
                os._exit(_CANNOT_RUN)
            os.execvp(command[0], command)  # noqa: S606 - there is no shell
        except OSError as error:
            sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
            sys.stderr.flush()
        finally:
            os._exit(_CANNOT_RUN)

    def _request_stop(self, *_: object) -> None:
        self._stopping = True

    def _wait(self, timeout_s: float | None = None) -> None:
        """Wait for a signal, the end of stdin or the end of a process."""
        readable, _, _ = select.select(self._sources, [], [], timeout_s)
        if self._wakeup in readable:
            with suppress(BlockingIOError):
                os.read(self._wakeup, 4096)
        if 0 in readable and not os.read(0, 4096):
            self._sources.remove(0)
            self._stopping = True
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                self._ended[pid] = status
                self._running.discard(pid)

    def _list_processes(self) -> list[int]:
        """Return the processes of the service that still run."""
        children: dict[int, list[int]] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                # The name of the program, in parentheses, may contain blanks and parentheses.
                state, parent = path.read_bytes().rpartition(b")")[2].split()[:2]
                if state != b"Z":
                    children.setdefault(int(parent), []).append(int(path.parent.name))
        processes = list(self._running)
        waiting = children.get(os.getpid(), [])
        while waiting:
            pid = waiting.pop()
            processes.append(pid)
            waiting += children.get(pid, [])
        return processes

    def _send(self, pid: int, number: int) -> None:
        """Send a signal to a process; without a subreaper to the group of a command."""
        with suppress(ProcessLookupError, PermissionError):
            if self._library is None and pid in self._running:
                os.killpg(pid, number)
            else:
                os.kill(pid, number)


def main() -> None:
    """Supervise the service of the plan, and end as it does."""
    status = Supervisor(json.loads(sys.argv[1])).run()
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
