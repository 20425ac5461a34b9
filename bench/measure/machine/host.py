"""Reads the kernel's state of this machine, and binds processes to cores.

Formats: proc(5).
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil

from bench.core.watch.host import Cores, HostReading, MachineState, divide_cores
from bench.measure.machine import control_groups
from bench.measure.machine.kernel_files import read_counters as kernel_counters
from bench.measure.machine.kernel_files import read_number, read_text

ROOT = Path("/")
_CORES = "sys/devices/system/cpu"
# The first fields of a line in /proc/stat: user nice system idle iowait irq softirq steal.
_STEAL = 7
_TICK_FIELDS = 8  # the fields after these count guests, whose time is in `user` already
_Value = TypeVar("_Value")


def read_machine(root: Path = ROOT) -> MachineState:
    """Return the cores, quotas, governors and load of the machine."""
    governors = set()
    for path in root.glob(f"{_CORES}/cpu[0-9]*/cpufreq/scaling_governor"):
        governors.add((read_text(path) or "").strip())
    return MachineState(
        cores=tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else (),
        quota_cores=control_groups.quota_cores(root),
        governors=tuple(sorted(governors - {""})),
        load=_parse(lambda: float((read_text(root / "proc/loadavg") or "").split()[0])),
    )


def read_counters(root: Path = ROOT) -> HostReading:
    """Return the kernel's counters of now."""
    ticks = _parse(lambda: _ticks(read_text(root / "proc/stat") or "")) or []
    throttling = control_groups.throttling(root)
    memory = kernel_counters(root / "proc/vmstat")
    oom_kills = control_groups.oom_kills(root)
    swapped = [memory[name] for name in ("pswpin", "pswpout") if name in memory]
    return HostReading(
        at_s=time.monotonic(),
        stolen=ticks[_STEAL] if len(ticks) > _STEAL else None,
        processor=sum(ticks[:_TICK_FIELDS]) if ticks else None,
        periods=throttling.get("nr_periods"),
        throttled=throttling.get("nr_throttled"),
        hot=_sum(root.glob(f"{_CORES}/cpu[0-9]*/thermal_throttle/core_throttle_count")),
        hot_ms=_sum(root.glob(f"{_CORES}/cpu[0-9]*/thermal_throttle/core_throttle_total_time_ms")),
        swapped=sum(swapped) if swapped else None,
        oom_kills=memory.get("oom_kill") if oom_kills is None else oom_kills,
    )


def choose_cores(workers: int, *, pin: bool) -> tuple[Cores, Cores] | None:
    """Return the cores for the load generators and those for the stack, if processes are to be bound.

    Args:
        workers: Number of load generators.
        pin: Whether to bind processes at all.
    """
    return divide_cores(read_machine(), workers) if pin else None


def pin(pid: int, cores: Sequence[int]) -> None:
    """Bind a process, and the processes that it starts later, to cores; no cores means all.

    A process stays unbound if the system refuses or cannot bind it.
    """
    if cores:
        with suppress(psutil.Error, OSError, ValueError, AttributeError):
            psutil.Process(pid).cpu_affinity(list(cores))


def _ticks(text: str) -> list[int]:
    label, *ticks = text.splitlines()[0].split()
    return [*map(int, ticks)] if label == "cpu" else []


def _sum(paths: Iterable[Path]) -> int | None:
    """Return the sum of the files that hold a whole number, if there are any."""
    numbers = [number for path in paths if (number := read_number(path)) is not None]
    return sum(numbers) if numbers else None


def _parse(parse: Callable[[], _Value]) -> _Value | None:
    """Return the value of a file, if the file exists and has the expected form."""
    with suppress(ValueError, IndexError, ZeroDivisionError):
        return parse()
    return None
