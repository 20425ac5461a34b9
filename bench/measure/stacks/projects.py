"""Names of compose projects. A name contains the stack, the folder, and the process that must remove it."""

import hashlib
import itertools
import os
import re
from pathlib import Path

import psutil

from bench.measure.stacks import docker

_numbers = itertools.count(1)


def persistent_project(stack: str) -> str:
    """Return the project of a persistent stack: one for each stack and folder."""
    folder = hashlib.sha256(os.fsencode(Path.cwd())).hexdigest()[:6]
    return f"bench-{stack}-{folder}"


def new_project(stack: str) -> str:
    """Return a new project that this process owns and must remove.

    The name contains the process id and the start time: the kernel reuses a process id, but not both.
    """
    started_s = int(psutil.Process().create_time())
    return f"{persistent_project(stack)}-{os.getpid()}-{started_s}-{next(_numbers)}"


def list_left_behind(stack: str) -> list[str]:
    """Return the projects of this folder whose owner was killed before it could remove them.

    Raises:
        ConfigError, TargetError: The engine does not answer.
    """
    pattern = re.compile(rf"{re.escape(persistent_project(stack))}-(\d+)-(\d+)-\d+")
    left_behind = []
    for project in sorted(docker.list_projects()):
        match = pattern.fullmatch(project)
        if match and not _owner_runs(pid=int(match[1]), started_s=int(match[2])):
            left_behind.append(project)
    return left_behind


def remove_left_behind(stack: str) -> int:
    """Remove the projects that killed runs left behind, and return the number of their containers.

    Raises:
        ConfigError, TargetError: The engine does not answer, or keeps a container.
    """
    return sum(docker.remove_project(project) for project in list_left_behind(stack))


def _owner_runs(pid: int, started_s: int) -> bool:
    """Return whether the process still runs. A younger process with the same id is not the owner."""
    try:
        return int(psutil.Process(pid).create_time()) == started_s
    except psutil.NoSuchProcess:
        return False
