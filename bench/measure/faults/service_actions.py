"""What faults do to the services of a stack."""

from collections.abc import Callable, Sequence
from typing import Protocol

from bench.core.config.fault import Fault, NetworkFault
from bench.errors import MeasurementError
from bench.measure.faults.relays import Relays


class ServiceActions(Protocol):
    """Ends, starts and hinders single instances of services. An end that it causes is no failure."""

    def kill(self, name: str) -> None:
        """End all processes of an instance with SIGKILL."""
        ...

    def stop(self, name: str) -> None:
        """Stop an instance in its own way."""
        ...

    def start(self, name: str) -> None:
        """Start an instance that ended, and wait until it is ready."""
        ...

    def pause(self, name: str) -> None:
        """Stop all processes of an instance, so that they hang."""
        ...

    def resume(self, name: str) -> None:
        """Continue the processes of an instance."""
        ...

    def fill_disk(self, name: str) -> None:
        """Let every write of an instance to a file fail."""
        ...

    def free_disk(self, name: str) -> None:
        """Let writes of an instance succeed again."""
        ...


Action = Callable[[ServiceActions, str], None]
_BEGIN: dict[str, Sequence[Action]] = {
    "kill": [lambda services, name: services.kill(name)],
    "restart": [
        lambda services, name: services.stop(name),
        lambda services, name: services.start(name),
    ],
    "pause": [lambda services, name: services.pause(name)],
    "fill-disk": [lambda services, name: services.fill_disk(name)],
}
"""What begins each fault, for all instances one step after the other. A restart also ends here."""
_END: dict[str, Sequence[Action]] = {
    "kill": [lambda services, name: services.start(name)],
    "restart": [],
    "pause": [lambda services, name: services.resume(name)],
    "fill-disk": [lambda services, name: services.free_disk(name)],
}
"""What ends each fault."""


class FaultActor:
    """Begins and ends faults. Its methods wait, so they run in a thread.

    Args:
        services: Acts on the services of the stack.
        relays: The relays of the stack; `None` without a fault of the network.
    """

    def __init__(self, services: ServiceActions, relays: Relays | None) -> None:
        self._services = services
        self._relays = relays

    def begin(self, fault: Fault, instances: Sequence[str]) -> None:
        """Begin a fault.

        Raises:
            BenchError: The fault is not possible, or the service did not start again.
        """
        if isinstance(fault, NetworkFault):
            self._require_relays().begin(fault, instances)
            return
        for act in _BEGIN[fault.action]:
            for name in instances:
                act(self._services, name)

    def end(self, fault: Fault, instances: Sequence[str]) -> None:
        """End a fault, and wait until the services are ready.

        Raises:
            BenchError: A service did not start again.
        """
        if isinstance(fault, NetworkFault):
            self._require_relays().end(fault, instances)
            return
        for act in _END[fault.action]:
            for name in instances:
                act(self._services, name)

    def _require_relays(self) -> Relays:
        if self._relays is None:
            raise MeasurementError("the stack was started without relays")
        return self._relays
