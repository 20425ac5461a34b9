"""The processes of a stack that `bench` starts: their addresses, their logs, and those that ended."""

import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.core.config.instances import Instance, address_values, select_instances, share_addresses
from bench.core.config.stack import Stack
from bench.errors import TargetError
from bench.measure.stacks.service_logs import ServiceLogs, describe_exit
from bench.measure.stacks.start_options import StartOptions


@dataclass(slots=True)
class StackProcesses:
    """The processes of a stack; `start` fills `urls` and `processes`."""

    stack: Stack
    values: dict[str, str] = field(repr=False)
    """Values of the declaration's placeholders. They contain the secret, so `repr` omits them."""
    logs: ServiceLogs
    """The logs of the services."""
    options: StartOptions
    """Settings of the start."""
    project: str
    """Project that marks the processes."""
    urls: dict[str, str] = field(default_factory=dict)
    """Addresses by instance, and of replicated services that have one."""
    instances: dict[str, Instance] = field(default_factory=dict)
    """Instances of the services by name, in the order of their start."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    """Supervisors by instance, in the order of their start. They are the parents of its processes."""
    pids: dict[str, int] = field(default_factory=dict)
    """Process ids of the supervisors by instance."""
    absent: set[str] = field(default_factory=set)
    """Instances that a fault of the scenario ended. Their end is no failure of the stack."""
    on_start: Callable[[str], object] = lambda _: None
    """Called with the service's name just before and just after each start of a process."""
    on_change: Callable[[], object] = lambda: None
    """Called when an instance is up that was added, and before one ends that was removed."""

    resting: set[str] = field(default_factory=set)
    """Instances that get no new requests: they start, or they end when they have answered the others."""
    is_detached: bool = False
    """Whether the processes outlive this one."""
    changing: threading.RLock = field(default_factory=threading.RLock)
    """Held by the thread that starts or ends instances."""

    is_ending: threading.Event = field(default_factory=threading.Event)
    """Set when no change of the instances may wait for requests in progress any more."""

    @property
    def tree(self) -> Path:
        """Folder with the files of the services."""
        return self.options.tree or Path.cwd()

    def find_dead_service(self) -> str | None:
        """Describe a service that ended, with the end of its log; `None` while all run.

        The first line is a sentence, and the last lines of the log follow it.
        """
        for name in list(self.processes):
            if self._has_ended(name) and name not in self.absent:
                end = describe_exit(self.processes[name].returncode)
                return f"service '{name}' ended {end}{self.logs.describe_end(name)}"
        return None

    def find_failure(self, name: str) -> TargetError | None:
        """Return the error of a service that ended before it was ready; `None` while it runs."""
        if not self._has_ended(name):
            return None
        end = describe_exit(self.processes[name].returncode)
        return self.error(name, f"it ended {end}")

    def error(self, name: str, reason: str) -> TargetError:
        """Return the error of a service that is not ready, with the end of its log."""
        subject = f"service '{name}'" if name in self.instances else f"stack '{self.stack.name}'"
        message = f"{subject} did not start: {reason}{self.logs.tail(name)}"
        return TargetError(message, self.logs.hint(name, self._command_text(name)))

    def _command_text(self, name: str) -> str:
        if name in self.instances:
            return " ".join(self.instances[name].service.command)
        return "; ".join(" ".join(command) for command in getattr(self.stack, name))

    def _has_ended(self, name: str) -> bool:
        code = self.processes[name].poll()
        instance = self.instances.get(name)
        # A worker that ended with 0 has done its work, for example a migration of the database.
        return code is not None and (code != 0 or instance is None or instance.service.listens)

    def urls_for(self, caller: str) -> Mapping[str, str]:
        """Return the addresses at which a service, or the load generator, reaches the others."""
        reroute = self.options.reroute
        return self.urls if reroute is None else reroute(caller, self.urls)

    def values_for(self, caller: str) -> dict[str, str]:
        """Return the values of the placeholders of a service."""
        if self.options.reroute is None:
            return self.values
        ways = {name: url for name, url in self.urls_for(caller).items() if name not in self.resting}
        return self.values | address_values(self.stack.services, ways)

    def set_url(self, name: str, url: str) -> None:
        """Note the address of a service or an instance, for placeholders and for those who send requests."""
        self.urls[name] = url
        self.share_addresses()

    def forget(self, name: str) -> None:
        """Forget an instance, whose end is then no failure."""
        for values in (self.processes, self.pids, self.instances, self.urls):
            values.pop(name, None)
        self.resting.discard(name)
        self.share_addresses()

    def share_addresses(self) -> None:
        """Derive the addresses of replicated services and the placeholders, without instances that rest."""
        services = self.stack.services
        used: dict[str, str] = {}
        for name, url in self.urls.items():
            is_instance = name not in services or services[name].replicas is None
            if is_instance and name not in self.resting:
                used[name] = url
        shared = share_addresses(services, used)
        resting = {name: self.urls[name] for name in self.resting if name in self.urls}
        for name in self.urls.keys() - shared.keys() - resting.keys():
            del self.urls[name]
        self.urls.update(shared)
        self.values.update(address_values(services, shared))

    def list_instance_urls(self, caller: str) -> dict[str, dict[str, str]]:
        """Return the addresses at which a service reaches the instances that get requests, by service."""
        ways = self.urls_for(caller)
        urls: dict[str, dict[str, str]] = {}
        for service in self.stack.services:
            names = select_instances(self.stack.services, service, ways)
            urls[service] = {name: ways[name] for name in names if name not in self.resting}
        return urls
