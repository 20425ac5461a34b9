"""The fields of the Docker Engine API that the container reader uses.

Source: https://docs.docker.com/reference/api/engine/version/v1.41/ . The memory in use is calculated as in
`docker stats`: https://docs.docker.com/reference/cli/docker/container/stats/
"""

from datetime import datetime

from pydantic import BaseModel, Field

_NS_PER_MS = 1_000_000
_HEALTHY = {"healthy", "none"}  # `none`: the image declares no health check


class _CpuUsage(BaseModel):
    total_usage: int = 0


class _Throttling(BaseModel):
    periods: int = 0
    throttled_time: int = 0


class _Cpu(BaseModel):
    cpu_usage: _CpuUsage = _CpuUsage()
    throttling_data: _Throttling = _Throttling()


class _Memory(BaseModel):
    usage: int = 0
    limit: int | None = None
    stats: dict[str, int] = {}


class _Network(BaseModel):
    rx_bytes: int = 0
    tx_bytes: int = 0


class _BlockEntry(BaseModel):
    op: str
    value: int


class _Blocks(BaseModel):
    io_service_bytes_recursive: list[_BlockEntry] | None = None


class ContainerStats(BaseModel):
    """Resource counters of a container, from `GET /containers/{id}/stats`."""

    read: datetime
    cpu_stats: _Cpu = _Cpu()
    memory_stats: _Memory = _Memory()
    networks: dict[str, _Network] | None = None
    blkio_stats: _Blocks = _Blocks()

    @property
    def cpu_ns(self) -> int:
        """Processor time since the container started, in nanoseconds."""
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
        # cgroup v1 calls the counter total_inactive_file, cgroup v2 calls it inactive_file.
        file_cache = memory.stats.get("total_inactive_file", memory.stats.get("inactive_file", 0))
        return max(0, memory.usage - file_cache)

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
    status: str = Field(alias="Status")


class RunState(BaseModel):
    """The `State` object of a container."""

    running: bool = Field(alias="Running")
    status: str = Field(alias="Status")
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
