"""A stack that is up: its addresses, processes and containers."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from bench.core.config.instances import select_instances
from bench.core.config.placeholders import expand
from bench.core.config.stack import Stack
from bench.errors import ConfigError
from bench.measure.http.route import DIRECT, Route
from bench.measure.stacks.stack_processes import StackProcesses


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack that is up, on this machine or elsewhere."""

    stack: Stack
    """Its declaration."""
    values: Mapping[str, str] = field(repr=False)
    """Values of the declaration's placeholders. They contain secrets, so `repr` omits them."""
    urls: Mapping[str, str]
    """Addresses by service, and by instance of replicated ones. It follows instances that start and end."""
    pids: Mapping[str, int] = field(default_factory=dict)
    """Process ids by instance; empty if this machine does not run the processes. It follows them, too."""
    find_dead_service: Callable[[], str | None] = lambda: None
    """Describes a service that ended; returns `None` while all run. The first line is a sentence, and the
    last lines of the log of the service follow it."""
    cores: tuple[int, ...] = ()
    """The cores that its processes may use; empty for all."""
    containers: Mapping[str, str] = field(default_factory=dict)
    """Container ids by service; empty without containers on this machine."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Images and settings that must be equal for two runs to be comparable."""
    route: Route = DIRECT
    """The way to its services."""
    processes: StackProcesses | None = None
    """Its processes, which can start and end while it runs; `None` if this machine does not run them."""
    absent: set[str] = field(default_factory=set)
    """Ids of containers that a fault of the scenario ended. Their end is no failure of the stack."""
    is_own: bool = False
    """Whether the run started it, and stops it at its end."""

    def url(self, service: str) -> str:
        """Return the address of a service.

        Raises:
            ConfigError: The stack has no such service.
        """
        if service not in self.urls and self.is_replicated(service):
            raise ConfigError(
                f"service '{service}' of stack '{self.stack.name}' has several instances and no balancer",
                f"declare a service with `balances: {service}`, or `replicas: 1`",
            )
        if service not in self.urls:
            services = ", ".join(self.urls) or "none"
            raise ConfigError(
                f"stack '{self.stack.name}' has no service '{service}'", f"services: {services}"
            )
        return self.urls[service]

    def is_replicated(self, service: str) -> bool:
        """Return whether a service consists of instances with names of their own."""
        declared = self.stack.declared_services.get(service)
        return declared is not None and declared.replicas is not None

    def instance_urls(self, service: str) -> dict[str, str]:
        """Return the addresses of the instances of a service that run at the moment, by instance."""
        instances = select_instances(self.stack.declared_services, service, self.urls)
        return {name: self.urls[name] for name in instances}


def placeholder_values(
    secret: SecretStr | None, state: Path | None = None, tree: Path | None = None
) -> dict[str, str]:
    """Return the values of a declaration's placeholders, without the addresses of its services.

    Args:
        secret: The secret that signs tokens; `None` without one.
        state: The folder for files of the services; `None` without one.
        tree: The files of the version; `None` for the current folder.
    """
    here = str(Path.cwd())
    values = {"python": sys.executable, "here": here, "tree": here if tree is None else str(tree)}
    for name, value in os.environ.items():
        values[f"env.{name}"] = value
    if secret is not None:
        values["jwt_secret"] = secret.get_secret_value()
    if state is not None:
        values["state"] = str(state)
    return values


def find_urls(stack: Stack, given: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses of a stack that runs elsewhere: those of its declaration, and the given ones.

    Raises:
        ConfigError: It has no address, or a placeholder has no value.
    """
    values = placeholder_values(None)
    urls = {}
    for service, text in stack.urls.items():
        if service not in given:
            urls[service] = expand(text, values, f"stack '{stack.name}': urls.{service}")
    urls |= given
    if not urls:
        raise ConfigError(f"stack '{stack.name}' runs elsewhere", "set its address: --url http://…")
    return urls
