"""Change the number of containers of a service that runs, and restart them one after the other."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from bench.core.config.compose import Container, ContainerState
from bench.core.config.instances import find_balancer, name_replica
from bench.core.config.stack import Stack
from bench.errors import ConfigError, TargetError
from bench.measure.stacks import docker
from bench.measure.stacks.compose_call import ComposeCall, make_call, require_compose
from bench.measure.stacks.marks import mark
from bench.measure.stacks.start_options import StartOptions

_POLL_S = 0.3
# An application has this time to answer the requests that it has; nginx waits for an answer as long.
_STOP_S = 180


@dataclass(frozen=True, slots=True)
class ContainerReplicas:
    """The containers of a stack that is up."""

    stack: Stack
    project: str
    """Compose project of the stack."""
    secret_values: Mapping[str, str]
    """The secrets by name."""
    on_note: Callable[[str], None]
    """Receives a line about each container that starts or ends."""

    def require(self, service: str) -> None:
        """Check that the number of containers of a service can change.

        Raises:
            ConfigError: It cannot.
        """
        declared = require_compose(self.stack).services
        replicated = [name for name, other in declared.items() if other.replicas is not None]
        if service not in replicated:
            raise ConfigError(
                f"service '{service}' of stack '{self.stack.name}' has no replicas",
                f"services with replicas: {', '.join(replicated) or 'none'}",
            )
        balancer = find_balancer(declared, service)
        if balancer is not None and not declared[balancer].reload:
            raise ConfigError(
                f"service '{balancer}' cannot learn of other containers of '{service}'",
                f"declare `reload` of '{balancer}' in stacks/{self.stack.name}.yaml",
            )

    def scale(self, service: str, count: int) -> None:
        """Start or end containers of a service until it has a number of them.

        Containers with the highest numbers end; each has three minutes to answer the requests that it has.

        Raises:
            ConfigError: The number of containers of the service cannot change.
            TargetError: A container did not become healthy, or the engine does not answer.
        """
        self.require(service)
        before = self._list(service)
        for container in before[count:]:
            self._stop(container)
        self._up(service, count)
        self._await_healthy(service, [container.id for container in self._list(service)])
        self._reload(service)
        for number in range(len(before) + 1, count + 1):
            self.on_note(f"{name_replica(service, number)} is up")

    def restart_rolling(self, service: str) -> None:
        """Restart the containers of a service one after the other.

        A service with one container gets a second one meanwhile.

        Raises:
            ConfigError, TargetError: As for `scale`.
        """
        self.require(service)
        containers = self._list(service)
        if len(containers) == 1:
            self.scale(service, 2)
        for container in containers:
            self._stop(container)
            self._start(service, container)
        if len(containers) == 1:
            self.scale(service, 1)

    def restart(self, service: str) -> None:
        """End all containers of a service and start them again.

        Raises:
            ConfigError: The stack has no such service.
            TargetError: A container did not become healthy, or the engine does not answer.
        """
        containers = self._list(service)
        if not containers:
            raise ConfigError(f"stack '{self.stack.name}' has no container of service '{service}'")
        for container in containers:
            self._stop(container)
        for container in containers:
            self._start(service, container)

    def _list(self, service: str) -> tuple[Container, ...]:
        name = require_compose(self.stack).compose_name(service)
        containers = docker.list_containers(self.project)
        return tuple(container for container in containers if container.service == name)

    def _stop(self, container: Container) -> None:
        action = f"stop service '{container.service}'"
        docker.run(["docker", "stop", "--time", str(_STOP_S), container.id], action, timeout_s=2 * _STOP_S)
        self.on_note(f"{self._name(container)} ended")

    def _start(self, service: str, container: Container) -> None:
        docker.run(["docker", "start", container.id], f"start service '{container.service}'")
        self._await_healthy(service, [container.id])
        self._reload(service)
        self.on_note(f"{self._name(container)} is up")

    def _name(self, container: Container) -> str:
        name = require_compose(self.stack).target_name(container.service)
        return name_replica(name, container.number)

    def _up(self, service: str, count: int) -> None:
        """Let Compose create or remove containers, which leaves the others as they are."""
        call = self._call()
        name = call.compose.compose_name(service)
        command = [*call.program, "--project-name", self.project, *call.options, "up", "--detach"]
        command += ["--no-build", "--no-recreate", "--no-deps", "--scale", f"{name}={count}", name]
        environment = mark(call.environment, self.project)
        timeout_s = call.compose.start_timeout_s
        docker.run(command, f"scale service '{service}'", environment=environment, timeout_s=timeout_s)

    def _call(self) -> ComposeCall:
        """Return how to call Compose, with the ports that the containers have."""
        call = make_call(self.stack, StartOptions(), self.secret_values)
        ports: dict[str, str] = {}
        for container in docker.list_containers(self.project):
            declared = call.compose.services.get(call.compose.target_name(container.service))
            if declared is None or declared.port is None or not declared.port_variable:
                continue
            if declared.port in container.ports:
                ports[declared.port_variable] = str(container.ports[declared.port])
        return replace(call, environment={**call.environment, **ports})

    def _await_healthy(self, service: str, ids: Collection[str]) -> None:
        """Wait until containers of a service are healthy.

        Raises:
            TargetError: One is not after `start_timeout`.
        """
        limit_s = require_compose(self.stack).start_timeout_s
        end_s = time.monotonic() + limit_s
        while True:
            states = {container.id: container.state for container in self._list(service)}
            if all(states.get(container_id) is ContainerState.UP for container_id in ids):
                return
            if time.monotonic() > end_s:
                raise TargetError(
                    f"a container of service '{service}' was not healthy after {limit_s:g} s",
                    f"bench stack logs --stack {self.stack.name}",
                )
            time.sleep(_POLL_S)

    def _reload(self, service: str) -> None:
        """Let the balancer of a service find its containers again."""
        compose = require_compose(self.stack)
        balancer = find_balancer(compose.services, service)
        if balancer is None:
            return
        for container in self._list(balancer):
            command = ["docker", "exec", container.id, *compose.services[balancer].reload]
            docker.run(command, f"reload service '{balancer}'")
