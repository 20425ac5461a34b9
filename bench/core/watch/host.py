"""How quiet the machine was during a run, and which cores who may use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bench.core.values.record import Count, NotNegative, Record

# With fewer, neither the load generators nor the stack would have enough.
FEWEST_CORES = 4

# Who is held to cores.
GENERATORS, STACK = "load generator", "stack"

Cores = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the kernel has counted up to one moment. What it does not tell is None.

    Attributes:
        at_s: When, on a monotonic clock.
        stolen: Processor time in which another guest of the same hypervisor ran, in any unit.
        processor: All processor time, idle or not, in the same unit.
        periods: In which the processor quota of our control group was handed out.
        throttled: Of these, in which it was used up, and all had to wait for the next.
        hot: How often a core was slowed because it was hot.
        hot_ms: For how long, all cores together.
        swapped: Pages that went to the swap area or came back.
    """

    at_s: float
    stolen: float | None = None
    processor: float | None = None
    periods: int | None = None
    throttled: int | None = None
    hot: int | None = None
    hot_ms: float | None = None
    swapped: int | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine is at the start of a run. What is not known is None or empty.

    Attributes:
        cores: Numbers of the cores that we may use.
        quota_cores: How many cores' time our control group may use; None for no limit.
        governors: How the clock of the cores is set, each once.
        load: Mean number of processes that wanted to run in the minute before.
    """

    cores: Cores = ()
    quota_cores: float | None = None
    governors: tuple[str, ...] = ()
    load: float | None = None


class Host(Record):
    """How quiet the machine was. What is not known is None.

    Attributes:
        cores: That we may use.
        quota_cores: How many cores' time our control group may use; None for no limit.
        governors: How the clock of the cores is set.
        load_at_start: Mean number of processes that wanted to run in the minute before.
        stolen_ratio: Share of all processor time in which another guest of the hypervisor ran.
        throttled_ratio: Share of the periods in which our control group had used up its quota.
        hot_count: How often a core was slowed because it was hot.
        hot_ratio: Share of all cores' time in which it was.
        swapped_pages: That went to the swap area or came back.
        pinned: Numbers of the cores, by who was held to them; empty when nobody was.
    """

    cores: Count | None = None
    quota_cores: NotNegative | None = None
    governors: tuple[str, ...] = ()
    load_at_start: NotNegative | None = None
    stolen_ratio: NotNegative | None = None
    throttled_ratio: NotNegative | None = None
    hot_count: Count | None = None
    hot_ratio: NotNegative | None = None
    swapped_pages: Count | None = None
    pinned: dict[str, Annotated[Cores, Field(min_length=1)]] = {}


def host_of(
    machine: Machine, before: Reading, after: Reading, pinned: Mapping[str, Cores] | None = None
) -> Host:
    """What a run's two readings say. A counter that went backwards was begun anew, and says nothing."""
    elapsed_ms = 1000.0 * (after.at_s - before.at_s)
    hot_ms = _rise(before.hot_ms, after.hot_ms)
    return Host(
        cores=len(machine.cores) or None,
        quota_cores=machine.quota_cores,
        governors=machine.governors,
        load_at_start=machine.load,
        stolen_ratio=_share(_rise(before.stolen, after.stolen), _rise(before.processor, after.processor)),
        throttled_ratio=_share(
            _rise(before.throttled, after.throttled), _rise(before.periods, after.periods)
        ),
        hot_count=_whole(_rise(before.hot, after.hot)),
        hot_ratio=_share(hot_ms, elapsed_ms * len(machine.cores)),
        swapped_pages=_whole(_rise(before.swapped, after.swapped)),
        pinned=dict(pinned or {}),
    )


def worst(hosts: Sequence[Host | None]) -> Host | None:
    """Of several runs one after the other, the one in which the machine was least quiet."""
    known = [host for host in hosts if host is not None]
    return max(
        known,
        key=lambda host: max(host.stolen_ratio or 0.0, host.throttled_ratio or 0.0, host.hot_ratio or 0.0),
        default=None,
    )


def shares(machine: Machine, workers: int) -> tuple[Cores, Cores] | None:
    """The cores of the load generators, and those of the stack; None when there are too few to divide.

    A load generator uses one core at most. The stack has half of the cores at least, for it is what is
    measured.

    Args:
        machine: Whose cores.
        workers: How many load generators there are.
    """
    cores = sorted(machine.cores)
    if min(len(cores), machine.quota_cores or len(cores)) < FEWEST_CORES:
        return None
    own = min(workers, len(cores) // 2)
    return tuple(cores[-own:]), tuple(cores[:-own])


def _rise(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None or after < before else after - before


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole or whole < 0 else part / whole


def _whole(count: float | None) -> int | None:
    return None if count is None else int(count)
