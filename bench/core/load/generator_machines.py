"""The limits of the machines on which load generators of a cluster run, and whether their shares fit."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.core.load.machine_limits import MachineLimits
from bench.core.load.needs import PROCESS_BYTES, Needs

FindLimits = Callable[[Needs, MachineLimits], list[str]]
"""`find_shortages` or `find_risks`."""


@dataclass(frozen=True, slots=True)
class GeneratorMachine:
    """The machine of a load generator."""

    name: str
    """The load generator and the machine, for messages to people."""
    network: str
    """The machine and its network. Load generators with an equal one share ports and memory."""
    machine_limits: MachineLimits
    """Its limits, read while the load generators run."""


def find_limits_of_machines(
    find_limits: FindLimits, needs: Needs, machines: Sequence[GeneratorMachine]
) -> list[str]:
    """Return the limits that the shares of a load exceed, one sentence for each machine and limit.

    Args:
        find_limits: Finds the limits that a load of one machine exceeds.
        needs: The needs of the complete load.
        machines: The machines of all its load generators.
    """
    counts = Counter(machine.network for machine in machines)
    sentences: dict[tuple[str, str], str] = {}
    for machine in machines:
        count = counts[machine.network]
        for limit in find_limits(needs.of_some(count), _add_processes(machine.machine_limits, count)):
            sentences.setdefault((machine.network, limit), f"{machine.name}: {limit}")
    return [*sentences.values()]


def _add_processes(machine_limits: MachineLimits, count: int) -> MachineLimits:
    """Return the limits before load generators started, whose memory a plan includes."""
    free_bytes = machine_limits.memory_bytes
    if free_bytes is None:
        return machine_limits
    return replace(machine_limits, memory_bytes=free_bytes + count * PROCESS_BYTES)
