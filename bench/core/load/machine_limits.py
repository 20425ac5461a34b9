"""The limits of the load generator's machine, and what to do if a run exceeds them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from bench.core.load.needs import Needs
from bench.core.samples.sample import GeneratorFault
from bench.core.values import wording

_FEWEST_FILES = 4096  # the smallest limit of open files that a cure suggests
_MORE_MEMORY = "use fewer VUs, or a machine with more memory"


@dataclass(frozen=True, slots=True)
class MachineLimits:
    """Limits of the load generator's machine. An unknown limit is `None`."""

    open_files: int | None = None
    """Number of files that one load generator may open."""
    ports: int | None = None
    """Number of local ports for connections to one address."""
    addresses: int = 1
    """Number of addresses of the targets."""
    memory_bytes: int | None = None
    """Memory that is free, with the free part of the swap area."""


@dataclass(frozen=True, slots=True)
class _Demand:
    """Something that a plan needs, and its limit."""

    fault: GeneratorFault
    certain: int
    most: int
    limit: int | None


def find_shortages(needs: Needs, machine_limits: MachineLimits) -> list[str]:
    """Return why a plan cannot work on this machine, one sentence each; empty if it may work."""
    shortages: list[str] = []
    for demand in _demands(needs, machine_limits):
        if demand.limit is not None and demand.certain > demand.limit:
            shortages.append(_describe_shortage(demand.fault, needs, machine_limits))
    return shortages


def find_risks(needs: Needs, machine_limits: MachineLimits) -> list[str]:
    """Return the limits that an open loop may reach if its target is slow, one sentence each."""
    risks: list[str] = []
    for demand in _demands(needs, machine_limits):
        if demand.limit is not None and demand.certain <= demand.limit < demand.most:
            risks.append(_describe_shortage(demand.fault, needs, machine_limits))
    return risks


def _demands(needs: Needs, machine_limits: MachineLimits) -> Iterator[_Demand]:
    certain = needs.connections
    most = needs.most_connections
    ports = None if machine_limits.ports is None else machine_limits.ports * machine_limits.addresses
    yield _Demand(
        GeneratorFault.OPEN_FILES, needs.files(certain), needs.files(most), machine_limits.open_files
    )
    yield _Demand(GeneratorFault.PORTS, certain, most, ports)
    yield _Demand(
        GeneratorFault.MEMORY,
        needs.memory_bytes(certain),
        needs.memory_bytes(most),
        machine_limits.memory_bytes,
    )


def describe_fault(
    fault: GeneratorFault, needs: Needs, machine_limits: MachineLimits, message: str = ""
) -> str:
    """Return a sentence that names a fault of the load generator in a run, and its cure.

    Args:
        fault: The fault.
        needs: The needs of the plan.
        machine_limits: The limits of the machine.
        message: The system's words for the fault.
    """
    match fault:
        case GeneratorFault.OPEN_FILES:
            return _describe_files(needs, machine_limits)
        case GeneratorFault.SYSTEM_FILES:
            return "the processes of this machine opened too many files: sysctl -w fs.file-max=1000000"
        case GeneratorFault.PORTS:
            return f"the load generator ran out of ports{_describe_ports(needs, machine_limits)}"
        case GeneratorFault.MEMORY:
            return f"the load generator ran out of memory: {_MORE_MEMORY}"
        case GeneratorFault.PROXY:
            return f"the proxy failed ({message}): correct HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
        case GeneratorFault.FIREWALL:
            return f"a rule of this machine blocked the load ({message}): allow the target's address"
        case _:
            assert_never(fault)


def _describe_shortage(fault: GeneratorFault, needs: Needs, machine_limits: MachineLimits) -> str:
    """Return a sentence about a limit that a plan exceeds, before the run."""
    if fault is GeneratorFault.PORTS:
        return f"the load generator would run out of ports{_describe_ports(needs, machine_limits)}"
    if fault is GeneratorFault.MEMORY:
        return _describe_memory(needs, machine_limits)
    return describe_fault(fault, needs, machine_limits)


def _describe_files(needs: Needs, machine_limits: MachineLimits) -> str:
    files = (
        "the open files" if machine_limits.open_files is None else f"{machine_limits.open_files} open files"
    )
    advised = max(_FEWEST_FILES, 1 << needs.files(needs.most_connections).bit_length())
    split = f" in {needs.workers} load generators" if needs.workers > 1 else ""
    return f"{files} are too few for {_load(needs)}{split}: ulimit -n {advised}"


def _describe_ports(needs: Needs, machine_limits: MachineLimits) -> str:
    """Return the numbers and the cure, to be added to a sentence."""
    cure = "sysctl -w net.ipv4.ip_local_port_range='1024 65535'"
    connections = wording.counted(needs.most_connections, "connection")
    if machine_limits.ports is None:
        return f": {cure}"
    if needs.most_connections <= machine_limits.ports:
        return f" ({machine_limits.ports}), because closed connections keep theirs for a minute: {cure}"
    up_to = "up to " if needs.most_connections > needs.connections else ""
    return f" ({machine_limits.ports} for {up_to}{connections}): {cure}"


def _describe_memory(needs: Needs, machine_limits: MachineLimits) -> str:
    free = wording.size(machine_limits.memory_bytes or 0)
    needed = wording.size(needs.memory_bytes(needs.most_connections))
    return f"{free} of free memory are too little for {_load(needs)}, which need {needed}: {_MORE_MEMORY}"


def _load(needs: Needs) -> str:
    """Return the load in words: `60 VUs`, or `up to 200 VUs` for an open loop."""
    up_to = "up to " if needs.most_vus > needs.vus else ""
    return f"{up_to}{wording.counted(needs.most_vus, 'VU')}"
