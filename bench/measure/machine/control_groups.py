"""Reads the control groups of this process, in versions 1 and 2 and in hybrid systems.

Formats: https://docs.kernel.org/admin-guide/cgroup-v2.html and
https://docs.kernel.org/admin-guide/cgroup-v1/index.html.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.measure.machine.kernel_files import read_counters, read_number, read_text

_MOUNT = "sys/fs/cgroup"
_UNLIMITED_BYTES = 1 << 60  # version 1 writes a number near 2^63 for no limit


def quota_cores(root: Path) -> float | None:
    """Return the smallest processor quota of this process's group and of the groups around it, in cores."""
    quotas: list[float] = []
    for group in _groups(root, "cpu"):
        quota = _quota(group)
        if quota is not None:
            quotas.append(quota)
    return min(quotas, default=None)


def throttling(root: Path) -> Mapping[str, int]:
    """Return the counters of the group with the smallest processor quota, else of the innermost one.

    A group does not count the periods in which a group around it was throttled.
    """
    smallest = math.inf
    tightest: Mapping[str, int] = {}
    for group in _groups(root, "cpu"):
        counters = read_counters(group / "cpu.stat")
        if "nr_throttled" not in counters:
            continue
        quota = _quota(group) or math.inf
        if not tightest or quota < smallest:
            tightest = counters
            smallest = quota
    return tightest


def free_memory_bytes(root: Path) -> int | None:
    """Return the memory that the groups still allow, without the caches that the kernel can free."""
    free: list[int] = []
    for group in _groups(root, "memory"):
        limit = read_number(group / "memory.max", group / "memory.limit_in_bytes")
        used = read_number(group / "memory.current", group / "memory.usage_in_bytes")
        if limit is None or used is None or limit >= _UNLIMITED_BYTES:
            continue
        counters = read_counters(group / "memory.stat")
        cache = counters.get("total_inactive_file", counters.get("inactive_file", 0))
        free.append(max(0, limit - used + cache))
    return min(free, default=None)


def oom_kills(root: Path) -> int | None:
    """Return how often the kernel killed a process of this group because memory ran out."""
    for group in _groups(root, "memory"):
        for name in ("memory.events", "memory.oom_control"):
            counters = read_counters(group / name)
            if "oom_kill" in counters:
                return counters["oom_kill"]
    return None


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's groups for a controller, from the innermost to the mounted one.

    In a container, the path in /proc may be that of the host, which is not mounted: the folders that exist
    count, and at the end the mounted one.
    """
    for mount, path in _hierarchies(root, controller):
        group = mount / path
        for folder in (group, *group.parents):
            if folder.is_relative_to(mount):
                yield folder


def _hierarchies(root: Path, controller: str) -> Iterator[tuple[Path, str]]:
    """Yield each mounted hierarchy that may have the controller, with this process's path in it."""
    top = root / _MOUNT
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        parts = [part for part in path.split("/") if part not in {"", ".."}]
        inner = "/".join(parts)
        if not controllers:
            yield top, inner
            yield top / "unified", inner
        elif controller in controllers.split(","):
            yield top / controllers, inner
            yield top / controller, inner


def _quota(group: Path) -> float | None:
    """Return the quota of a group: `200000 100000` in `cpu.max` is two cores, `max` and -1 are none."""
    text = read_text(group / "cpu.max")
    if text is not None:
        quota_us, _, period_us = text.strip().partition(" ")
        if quota_us.isdigit() and period_us.isdigit() and int(period_us):
            return int(quota_us) / int(period_us)
        return None
    quota = read_number(group / "cpu.cfs_quota_us")
    period = read_number(group / "cpu.cfs_period_us")
    return quota / period if quota and period else None
