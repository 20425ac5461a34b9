"""Change the number of instances of a service that runs, and restart them one after the other."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.core.config.instances import name_replica, select_instances
from bench.core.values.nearest import suggest
from bench.errors import ConfigError
from bench.measure.stacks.ports import host_and_port
from bench.measure.stacks.processes import end_instance, is_running, start_instance
from bench.measure.stacks.rotation import put_in, require_rotation, take_out
from bench.measure.stacks.stack_processes import StackProcesses


def _ignore(_: str) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """The instances of the services of a stack of processes, which start and end while the stack runs."""

    started: StackProcesses
    on_note: Callable[[str], None] = _ignore
    """Receives a line about each instance that starts or ends."""

    def list_names(self, service: str) -> tuple[str, ...]:
        """Return the names of the instances of a service that run."""
        return select_instances(self.started.stack.services, service, self.started.instances)

    def scale(self, service: str, count: int) -> None:
        """Start or end instances of a service until it has a number of them.

        The instances with the highest numbers end, each after it has answered its requests.

        Raises:
            ConfigError: The service has no replicas, or its balancer cannot learn of other instances.
            TargetError: An instance did not start, or the balancer did not take over its configuration.
        """
        self.require(service)
        with self.started.changing:
            self._forget_dead(service)
            number = 0
            while len(self.list_names(service)) < count:
                number += 1
                name = name_replica(service, number)
                if name not in self.started.instances:
                    self.add(name)
            for name in reversed(self.list_names(service)[count:]):
                self.remove(name)

    def restart(self, service: str) -> None:
        """End all instances of a service and start them again, at their former ports.

        Raises:
            ConfigError: The stack has no such service.
            TargetError: An instance did not start.
        """
        services = self.started.stack.services
        if service not in services:
            raise ConfigError(
                f"stack '{self.started.stack.name}' has no service '{service}'", suggest(service, services)
            )
        with self.started.changing:
            ports: dict[str, int | None] = {}
            for name in self.list_names(service):
                url = self.started.urls.get(name)
                ports[name] = None if url is None else host_and_port(url)[1]
                end_instance(self.started, name)
                self.on_note(f"{name} ended")
            for name, port in ports.items():
                self.add(name, port)

    def restart_rolling(self, service: str) -> None:
        """Restart the instances of a service one after the other, without losing a request.

        A service with one instance gets a second one meanwhile.

        Raises:
            ConfigError, TargetError: As for `scale`.
        """
        self.require(service)
        with self.started.changing:
            names = self.list_names(service)
            if len(names) == 1:
                self.scale(service, 2)
            for name in names:
                self.remove(name)
                self.add(name)
            if len(names) == 1:
                self.scale(service, 1)

    def add(self, name: str, port: int | None = None) -> None:
        """Start an instance, also one that ended, and give it requests when it is ready.

        Args:
            name: Name of the instance.
            port: Its port; `None` for one of its declaration, or for a free one.

        Raises:
            ConfigError, TargetError: As for `scale`.
        """
        with self.started.changing:
            start_instance(self.started, name, port)
            put_in(self.started, name)
            self.started.on_change()
            self.on_note(f"{name} is up: {self.started.urls.get(name, 'it has no address')}")

    def remove(self, name: str) -> None:
        """Give no more requests to an instance, wait until it has answered the others, and end it.

        Raises:
            TargetError: The balancer did not take over its configuration.
        """
        with self.started.changing:
            take_out(self.started, name, self.on_note)
            end_instance(self.started, name)
            self.on_note(f"{name} ended")

    def _forget_dead(self, service: str) -> None:
        """Forget instances that have ended by themselves, so that others replace them."""
        for name in self.list_names(service):
            if not is_running(self.started.pids.get(name)):
                end_instance(self.started, name)

    def require(self, service: str) -> None:
        """Check that the number of instances of a service can change.

        Raises:
            ConfigError: It cannot.
        """
        services = self.started.stack.services
        replicated = [name for name, declared in services.items() if declared.replicas is not None]
        if service not in replicated:
            raise ConfigError(
                f"service '{service}' of stack '{self.started.stack.name}' has no replicas",
                f"services with replicas: {', '.join(replicated) or 'none'}",
            )
        require_rotation(self.started, service)
