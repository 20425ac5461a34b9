"""Reads the kernel's state of this machine, and binds processes to cores.

Formats: proc(5), and https://docs.kernel.org/admin-guide/cgroup-v2.html for control groups.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil

from bench.core.watch.host import Cores, HostReading, MachineState, divide_cores

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
        governors.add((_text(path) or "").strip())
    return MachineState(
        cores=tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else (),
        quota_cores=_quota_cores(root),
        governors=tuple(sorted(governors - {""})),
        load=_parse(lambda: float((_text(root / "proc/loadavg") or "").split()[0])),
    )


def read_counters(root: Path = ROOT) -> HostReading:
    """Return the kernel's counters of now."""
    ticks = _parse(lambda: _ticks(_text(root / "proc/stat") or "")) or []
    throttling = _counters(_text(_control_group(root) / "cpu.stat"))
    memory = _counters(_text(root / "proc/vmstat"))
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


def _control_group(root: Path) -> Path:
    """Return the folder of this process's control group (version 2). It does not exist on other systems."""
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        if line.startswith("0::/"):
            return root / "sys/fs/cgroup" / line.removeprefix("0::/")
    return root / "sys/fs/cgroup" / "no-group"


def _quota_cores(root: Path) -> float | None:
    """Return the smallest quota of this process's control group and of the groups around it, in cores."""
    own = _control_group(root)
    top = root / "sys/fs/cgroup"
    quotas = []
    for group in (own, *own.parents):
        quota = _parse(partial(_quota, group / "cpu.max")) if group.is_relative_to(top) else None
        if quota is not None:
            quotas.append(quota)
    return min(quotas, default=None)


def _quota(path: Path) -> float:
    """Return the quota of a `cpu.max` file: `200000 100000` is two cores; `max 100000` is a ValueError."""
    quota_us, period_us = (_text(path) or "").split()
    return int(quota_us) / int(period_us)


def _ticks(text: str) -> list[int]:
    label, *ticks = text.splitlines()[0].split()
    return [*map(int, ticks)] if label == "cpu" else []


def _counters(text: str | None) -> dict[str, int]:
    """Return the counters of lines that are a name and a whole number."""
    counters = {}
    for line in (text or "").splitlines():
        name, _, number = line.partition(" ")
        if number.strip().isdigit():
            counters[name] = int(number)
    return counters


def _sum(paths: Iterable[Path]) -> int | None:
    """Return the sum of the files that hold a whole number, if there are any."""
    numbers = []
    for path in paths:
        text = (_text(path) or "").strip()
        if text.isdigit():
            numbers.append(int(text))
    return sum(numbers) if numbers else None


def _parse(parse: Callable[[], _Value]) -> _Value | None:
    """Return the value of a file, if the file exists and has the expected form."""
    with suppress(ValueError, IndexError, ZeroDivisionError):
        return parse()
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
