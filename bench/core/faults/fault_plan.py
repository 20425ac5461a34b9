"""The plan of the faults of a scenario on a stack: who has them, and what a stack cannot have."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from bench.core.config.fault import CLIENTS, Fault, FillDiskFault, NetworkFault, end_of, name_fault
from bench.core.config.instances import list_instances, select_instances
from bench.core.config.stack import Stack
from bench.core.values.duration import format_duration
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
        where = f"faults[{index}]"
        instances = _find_instances(fault.service, stack, f"{where}.service")
        if isinstance(fault, NetworkFault):
            _check_network(fault, stack, where)
        if isinstance(fault, FillDiskFault | NetworkFault) and stack.compose is not None:
            raise ConfigError(
                f"{where}: {name_fault(fault)} is not possible for containers",
                "containers can have kill, restart and pause; other faults need rights on the host",
            )
        planned.append(PlannedFault(index, fault, instances))
    _check_overlaps(planned)
    return tuple(planned)


def list_edges(planned: Sequence[PlannedFault]) -> tuple[Edge, ...]:
    """Return the connections that faults of the network need, each once."""
    edges: dict[Edge, None] = {}
    for fault in planned:
        if isinstance(fault.fault, NetworkFault):
            for instance in fault.instances:
                edges[Edge(fault.fault.caller, instance)] = None
    return tuple(edges)


def _check_overlaps(planned: Sequence[PlannedFault]) -> None:
    """Check that no instance has two faults at a time: the end of one would end the other, too."""
    ordered = sorted(planned, key=lambda fault: fault.fault.at_s)
    for earlier, later in combinations(ordered, 2):
        both = [name for name in earlier.instances if name in later.instances]
        end_s = end_of(earlier.fault)
        if both and (end_s is None or later.fault.at_s < end_s or later.fault.at_s == earlier.fault.at_s):
            raise ConfigError(
                f"faults[{later.index}]: '{both[0]}' still has the fault '{name_fault(earlier.fault)}'",
                f"end that fault before {format_duration(later.fault.at_s)}, by its `duration`",
            )


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
    names = [instance.name for instance in list_instances(stack.services)] or list(stack.service_names)
    instances = select_instances(stack.services, name, names) or tuple(filter(name.__eq__, names))
    if not instances:
        hint = suggest(name, {*stack.service_names, *names})
        raise ConfigError(f"{where}: stack '{stack.name}' has no service '{name}'", hint)
    return instances
