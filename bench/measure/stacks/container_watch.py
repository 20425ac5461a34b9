"""Find containers that failed or ended, with the end of their logs."""

import time
from collections.abc import Mapping, Sequence

from bench.core.config.compose import Container, find_stopped
from bench.errors import ConfigError, TargetError
from bench.measure.stacks import docker

# Each look starts the `docker` program.
_LOOK_INTERVAL_S = 5.0
_LOG_TAIL_LINES = 5


def find_failure(containers: Sequence[Container], secrets: Mapping[str, str]) -> TargetError | None:
    """Return an error about the first container that cannot become healthy, with the end of its log."""
    for container in containers:
        if container.failed:
            image = container.image.removeprefix("sha256:")[:12]
            return TargetError(
                f"service '{container.service}' {container.description}{log_tail(container, secrets)}",
                f"run its image {image} manually to see more",
            )
    return None


def log_tail(container: Container, secrets: Mapping[str, str]) -> str:
    """Return the last lines of a container's log, to follow a sentence."""
    lines = hide_secrets(docker.read_log(container.id, _LOG_TAIL_LINES), secrets).splitlines()
    return ": " + " | ".join(lines) if lines else "; its log is empty"


def hide_secrets(text: str, secrets: Mapping[str, str]) -> str:
    """Return a text with the name of each secret in the place of its value."""
    for name, value in secrets.items():
        text = text.replace(value, f"${name}")
    return text


class ContainerWatch:
    """Find a container that ended permanently; one that its restart policy starts again counts as running.

    Args:
        running: The containers that run now.
        secrets: Secrets by name, which no message contains.
    """

    def __init__(self, running: Sequence[Container], secrets: Mapping[str, str]) -> None:
        self._running = {container.id: container for container in running}
        self._secrets = secrets
        self._next_look_s = time.monotonic() + _LOOK_INTERVAL_S
        self._suspect: str | None = None

    def find_dead_service(self) -> str | None:
        """Describe a service whose container ended; `None` while all run.

        A container counts as ended at the second look that finds it so. An engine that does not answer
        reports no end.
        """
        if time.monotonic() < self._next_look_s:
            return None
        self._next_look_s = time.monotonic() + _LOOK_INTERVAL_S
        try:
            current = docker.inspect(list(self._running))
        except (ConfigError, TargetError):
            return None
        ended = find_stopped(self._running, current)
        is_confirmed = ended is not None and ended == self._suspect
        self._suspect = ended
        if ended is None or not is_confirmed:
            return None
        service = self._running[ended].service
        for container in current:
            if container.id == ended:
                return f"service '{service}' {container.description}{log_tail(container, self._secrets)}"
        return f"service '{service}' was removed"
