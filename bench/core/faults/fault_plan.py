"""The plan of the faults of a scenario on a stack: who has them, and what a stack cannot have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.core.config.fault import CLIENTS, Fault, FillDiskFault, NetworkFault, end_of, name_fault
from bench.core.config.stack import Stack
from bench.core.values.nearest import suggest
from bench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault, and the instances of services that have it."""

    index: int
    """Index of the fault in the scenario."""
    fault: Fault
    """The fault."""
    instances: tuple[str, ...]
    """The instances."""


class FaultStep(NamedTuple):
    """The start or the end of a fault."""

    due_s: float | None
    """Planned time from the start of the measured load; None for the end of the load."""
    planned: PlannedFault
    """The fault."""
    is_end: bool
    """Whether the fault ends here."""


class Edge(NamedTuple):
    """Connections from one service to another, on which a scenario has a fault of the network."""

    caller: str | None
    """Service that opens the connections; None for all services and the load generator."""
    instance: str
    """Instance that accepts the connections."""

    def covers(self, caller: str, instance: str) -> bool:
        """Return whether connections from a caller to an instance belong to this edge."""
        return instance == self.instance and self.caller in {None, caller}


def plan_faults(faults: Sequence[Fault], stack: Stack) -> tuple[PlannedFault, ...]:
    """Return the faults with their instances.

    Raises:
        ConfigError: The stack cannot have one of the faults; the message explains why.
    """
    if faults and (stack.is_external or stack.up):
        raise ConfigError(
            f"faults: bench did not start the services of stack '{stack.name}', so it never ends them",
            "use a stack with `services` or `compose`, or remove `faults` from the scenario",
        )
    planned = []
    for index, fault in enumerate(faults):
        where = f"faults.{index}"
        instances = _find_instances(fault.service, stack, f"{where}.service")
        if isinstance(fault, NetworkFault):
            _check_network(fault, stack, where)
        if isinstance(fault, FillDiskFault | NetworkFault) and stack.compose is not None:
            raise ConfigError(
                f"{where}: {name_fault(fault)} is not possible for containers",
                "containers can have kill, restart and pause; other faults need rights on the host",
            )
        planned.append(PlannedFault(index, fault, instances))
    return tuple(planned)


def order_steps(planned: Sequence[PlannedFault]) -> list[FaultStep]:
    """Return all starts and ends of faults in their order. At equal times, ends come before starts."""
    steps = []
    for fault in planned:
        steps.append(FaultStep(fault.fault.at_s, fault, is_end=False))
        end_s = end_of(fault.fault)
        if end_s is None or end_s > fault.fault.at_s:
            steps.append(FaultStep(end_s, fault, is_end=True))
    steps.sort(key=lambda step: (step.due_s is None, step.due_s or 0.0, not step.is_end))
    return steps


def list_edges(planned: Sequence[PlannedFault]) -> tuple[Edge, ...]:
    """Return the connections that faults of the network need, each once."""
    edges: dict[Edge, None] = {}
    for fault in planned:
        if isinstance(fault.fault, NetworkFault):
            for instance in fault.instances:
                edges[Edge(fault.fault.caller, instance)] = None
    return tuple(edges)


def _check_network(fault: NetworkFault, stack: Stack, where: str) -> None:
    """Check the two ends of a fault of the network."""
    if fault.caller is not None and fault.caller != CLIENTS:
        _find_instances(fault.caller, stack, f"{where}.from")
    if fault.caller == fault.service:
        raise ConfigError(f"{where}.from: is the service itself", f"name its caller, or {CLIENTS}")
    service = stack.services.get(fault.service)
    if service is not None and not service.listens:
        raise ConfigError(
            f"{where}.service: '{fault.service}' does not listen", "name the service that it connects to"
        )


def _find_instances(name: str, stack: Stack, where: str) -> tuple[str, ...]:
    """Return the instances of a service, or the instance itself.

    Raises:
        ConfigError: The stack has neither.
    """
    if name in stack.service_names:
        return (name,)
    hint = suggest(name, stack.service_names)
    raise ConfigError(f"{where}: stack '{stack.name}' has no service '{name}'", hint)
