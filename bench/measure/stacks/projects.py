"""Projects: names for the containers and processes of a start. They contain stack, folder and owner."""

import hashlib
import itertools
import os
import re
from pathlib import Path

from bench.measure.stacks import docker
from bench.measure.stacks.marks import end_processes
from bench.owners.process import PATTERN, Owner

_numbers = itertools.count(1)


def persistent_project(stack: str) -> str:
    """Return the project of a persistent stack: one for each stack and folder."""
    folder = hashlib.sha256(os.fsencode(Path.cwd())).hexdigest()[:6]
    return f"bench-{stack}-{folder}"


def new_project(stack: str) -> str:
    """Return a new project that this process owns and must remove."""
    return f"{persistent_project(stack)}-{Owner.current()}-{next(_numbers)}"


def find_owner(project: str) -> Owner | None:
    """Return the process that owns a project; `None` for that of a persistent stack."""
    match = re.fullmatch(rf"bench-.+-({PATTERN})-\d+", project)
    return None if match is None else Owner.parse(match[1])


def is_left_behind(project: str, stack: str) -> bool:
    """Return whether a project is one of this stack and folder whose owner was killed."""
    owner = find_owner(project)
    is_ours = project.startswith(f"{persistent_project(stack)}-{owner}-")
    return is_ours and owner is not None and owner.is_dead


def list_left_behind(stack: str) -> list[str]:
    """Return the projects of this folder whose owner was killed before it could remove their containers.

    Raises:
        ConfigError, TargetError: The engine does not answer.
    """
    return sorted(project for project in docker.list_projects() if is_left_behind(project, stack))


def end_left_behind(stack: str) -> int:
    """End the processes that killed runs left behind, and return the number of services.

    Most runs leave none, because a supervisor outlives its run. It may be killed, too.
    """
    return end_processes(lambda project: is_left_behind(project, stack))


def remove_left_behind(stack: str) -> int:
    """Remove the projects that killed runs left behind, and return the number of their containers.

    A killed run may leave a `docker` program that still creates containers, so it ends first.

    Raises:
        ConfigError, TargetError: The engine does not answer, or keeps a container.
    """
    end_left_behind(stack)
    return sum(docker.remove_project(project) for project in list_left_behind(stack))
