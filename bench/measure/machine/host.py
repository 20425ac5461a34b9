"""Reads what the kernel says of the machine, and holds processes to cores.

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
_Value = TypeVar("_Value")


def machine(root: Path = ROOT) -> MachineState:
    """What the machine is now."""
    governors = (_text(path) for path in root.glob(f"{_CORES}/cpu[0-9]*/cpufreq/scaling_governor"))
    return MachineState(
        cores=tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else (),
        quota_cores=_quota_cores(root),
        governors=tuple(sorted({text.strip() for text in governors if text})),
        load=_parsed(lambda: float((_text(root / "proc/loadavg") or "").split()[0])),
    )


def read(root: Path = ROOT) -> HostReading:
    """What the kernel has counted until now."""
    ticks = _parsed(lambda: _ticks(_text(root / "proc/stat") or "")) or []
    throttling = _counters(_text(_group(root) / "cpu.stat"))
    memory = _counters(_text(root / "proc/vmstat"))
    swapped = [memory[name] for name in ("pswpin", "pswpout") if name in memory]
    return HostReading(
        at_s=time.monotonic(),
        stolen=ticks[7] if len(ticks) > 7 else None,  # noqa: PLR2004 - user nice system idle iowait irq softirq steal
        processor=sum(ticks[:8]) if ticks else None,  # what guests of ours used is in user already
        periods=throttling.get("nr_periods"),
        throttled=throttling.get("nr_throttled"),
        hot=_sum(root.glob(f"{_CORES}/cpu[0-9]*/thermal_throttle/core_throttle_count")),
        hot_ms=_sum(root.glob(f"{_CORES}/cpu[0-9]*/thermal_throttle/core_throttle_total_time_ms")),
        swapped=sum(swapped) if swapped else None,
    )


def divided(workers: int, *, pin: bool) -> tuple[Cores, Cores] | None:
    """The cores of this machine for so many load generators, and for a stack; None to hold nobody to any."""
    return divide_cores(machine(), workers) if pin else None


def pin(pid: int, cores: Sequence[int]) -> None:
    """Hold a process, and those that it starts from now on, to some cores; to none means to any.

    Where the system refuses, or has no such thing, the process stays as it is: it is better measured
    unpinned than not.
    """
    if cores:
        with suppress(psutil.Error, OSError, ValueError, AttributeError):
            psutil.Process(pid).cpu_affinity(list(cores))


def _group(root: Path) -> Path:
    """The folder of our control group; one that is not there when the system has none of version 2."""
    lines = (_text(root / "proc/self/cgroup") or "").splitlines()
    path = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "no-group")
    return root / "sys/fs/cgroup" / path


def _quota_cores(root: Path) -> float | None:
    """The smallest quota of our control group and of those that it is in."""
    own, top = _group(root), root / "sys/fs/cgroup"
    groups = [own, *(each for each in own.parents if each.is_relative_to(top))]
    found = (_parsed(partial(_quota, group / "cpu.max")) for group in groups)
    return min((quota for quota in found if quota is not None), default=None)


def _quota(path: Path) -> float:
    """`200000 100000` is two cores; `max 100000` is none, and no number."""
    quota_us, period_us = (_text(path) or "").split()
    return int(quota_us) / int(period_us)


def _ticks(text: str) -> list[int]:
    label, *ticks = text.splitlines()[0].split()
    return [int(each) for each in ticks] if label == "cpu" else []


def _counters(text: str | None) -> dict[str, int]:
    pairs = (line.split() for line in (text or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}  # noqa: PLR2004 - name, value


def _sum(paths: Iterable[Path]) -> int | None:
    texts = [(_text(path) or "").strip() for path in paths]
    numbers = [int(text) for text in texts if text.isdigit()]
    return sum(numbers) if numbers else None


def _parsed(parse: Callable[[], _Value]) -> _Value | None:
    """What a file says; None when it is not there or says something else."""
    with suppress(ValueError, IndexError, ZeroDivisionError):
        return parse()
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
