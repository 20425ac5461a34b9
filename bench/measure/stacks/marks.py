"""Marks of processes: each process that `bench` starts has the name of its project in its environment.

The processes that it starts inherit the mark, so those of a killed `bench` are found without a list of them.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import psutil

from bench.errors import TargetError
from bench.measure.stacks import supervisor
from bench.owners.process import read_namespace

VARIABLE = "BENCH_PROJECT"
_SEPARATOR = "@"
# A supervisor waits for each command that stops its service.
_SUPERVISOR_TIMEOUT_S = 300.0
_TIMEOUT_S = 15.0
_KILL_TIMEOUT_S = 10.0
_LOOK_INTERVAL_S = 0.5


def mark(environment: Mapping[str, str], project: str) -> dict[str, str]:
    """Return the variables of a process that belongs to a project.

    The mark contains the process id namespace: a container may have the same folder, thus the same project.
    """
    return {**environment, VARIABLE: f"{project}{_SEPARATOR}{read_namespace()}"}


def list_marked_projects() -> set[str]:
    """Return the projects of the marked processes."""
    return set(_list_marked().values())


def end_processes(is_wanted: Callable[[str], bool]) -> int:
    """End the processes of some projects, and return the number of services that they were.

    A supervisor ends its service in the service's own way. A process whose supervisor was killed gets
    SIGTERM, and later SIGKILL.

    Args:
        is_wanted: Returns whether the processes of a project are to end.

    Raises:
        TargetError: The kernel keeps a process.
    """
    ended: set[psutil.Process] = set()
    began_s = time.monotonic()
    while processes := {process for process, project in _list_marked().items() if is_wanted(project)}:
        tops = _find_tops(processes)
        waited_s = time.monotonic() - began_s
        for process in tops:
            late_s = waited_s - _patience_s(process)
            if late_s > _KILL_TIMEOUT_S:
                raise TargetError(f"process {process.pid} does not end", f"kill -KILL {process.pid}")
            if late_s > 0:
                _kill_tree(process)
            elif process not in ended:
                ended.add(process)
                with suppress(psutil.Error):
                    process.terminate()
        psutil.wait_procs(tops, timeout=_LOOK_INTERVAL_S)
    return len(ended)


def _list_marked() -> dict[psutil.Process, str]:
    """Return the marked processes of this process id namespace, and their projects."""
    ending = f"{_SEPARATOR}{read_namespace()}"
    marked = {}
    for process in psutil.process_iter(["environ"]):
        value = (process.info["environ"] or {}).get(VARIABLE, "")
        if value.endswith(ending) and process.pid != os.getpid():
            marked[process] = value.removesuffix(ending)
    return marked


def _find_tops(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    """Return the processes that none of the others started."""
    parents: dict[psutil.Process, int] = {}
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            parents[process] = process.ppid()
    pids = {process.pid for process in parents}
    return {process for process, parent in parents.items() if parent not in pids}


def _patience_s(process: psutil.Process) -> float:
    """Return how long a process may take to end."""
    with suppress(psutil.Error):
        if supervisor.__file__ in process.cmdline():
            return _SUPERVISOR_TIMEOUT_S
    return _TIMEOUT_S


def _kill_tree(process: psutil.Process) -> None:
    with suppress(psutil.Error):
        for descendant in [*process.children(recursive=True), process]:
            descendant.kill()
