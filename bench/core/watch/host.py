"""Quietness of the machine during a run, and the division of its cores."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bench.core.values.record import Count, NotNegative, Record

FEWEST_CORES = 4
"""With fewer cores, the load generators and the stack share all of them."""

GENERATORS = "load generator"
STACK = "stack"

Cores = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HostReading:
    """The kernel's counters at one moment. An unknown counter is `None`."""

    at_s: float
    """Moment of the reading, on a monotonic clock."""
    stolen: float | None = None
    """Processor time that other guests of the hypervisor used, in any unit."""
    processor: float | None = None
    """All processor time, idle time included, in the same unit."""
    periods: int | None = None
    """Number of periods of the control group's processor quota."""
    throttled: int | None = None
    """Number of these periods in which the quota was used up and the group waited."""
    hot: int | None = None
    """Number of times that a core was slowed because of its temperature."""
    hot_ms: float | None = None
    """Milliseconds for which cores were slowed, summed over the cores."""
    swapped: int | None = None
    """Number of pages written to or read from the swap area."""
    oom_kills: int | None = None
    """Number of processes that the kernel killed because memory ran out."""


@dataclass(frozen=True, slots=True)
class MachineState:
    """The machine at the start of a run. An unknown value is `None` or empty."""

    cores: Cores = ()
    """Numbers of the cores that this process may use."""
    quota_cores: float | None = None
    """Processor quota of the control group, in cores; `None` without a limit."""
    governors: tuple[str, ...] = ()
    """Frequency governors of the cores, without duplicates."""
    load: float | None = None
    """Mean number of runnable processes in the last minute."""


class Host(Record):
    """Quietness of the machine during a run. An unknown value is `None`."""

    cores: Count | None = None
    """Number of cores that the process may use."""
    quota_cores: NotNegative | None = None
    """Processor quota of the control group, in cores; `None` without a limit."""
    governors: tuple[str, ...] = ()
    """Frequency governors of the cores."""
    load_at_start: NotNegative | None = None
    """Mean number of runnable processes in the minute before the run."""
    stolen_ratio: NotNegative | None = None
    """Share of the processor time that other guests of the hypervisor used."""
    throttled_ratio: NotNegative | None = None
    """Share of the periods in which the control group had used up its quota."""
    hot_count: Count | None = None
    """Number of times that a core was slowed because of its temperature."""
    hot_ratio: NotNegative | None = None
    """Share of all cores' time in which they were slowed."""
    swapped_pages: Count | None = None
    """Number of pages written to or read from the swap area."""
    pinned: dict[str, Annotated[Cores, Field(min_length=1)]] = {}
    """Numbers of the cores of the load generators and of the stack; empty without pinning."""

    @property
    def busy_load(self) -> float | None:
        """The load at the start if it was larger than the number of cores; `None` if the machine was free."""
        load = self.load_at_start
        return load if load is not None and self.cores and load > self.cores else None


def host_of(
    machine: MachineState,
    before: HostReading,
    after: HostReading,
    pinned: Mapping[str, Cores] | None = None,
) -> Host:
    """Return the quietness between two readings. A counter that fell was reset and counts as unknown."""
    elapsed_ms = 1000.0 * (after.at_s - before.at_s)
    stolen = _rise(before.stolen, after.stolen)
    processor = _rise(before.processor, after.processor)
    throttled = _rise(before.throttled, after.throttled)
    periods = _rise(before.periods, after.periods)
    hot_ms = _rise(before.hot_ms, after.hot_ms)
    return Host(
        cores=len(machine.cores) or None,
        quota_cores=machine.quota_cores,
        governors=machine.governors,
        load_at_start=machine.load,
        stolen_ratio=_ratio(stolen, processor),
        throttled_ratio=_ratio(throttled, periods),
        hot_count=_integer(_rise(before.hot, after.hot)),
        hot_ratio=_ratio(hot_ms, elapsed_ms * len(machine.cores)),
        swapped_pages=_integer(_rise(before.swapped, after.swapped)),
        pinned=dict(pinned or {}),
    )


def noisiest(hosts: Sequence[Host | None]) -> Host | None:
    """Return the host of the run in which the machine was least quiet; `None` if no run has one."""
    present = [host for host in hosts if host is not None]
    return max(present, key=_disturbance, default=None)


def _disturbance(host: Host) -> float:
    return max(host.stolen_ratio or 0.0, host.throttled_ratio or 0.0, host.hot_ratio or 0.0)


def divide_cores(machine: MachineState, workers: int) -> tuple[Cores, Cores] | None:
    """Divide the cores: one for each load generator, at least half of them for the stack.

    Args:
        machine: Machine whose cores are divided.
        workers: Number of load generators.

    Returns:
        Cores of the load generators and cores of the stack; `None` with fewer than `FEWEST_CORES`.
    """
    cores = sorted(machine.cores)
    if min(len(cores), machine.quota_cores or len(cores)) < FEWEST_CORES:
        return None
    generators = min(workers, len(cores) // 2)
    return tuple(cores[-generators:]), tuple(cores[:-generators])


def find_shared_cores(
    machine: MachineState, workers: int, generators: Cores = (), server: Cores = ()
) -> float | None:
    """Return the number of cores that load generators and the calibration server share if these are too few.

    Args:
        machine: The cores that this process may use, by its affinity and its control group, and its quota.
        workers: Number of load generators.
        generators: Cores to which the load generators are bound; empty for all.
        server: Cores to which the calibration server is bound; empty for all.

    Returns:
        None if each has a core, or if the cores are unknown.
    """
    of_generators = set(generators or machine.cores)
    of_server = set(server or machine.cores)
    if not of_generators or not of_server:
        return None
    available = float(len(of_generators | of_server)) if of_generators & of_server else math.inf
    if machine.quota_cores is not None:
        available = min(available, machine.quota_cores)
    needed = min(workers, len(of_generators)) + 1
    return available if available < needed else None


def _rise(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None or after < before else after - before


def _ratio(part: float | None, total: float | None) -> float | None:
    return None if part is None or not total or total < 0 else part / total


def _integer(count: float | None) -> int | None:
    return None if count is None else int(count)
