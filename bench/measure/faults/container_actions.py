"""Faults of services that are containers of this machine.

`docker kill` also switches off the container's restart policy until the container starts again, so a killed
service stays away until the fault ends.
"""

import time
from collections.abc import Mapping

from bench.errors import MeasurementError, TargetError
from bench.measure.stacks import docker

_POLL_S = 0.2


class ContainerActions:
    """Acts on the containers of a stack.

    Args:
        containers: Container ids by instance.
        absent: Gets the ids of the containers that a fault ended.
        start_timeout_s: Longest time until a container is ready again.
    """

    def __init__(self, containers: Mapping[str, str], absent: set[str], start_timeout_s: float) -> None:
        self._containers = containers
        self._absent = absent
        self._start_timeout_s = start_timeout_s

    def kill(self, name: str) -> None:
        """End a container with SIGKILL."""
        self._absent.add(self._containers[name])
        self._run("kill", name)

    def stop(self, name: str) -> None:
        """Stop a container by its stop signal."""
        self._absent.add(self._containers[name])
        self._run("stop", name)

    def start(self, name: str) -> None:
        """Start a container that ended, and wait until it is healthy.

        Raises:
            TargetError: It is not healthy in time.
        """
        self._run("start", name)
        end_s = time.monotonic() + self._start_timeout_s
        while not all(container.ready for container in docker.inspect([self._containers[name]])):
            if time.monotonic() > end_s:
                limit = f"{self._start_timeout_s:g} s"
                raise TargetError(f"the container of service '{name}' was not healthy within {limit}")
            time.sleep(_POLL_S)
        self._absent.discard(self._containers[name])

    def pause(self, name: str) -> None:
        """Freeze the processes of a container."""
        self._run("pause", name)

    def resume(self, name: str) -> None:
        """Continue the processes of a container."""
        self._run("unpause", name)

    def fill_disk(self, name: str) -> None:
        """Refuse: the limit of a running container cannot be changed."""
        raise MeasurementError(f"the disk of container '{name}' cannot be filled")

    def free_disk(self, name: str) -> None:
        """Do nothing, because no disk was filled."""

    def _run(self, command: str, name: str) -> None:
        docker.run(["docker", "container", command, self._containers[name]], f"{command} service '{name}'")
