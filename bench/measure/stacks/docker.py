"""Run the `docker` program: find containers by their compose project, read their logs, remove them."""

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bench.core.config.compose import Container, parse_containers
from bench.core.config.engine_errors import explain
from bench.core.config.inherited_variables import inherit_environment
from bench.errors import BenchError, TargetError

PROJECT_LABEL = "com.docker.compose.project"
_NETWORK_LABEL = "com.docker.compose.network"
_TIMEOUT_S = 60.0
_TERMINATE_TIMEOUT_S = 15.0
_MAX_REMOVE_ROUNDS = 10
_EMPTY_ROUNDS = 2
_MEANWHILE_INTERVAL_S = 1.0
_EMPTY_ROUND_PAUSE_S = 0.3
_KINDS = ("container", "network", "volume")
# Variables that lead to the engine, besides DOCKER_*.
_ENGINE_VARIABLES = ("XDG_RUNTIME_DIR", "SSH_AUTH_SOCK")


def docker_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables of the caller's environment that the `docker` program gets."""
    variables = inherit_environment(environ)
    for name, value in environ.items():
        if name in _ENGINE_VARIABLES or name.startswith("DOCKER_"):
            variables[name] = value
    return variables


def run(
    command: Sequence[str],
    action: str,
    *,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = _TIMEOUT_S,
    with_stderr: bool = False,
) -> str:
    """Run the program and return its output.

    Args:
        command: Program and arguments.
        action: The purpose, to follow `cannot` in a message.
        environment: Variables of the program; `None` for `docker_environment`.
        timeout_s: Maximum time.
        with_stderr: Append the output of stderr.

    Raises:
        ConfigError, TargetError: The program failed, does not exist, or took too long.
    """
    code, stdout, stderr = attempt(command, action, environment=environment, timeout_s=timeout_s)
    if code != 0:
        raise explain(action, stderr)
    return stdout + stderr if with_stderr else stdout


