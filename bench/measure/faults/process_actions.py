"""Faults of services that are processes of this machine."""

import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from bench.errors import TargetError
from bench.measure.stacks.processes import start_again
from bench.measure.stacks.stack_processes import StackProcesses

_END_TIMEOUT_S = 30.0
_POLL_S = 0.01


class ProcessActions:
    """Acts on the process trees of a stack. The supervisors stay as they are.

    Args:
        started: The stack.
    """

    def __init__(self, started: StackProcesses) -> None:
        self._started = started

    def kill(self, name: str) -> None:
        """End all processes of an instance with SIGKILL.

        Raises:
            TargetError: The kernel keeps a process.
        """
        self._started.absent.add(name)
        end_s = time.monotonic() + _END_TIMEOUT_S
        while running := self._list_running(name):
            for process in running:
                _attempt(process.kill)
            if time.monotonic() > end_s:
                raise TargetError(f"service '{name}' still runs {_END_TIMEOUT_S:g} s after SIGKILL")
            time.sleep(_POLL_S)
        self._finish(name)

    def stop(self, name: str) -> None:
        """Stop an instance in its own way."""
        self._started.absent.add(name)
        self._started.processes[name].terminate()
        self._finish(name)

    def start(self, name: str) -> None:
        """Start an instance that ended, at the same address, and wait until it is ready.

        Raises:
            TargetError: It did not start in time.
        """
        start_again(self._started, name)
        self._started.absent.discard(name)

    def pause(self, name: str) -> None:
        """Stop all processes of an instance with SIGSTOP, also those that start meanwhile."""
        end_s = time.monotonic() + _END_TIMEOUT_S
        while waiting := [process for process in self._list_running(name) if not _is_stopped(process)]:
            for process in waiting:
                _attempt(process.suspend)
            if time.monotonic() > end_s:
                raise TargetError(f"service '{name}' still runs {_END_TIMEOUT_S:g} s after SIGSTOP")
            time.sleep(_POLL_S)

    def resume(self, name: str) -> None:
        """Continue the processes of an instance with SIGCONT."""
        for process in self._list_running(name):
            _attempt(process.resume)

    def fill_disk(self, name: str) -> None:
        """Let every write of an instance to a file fail with EFBIG, by RLIMIT_FSIZE."""
        self._limit_files(name, 0)

    def free_disk(self, name: str) -> None:
        """Let writes of an instance succeed again."""
        self._limit_files(name, None)

    def _finish(self, name: str) -> None:
        """Wait until the supervisor of an instance has ended, too."""
        supervising = self._started.processes[name]
        supervising.wait(_END_TIMEOUT_S)
        if supervising.stdin is not None:
            with suppress(BrokenPipeError):
                supervising.stdin.close()

    def _limit_files(self, name: str, most_bytes: int | None) -> None:
        """Set the largest file of all processes of an instance; `None` for the largest possible one."""
        for process in self._list_running(name):
            with suppress(psutil.NoSuchProcess):
                _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
                process.rlimit(psutil.RLIMIT_FSIZE, (hard if most_bytes is None else most_bytes, hard))

    def _list_running(self, name: str) -> list[psutil.Process]:
        """Return the processes below the supervisor of an instance."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._started.pids[name]).children(recursive=True)
            return [process for process in children if not _has_ended(process)]
        return []


def _attempt(act: Callable[[], object]) -> None:
    """Act on a process, which may have ended."""
    with suppress(psutil.NoSuchProcess):
        act()


def _has_ended(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return True


def _is_stopped(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_STOPPED)
    return True
