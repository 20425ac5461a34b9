"""The fields of the Docker Engine API that the container reader uses.

A part of an answer that is null counts as absent (see `without_nulls`).

Source: https://docs.docker.com/reference/api/engine/version/v1.41/ . The memory in use is calculated as in
`docker stats`: https://docs.docker.com/reference/cli/docker/container/stats/
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

_NS_PER_MS = 1_000_000
_UNLIMITED_BYTES = 1 << 62  # cgroup v1 writes the largest multiple of a page below 2**63, Podman 2**64 - 1
_NEVER_YEAR = 1  # of the time zero in Go
# The image declares no health check: Docker writes `none`, Podman an empty text.
_HEALTHY = {"healthy", "none", ""}


def without_nulls(content: Any) -> Any:
    """Return a JSON value without its members and items that are null, at any depth.

    Podman, and Docker for a container that does not run, write null for parts that they do not know.
    """
    match content:
        case dict():
            return {name: without_nulls(value) for name, value in content.items() if value is not None}
        case list():
            return [without_nulls(item) for item in content if item is not None]
        case _:
            return content


class _CpuUsage(BaseModel):
    total_usage: int | None = None


class _Throttling(BaseModel):
    periods: int = 0
    throttled_time: int = 0


class _Cpu(BaseModel):
    cpu_usage: _CpuUsage = _CpuUsage()
    throttling_data: _Throttling = _Throttling()


class _MemoryCounters(BaseModel):
    inactive_file: int = 0
    total_inactive_file: int | None = None


class _Memory(BaseModel):
    usage: int = 0
    limit: int | None = None
    stats: _MemoryCounters = _MemoryCounters()


class _Network(BaseModel):
    rx_bytes: int = 0
    tx_bytes: int = 0


class _BlockEntry(BaseModel):
    op: str = ""
    value: int = 0


class _Blocks(BaseModel):
    io_service_bytes_recursive: list[_BlockEntry] | None = None


class ContainerStats(BaseModel):
    """Resource counters of a container, from `GET /containers/{id}/stats`."""

    read: datetime
    """Time of the reading."""
    cpu_stats: _Cpu = _Cpu()
    memory_stats: _Memory = _Memory()
    networks: dict[str, _Network] | None = None
    blkio_stats: _Blocks = _Blocks()

    @property
    def is_empty(self) -> bool:
        """Whether the container did not run, for which the engine writes the time zero."""
        return self.read.year == _NEVER_YEAR

    @property
    def cpu_ns(self) -> int | None:
        """Processor time since the container started, in nanoseconds; `None` if it is unknown."""
        return self.cpu_stats.cpu_usage.total_usage

    @property
    def throttled_ms(self) -> int | None:
        """Time throttled by the CPU quota since the start, in milliseconds; `None` without a quota."""
        throttling = self.cpu_stats.throttling_data
        return throttling.throttled_time // _NS_PER_MS if throttling.periods else None

    @property
    def memory_bytes(self) -> int:
        """The working set: memory in use without the file cache that the kernel can reclaim."""
        memory = self.memory_stats
        # cgroup v1 has both counters, and the total includes its subgroups; cgroup v2 has no total.
        total = memory.stats.total_inactive_file
        file_cache = memory.stats.inactive_file if total is None else total
        return max(0, memory.usage - file_cache)

    @property
    def memory_limit_bytes(self) -> int | None:
        """The memory limit; `None` without one, for which engines write 0 or the largest number."""
        limit = self.memory_stats.limit
        return limit if limit and limit < _UNLIMITED_BYTES else None

    @property
    def network_bytes(self) -> tuple[int, int] | None:
        """Bytes received and sent; `None` for a container that uses the host's network."""
        if self.networks is None:
            return None
        received = sum(network.rx_bytes for network in self.networks.values())
        sent = sum(network.tx_bytes for network in self.networks.values())
        return received, sent

    @property
    def disk_bytes(self) -> tuple[int, int] | None:
        """Bytes read and written; `None` if the kernel has no counters."""
        entries = self.blkio_stats.io_service_bytes_recursive
        if not entries:
            return None
        totals = {"read": 0, "write": 0}
        for entry in entries:
            operation = entry.op.lower()
            if operation in totals:
                totals[operation] += entry.value
        return totals["read"], totals["write"]


class _Health(BaseModel):
    status: str = Field(alias="Status", default="none")


class RunState(BaseModel):
    """The `State` object of a container."""

    running: bool = Field(alias="Running")
    status: str = Field(alias="Status", default="not running")
    oom_killed: bool = Field(alias="OOMKilled", default=False)
    started_at: str = Field(alias="StartedAt", default="")
    finished_at: str = Field(alias="FinishedAt", default="")
    health: _Health | None = Field(alias="Health", default=None)

    @property
    def problem(self) -> str | None:
        """The reason why the container is down; `None` if it runs and is not unhealthy."""
        if not self.running:
            return f"{self.status}, out of memory" if self.oom_killed else self.status
        if self.health is None or self.health.status in _HEALTHY:
            return None
        return self.health.status


class ContainerInfo(BaseModel):
    """The state and the restart count of a container, from `GET /containers/{id}/json`."""

    restart_count: int = Field(alias="RestartCount", default=0)
    state: RunState = Field(alias="State")


class _Actor(BaseModel):
    id: str = Field(alias="ID")


class OomKill(BaseModel):
    """An `oom` event of `GET /events`: the kernel killed a process of a container."""

    actor: _Actor = Field(alias="Actor")
    at_ns: int = Field(alias="timeNano")
