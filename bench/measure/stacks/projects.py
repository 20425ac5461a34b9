"""Names of compose projects: whose stack, of which folder, and the process that must remove it."""

import hashlib
import itertools
import os
import re
from pathlib import Path

import psutil

from bench.measure.stacks import docker

_number = itertools.count(1)


def persistent_project(stack: str) -> str:
    """The project of a stack that stays up: one for each stack and folder."""
    folder = hashlib.sha256(os.fsencode(Path.cwd())).hexdigest()[:6]
    return f"bench-{stack}-{folder}"


def own_project(stack: str) -> str:
    """A project that this process removes; its name says which, so that a killed one's are known."""
    started = int(psutil.Process().create_time())
    return f"{persistent_project(stack)}-{os.getpid()}-{started}-{next(_number)}"


def left_behind(stack: str) -> list[str]:
    """The projects of this folder's runs that were killed before they could remove them.

    Raises:
        ConfigError, TargetError: The engine cannot be asked.
    """
    ours = re.compile(rf"{re.escape(persistent_project(stack))}-(\d+)-(\d+)-\d+")
    found = ((name, ours.fullmatch(name)) for name in sorted(docker.projects()))
    return [name for name, match in found if match and not _runs(int(match[1]), int(match[2]))]


def remove_left_behind(stack: str) -> int:
    """Remove what killed runs left behind, and say how many containers that were.

    Raises:
        ConfigError, TargetError: The engine cannot be asked, or keeps something.
    """
    return sum(docker.remove(name) for name in left_behind(stack))


def _runs(pid: int, started: int) -> bool:
    try:
        return int(psutil.Process(pid).create_time()) == started
    except psutil.NoSuchProcess:
        return False