def attempt(  # noqa: PLR0913 - the last four have defaults
    command: Sequence[str],
    action: str,
    *,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = _TIMEOUT_S,
    folder: Path | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> tuple[int, str, str]:
    """Run the program and return its exit code, stdout and stderr.

    If an exception interrupts the wait, the program is terminated first, so that it sends no more requests.

    Args:
        command: Program and arguments.
        action: The purpose, to follow `cannot` in a message.
        environment: Variables of the program; `None` for `docker_environment`.
        timeout_s: Maximum time.
        folder: The folder in which it runs; `None` for the current one.
        meanwhile: Called again and again while the program runs. Its exception ends the wait.

    Raises:
        TargetError: The program does not exist or took too long.
    """
    try:
        process = subprocess.Popen(
            command,
            env=dict(environment) if environment is not None else docker_environment(),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches bench only, which then ends the program
        )
    except OSError as error:
        raise TargetError(
            f"cannot {action}: {command[0]}: {error.strerror}",
            "install Docker with its compose plugin, or measure without containers: --stack embedded",
        ) from error
    with process:
        try:
            stdout, stderr = _communicate(process, timeout_s, meanwhile)
        except BaseException as error:
            _terminate(process)
            if isinstance(error, subprocess.TimeoutExpired):
                message = f"cannot {action}: no answer within {timeout_s:g} s"
                raise TargetError(message, "check that docker info answers") from error
            raise
    return process.returncode, stdout, stderr


def _communicate(
    process: subprocess.Popen[str], timeout_s: float, meanwhile: Callable[[], None] | None
) -> tuple[str, str]:
    """Return stdout and stderr of a program at its end.

    Raises:
        subprocess.TimeoutExpired: It took too long.
    """
    if meanwhile is None:
        return process.communicate(timeout=timeout_s)
    end_s = time.monotonic() + timeout_s
    while True:
        try:
            return process.communicate(timeout=_MEANWHILE_INTERVAL_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() > end_s:
                raise
        meanwhile()


def _terminate(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_TERMINATE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def list_projects() -> set[str]:
    """Return the compose projects that have a container, a network or a volume.

    Raises:
        ConfigError, TargetError: The engine does not answer.
    """
    template = f'{{{{.Label "{PROJECT_LABEL}"}}}}'
    projects: set[str] = set()
    for command in (["ps", "--all"], ["network", "ls"], ["volume", "ls"]):
        projects.update(run(["docker", *command, "--format", template], "list containers").split())
    return projects


def list_containers(project: str) -> tuple[Container, ...]:
    """Return the containers of a compose project.

    Raises:
        ConfigError, TargetError: The engine does not answer.
    """
    return inspect(_list_ids("container", project))


def inspect(ids: Sequence[str]) -> tuple[Container, ...]:
    """Return containers by their ids, without those that do not exist.

    Raises:
        ConfigError, TargetError: The engine does not answer.
    """
    if not ids:
        return ()
    action = "inspect the containers"
    code, stdout, stderr = attempt(["docker", "container", "inspect", *ids], action)
    if code != 0 and "no such container" not in stderr.lower():
        raise explain(action, stderr)
    return parse_containers(stdout)


def read_log(container: str, lines: int) -> str:
    """Return the last lines of a container's log; empty if the engine cannot read it."""
    with suppress(BenchError):
        command = ["docker", "logs", "--tail", str(lines), container]
        return run(command, "read a log", with_stderr=True)
    return ""


def pin(ids: Sequence[str], cores: Sequence[int]) -> bool:
    """Restrict containers to some cores, also after a restart, and return whether the engine did so.

    A refusal is not an error: the run then continues without pinning.
    """
    if not ids or not cores:
        return False
    command = ["docker", "update", "--cpuset-cpus", ",".join(map(str, cores)), *ids]
    code, _, _ = attempt(command, "restrict containers to cores")
    return code == 0


def find_image_id(name: str) -> str | None:
    """Return the id of a local image; `None` if it does not exist.

    Raises:
        ConfigError, TargetError: The engine does not answer.
    """
    action = f"find the image {name}"
    code, stdout, stderr = attempt(["docker", "image", "inspect", "--format", "{{.Id}}", name], action)
    if code == 0:
        return stdout.strip()
    if "no such image" in stderr.lower():
        return None
    raise explain(action, stderr)


def remove_project(project: str) -> int:
    """Remove the containers, networks and volumes of a project, and return the number of containers.

    This uses the project's label. `docker compose down` needs the compose file and all of its variables.

    Raises:
        ConfigError, TargetError: The engine does not answer, or keeps an object.
    """
    count = 0
    empty_rounds = 0
    ids: dict[str, list[str]] = {}
    # Stop after two rounds without objects: after an interrupt, the engine may still create one.
    for _ in range(_MAX_REMOVE_ROUNDS):
        ids = {kind: _list_ids(kind, project) for kind in _KINDS}
        count += len(ids["container"])
        empty_rounds = 0 if any(ids.values()) else empty_rounds + 1
        if empty_rounds == _EMPTY_ROUNDS:
            return count
        _remove(["docker", "rm", "--force", "--volumes"], ids["container"])
        _disconnect_all(ids["network"])
        _remove(["docker", "network", "rm"], ids["network"])
        _remove(["docker", "volume", "rm", "--force"], ids["volume"])
        time.sleep(_EMPTY_ROUND_PAUSE_S if empty_rounds else 0.0)
    kept: list[str] = []
    for kind in _KINDS:
        kept += [object_id[:12] for object_id in ids[kind]]
    raise TargetError(
        f"the engine keeps {', '.join(kept)} of {project}",
        "remove them: docker rm --force, docker network rm, docker volume rm",
    )


def remove_images(repository: str) -> None:
    """Remove the images of a repository. An image that the engine keeps is no error."""
    with suppress(BenchError):
        names = ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", repository]
        _remove(["docker", "image", "rm"], run(names, "list the images").split())


def find_network(project: str, network: str) -> str | None:
    """Return the id of a network of a compose project by its name in the file; `None` without one.

    Raises:
        ConfigError, TargetError: The engine does not answer.
    """
    filters = [f"label={PROJECT_LABEL}={project}", f"label={_NETWORK_LABEL}={network}"]
    command = ["docker", "network", "ls", "--quiet", "--filter", filters[0], "--filter", filters[1]]
    return next(iter(run(command, f"find the network of {project}").split()), None)


def connect(network: str, container: str, aliases: Sequence[str]) -> None:
    """Add a container to a network, where the others find it by these names.

    Raises:
        ConfigError, TargetError: The engine refuses.
    """
    named: list[str] = []
    for alias in aliases:
        named += ["--alias", alias]
    run(["docker", "network", "connect", *named, network, container], "connect a shared service")


def _disconnect_all(networks: Sequence[str]) -> None:
    """Remove the remaining containers, which belong to other projects, from networks."""
    for network in networks:
        form = "{{range $id, $_ := .Containers}}{{$id}} {{end}}"
        _, listed, _ = attempt(["docker", "network", "inspect", "--format", form, network], "find containers")
        for container in listed.split():
            attempt(["docker", "network", "disconnect", "--force", network, container], "remove the stack")


def _remove(command: Iterable[str], ids: Sequence[str]) -> None:
    """Remove objects. A missing object is not an error; a kept one appears in the next round."""
    if ids:
        attempt([*command, *ids], "remove the stack")


def _list_ids(kind: str, project: str) -> list[str]:
    options = ["--all", "--no-trunc"] if kind == "container" else []
    command = ["docker", kind, "ls", *options, "--quiet", "--filter", f"label={PROJECT_LABEL}={project}"]
    return run(command, f"list the {kind}s of {project}").split()
