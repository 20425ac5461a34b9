"""The `docker` program: containers by the label of their compose project, their logs, their end."""

import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from bench.core.config.compose import Container, parse_containers
from bench.core.config.engine_errors import explain
from bench.errors import BenchError, TargetError
from bench.measure.stacks.live import inherited

PROJECT = "com.docker.compose.project"
_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 15.0
_SETTLE_S = 0.3
# What says where the engine is, and lets it be reached.
_OF_THE_ENGINE = ("XDG_RUNTIME_DIR", "SSH_AUTH_SOCK")


def surroundings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What `docker` may know of the caller's environment."""
    return inherited(environ) | {
        key: value for key, value in environ.items() if key in _OF_THE_ENGINE or key.startswith("DOCKER_")
    }


def run(
    command: Sequence[str],
    doing: str,
    *,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = _TIMEOUT_S,
    merged: bool = False,
) -> str:
    """What the program printed.

    Args:
        command: Program and arguments.
        doing: What for, to follow `cannot`.
        environment: Of the program; what `docker` needs when there is none.
        timeout_s: How long it may take.
        merged: With what it wrote on stderr.

    Raises:
        ConfigError, TargetError: It failed, is not there, or took too long.
    """
    code, out, said = attempt(command, doing, environment=environment, timeout_s=timeout_s)
    if code != 0:
        raise explain(doing, said)
    return out + said if merged else out


def attempt(
    command: Sequence[str],
    doing: str,
    *,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> tuple[int, str, str]:
    """The exit code, and what the program wrote on stdout and stderr.

    When we are interrupted it is told to end, and waited for, so that it asks the engine for nothing more.

    Raises:
        TargetError: It is not there, or took too long.
    """
    try:
        process = subprocess.Popen(
            command,
            env=dict(environment) if environment is not None else surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for us; we end it in order
        )
    except OSError as error:
        raise TargetError(
            f"cannot {doing}: {command[0]}: {error.strerror}",
            "install Docker with its compose plugin, or measure without containers: --stack embedded",
        ) from error
    with process:
        try:
            out, said = process.communicate(timeout=timeout_s)
        except BaseException as error:
            _end(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise TargetError(
                    f"cannot {doing}: no answer within {timeout_s:g} s", "does docker info answer?"
                ) from error
            raise
    return process.returncode, out, said


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def projects() -> set[str]:
    """The names of all compose projects of which anything is there.

    Raises:
        ConfigError, TargetError: The engine cannot be asked.
    """
    form = f'{{{{.Label "{PROJECT}"}}}}'
    kinds = (["ps", "--all"], ["network", "ls"], ["volume", "ls"])
    found = (run(["docker", *kind, "--format", form], "list what runs") for kind in kinds)
    return {name for text in found for name in text.split()}


def containers(project: str) -> tuple[Container, ...]:
    """The containers of a compose project.

    Raises:
        ConfigError, TargetError: The engine cannot be asked.
    """
    return inspect(_ids("container", project))


def inspect(ids: Sequence[str]) -> tuple[Container, ...]:
    """Containers by their ids; one that was removed is left out.

    Raises:
        ConfigError, TargetError: The engine cannot be asked.
    """
    if not ids:
        return ()
    doing = "look at the containers"
    code, out, said = attempt(["docker", "container", "inspect", *ids], doing)
    if code != 0 and "no such container" not in said.lower():
        raise explain(doing, said)
    return parse_containers(out)


def log(container: str, lines: int) -> str:
    """The last lines that a container wrote; empty where the engine does not have them."""
    with suppress(BenchError):
        return run(["docker", "logs", "--tail", str(lines), container], "read a log", merged=True)
    return ""


def hold(ids: Sequence[str], cores: Sequence[int]) -> bool:
    """Hold containers to some cores, also after a restart, and say whether they are held.

    Where the engine refuses they stay as they are: it is better measured unpinned than not.
    """
    if not ids or not cores:
        return False
    command = ["docker", "update", "--cpuset-cpus", ",".join(map(str, cores)), *ids]
    return attempt(command, "hold containers to cores")[0] == 0


def image_id(name: str) -> str | None:
    """The id of an image on this machine; None when there is none of that name.

    Raises:
        ConfigError, TargetError: The engine cannot be asked.
    """
    doing = f"look for the image {name}"
    code, out, said = attempt(["docker", "image", "inspect", "--format", "{{.Id}}", name], doing)
    if code == 0:
        return out.strip()
    if "no such image" in said.lower():
        return None
    raise explain(doing, said)


def remove(project: str) -> int:
    """Remove a project's containers, networks and volumes, and say how many containers there were.

    By their label and not by `docker compose down`: that needs the compose file and all of its variables.

    Raises:
        ConfigError, TargetError: The engine cannot be asked, or keeps something.
    """
    count = empty = 0
    found: dict[str, list[str]] = {}
    # Until nothing is found twice: what was being made when we were interrupted may come late.
    for _ in range(10):
        found = {kind: _ids(kind, project) for kind in ("container", "network", "volume")}
        count += len(found["container"])
        empty = 0 if any(found.values()) else empty + 1
        if empty == 2:  # noqa: PLR2004 - twice, as said above
            return count
        _remove(["docker", "rm", "--force", "--volumes"], found["container"])
        _remove(["docker", "network", "rm"], found["network"])
        _remove(["docker", "volume", "rm", "--force"], found["volume"])
        time.sleep(_SETTLE_S if empty else 0.0)
    left = [each[:12] for ids in found.values() for each in ids]
    raise TargetError(
        f"the engine keeps {', '.join(left)} of {project}", "docker rm --force, network rm, volume rm"
    )


def _remove(command: Iterable[str], ids: Sequence[str]) -> None:
    """One that is gone meanwhile is no error; one that stays is found again."""
    if ids:
        attempt([*command, *ids], "remove the stack")


def _ids(kind: str, project: str) -> list[str]:
    every = ["--all", "--no-trunc"] if kind == "container" else []
    return run(
        ["docker", kind, "ls", *every, "--quiet", "--filter", f"label={PROJECT}={project}"],
        "list what runs",
    ).split()
