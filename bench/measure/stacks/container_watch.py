"""Find containers that failed or ended, with the end of their logs."""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bench.core.config.compose import Container, find_stopped
from bench.errors import ConfigError, TargetError
from bench.measure.stacks import docker
from bench.measure.stacks.log_tail import (
    SHORT_TAIL_LINES,
    TAIL_LINES,
    end_of_log,
    last_lines,
    short_end_of_log,
)

# Each look starts the `docker` program.
_LOOK_INTERVAL_S = 5.0
_SUSPECT_TIMEOUT_S = 40.0  # a busy machine needs half a minute to start a container that fails
_SUSPECT_INTERVAL_S = 0.1
# Lines of a log that are kept next to the results of a run.
_KEPT_LINES = 10_000


def find_failure(containers: Sequence[Container], secrets: Mapping[str, str]) -> TargetError | None:
    """Return an error about the first container that cannot become healthy, with the end of its log.

    A container that ended comes first, because it is the reason why others are unhealthy.
    """
    failed = [container for container in containers if container.failed]
    failed.sort(key=lambda container: container.ended_with is None)
    return _describe_failure(failed[0], secrets) if failed else None


def find_suspect(project: str, secrets: Mapping[str, str]) -> TargetError | None:
    """Return an error about the container because of which Compose gave up; `None` if none has a problem.

    If a container ends again and again, this waits for its next end, which has an exit code.
    """
    end_s = time.monotonic() + _SUSPECT_TIMEOUT_S
    while True:
        containers = docker.list_containers(project)
        ended = [container for container in containers if container.ended_with]
        restarted = [container for container in containers if container.restarts]
        if ended:
            return _describe_failure(ended[0], secrets)
        if restarted and time.monotonic() > end_s:
            return _describe_failure(restarted[0], secrets)
        if not restarted:
            return find_failure(containers, secrets)
        time.sleep(_SUSPECT_INTERVAL_S)


def _describe_failure(container: Container, secrets: Mapping[str, str]) -> TargetError:
    image = container.image.removeprefix("sha256:")[:12]
    return TargetError(
        describe_container(container, secrets),
        f"run its image {image} manually to see more",
        service=container.service,
        service_exit_code=container.ended_with,
    )


def describe_container(container: Container, secrets: Mapping[str, str]) -> str:
    """Return a sentence about the state of a container, and the last lines of its log."""
    lines = _read_lines(container.id, secrets, TAIL_LINES)
    end = end_of_log(lines) or "; its log is empty"
    return f"service '{container.service}' {container.description}{end}"


def hide_secrets(text: str, secrets: Mapping[str, str]) -> str:
    """Return a text with the name of each secret in the place of its value."""
    for name, value in secrets.items():
        text = text.replace(value, f"${name}")
    return text


def _read_lines(container: str, secrets: Mapping[str, str], count: int) -> list[str]:
    return last_lines(hide_secrets(docker.read_log(container, count), secrets), count)


class ContainerWatch:
    """Find a container that ended permanently; one that its restart policy starts again counts as running.

    Args:
        running: The containers that run now.
        secrets: Secrets by name, which no message contains.
        logs: Folder that gets the log of a container that ended; `None` to keep no log.
        absent: Ids of containers that may have ended, as they are at each look.
    """

    def __init__(
        self,
        running: Sequence[Container],
        secrets: Mapping[str, str],
        logs: Path | None = None,
        absent: Collection[str] = (),
    ) -> None:
        self._running = {container.id: container for container in running}
        self._secrets = secrets
        self._logs = logs
        self._absent = absent
        self._next_look_s = time.monotonic() + _LOOK_INTERVAL_S
        self._suspect: str | None = None

    def find_dead_service(self) -> str | None:
        """Describe a service whose container ended, with the end of its log; `None` while all run.

        A container counts as ended at the second look that finds it so. An engine that does not answer
        reports no end. The first line is a sentence, and the last lines of the log follow it.
        """
        if time.monotonic() < self._next_look_s:
            return None
        self._next_look_s = time.monotonic() + _LOOK_INTERVAL_S
        try:
            watched = {
                name: container for name, container in self._running.items() if name not in self._absent
            }
            current = docker.inspect(list(watched))
        except (ConfigError, TargetError):
            return None
        ended = find_stopped(watched, current)
        is_confirmed = ended is not None and ended == self._suspect
        self._suspect = ended
        if ended is None or not is_confirmed:
            return None
        for container in current:
            if container.id == ended:
                return self._describe_end(container)
        return f"service '{self._running[ended].service}' was removed"

    def _describe_end(self, container: Container) -> str:
        lines = _read_lines(container.id, self._secrets, TAIL_LINES)
        place = self._keep_log(container)
        sentence = f"service '{container.service}' {container.description}"
        sentence += short_end_of_log(lines[-SHORT_TAIL_LINES:]) + (
            "" if place is None else f"; its log is {place}"
        )
        return "\n".join([sentence, *lines])

    def _keep_log(self, container: Container) -> Path | None:
        """Write the log of a container next to the results, and return its place."""
        if self._logs is None:
            return None
        path = self._logs / f"{container.service}.log"
        with suppress(OSError):
            self._logs.mkdir(parents=True, exist_ok=True)
            text = hide_secrets(docker.read_log(container.id, _KEPT_LINES), self._secrets)
            path.write_text(text, encoding="utf-8", errors="replace")
            return path
        return None
