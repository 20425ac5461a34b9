"""The processes of a stack that `bench` starts: their addresses, their logs, and those that ended."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.core.config.instances import Instance, address_values, share_addresses
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
    on_start: Callable[[str], object] = lambda _: None
    """Called with the service's name just before and just after each start of a process."""

    @property
    def tree(self) -> Path:
        """Folder with the files of the services."""
        return self.options.tree or Path.cwd()

    def find_dead_service(self) -> str | None:
        """Describe a service that ended, with the end of its log; `None` while all run.

        The first line is a sentence, and the last lines of the log follow it.
        """
        for name in list(self.processes):
            if self._has_ended(name):
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

    def set_url(self, name: str, url: str) -> None:
        """Note the address of a service or an instance, for placeholders and for those who send requests."""
        self.urls[name] = url
        self._share_addresses()

    def _share_addresses(self) -> None:
        services = self.stack.services
        self.urls.update(share_addresses(services, self.urls))
        self.values.update(address_values(services, self.urls))
