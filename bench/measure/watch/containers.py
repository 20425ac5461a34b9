"""Read the resource use and the state of a stack's containers at each interval."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.core.samples.sample import Probe, ResourceSample
from bench.measure.watch.engine_models import ContainerInfo, ContainerStats

if TYPE_CHECKING:  # the module imports `docker`, which only stacks with containers need
    from bench.measure.watch.docker_engine import DockerEngine

_NS_PER_S = 1e9


@dataclass(slots=True)
class _History:
    """The previous reading of a container, and its counters since the first one."""

    stats: ContainerStats | None = None
    info: ContainerInfo | None = None
    restarts: int = 0
    oom_events: set[int] = field(default_factory=set)
    """Times of the engine's `oom` events, in nanoseconds since 1970."""
    oom_ends: set[str] = field(default_factory=set)
    """End times of the container with the OOMKilled flag."""

    @property
    def oom_kills(self) -> int:
        """Out-of-memory kills: the larger count of two incomplete sources.

        Newer engines reset the flag at the next start, and every engine remembers only its last 256 events.
        """
        return max(len(self.oom_events), len(self.oom_ends))


def check_name(service: str) -> str:
    """Return the name of the health check that stands for a service's container."""
    return f"{service} (container)"


class ContainerReader:
    """Read containers from the Docker engine.

    Args:
        containers: Container ids by service.
        engine: The connection to the engine.
    """

    def __init__(self, containers: Mapping[str, str], engine: "DockerEngine") -> None:
        self._containers = containers
        self._engine = engine
        self._history = {service: _History() for service in containers}
        self._since_s = time.time()

    async def read(self, at_s: float) -> list[ResourceSample | Probe]:
        """Return a probe of each container, and a resource sample of each that has a previous reading.

        Raises:
            TargetError: The engine does not answer.
        """
        await self._count_oom_kills()
        readings = await asyncio.gather(*(self._read_one(service, at_s) for service in self._containers))
        samples: list[ResourceSample | Probe] = []
        for reading in readings:
            samples += reading
        return samples

    async def _count_oom_kills(self) -> None:
        ids = self._containers.values()
        kills = await self._engine.oom_kills(ids, self._since_s, time.time())
        services = {container: service for service, container in self._containers.items()}
        for kill in kills:
            service = services.get(kill.actor.id)
            if service is not None:
                self._history[service].oom_events.add(kill.at_ns)

    async def _read_one(self, service: str, at_s: float) -> list[ResourceSample | Probe]:
        container = self._containers[service]
        history = self._history[service]
        stats, info = await asyncio.gather(self._engine.stats(container), self._engine.inspect(container))
        problem = "the container does not exist" if info is None else info.state.problem
        probe = Probe(at_s=at_s, check=check_name(service), up=problem is None, detail=problem)
        if info is not None:
            self._count_starts(history, info)
        previous = history.stats
        history.stats = stats
        if info is not None and not info.state.running:
            return [probe, _stopped_sample(service, at_s, history)]
        if stats is None or previous is None:
            return [probe]
        cpu_pct = _cpu_pct(previous, stats)
        if cpu_pct is None:
            return [probe]
        return [probe, _sample(service, at_s, cpu_pct, stats, history)]

    @staticmethod
    def _count_starts(history: _History, info: ContainerInfo) -> None:
        """Count restarts. The engine's own count omits restarts by a person or a program."""
        previous = history.info
        if previous is None:
            history.restarts = info.restart_count
        else:
            history.restarts += previous.state.started_at != info.state.started_at
            history.restarts = max(history.restarts, info.restart_count)
        if info.state.oom_killed:
            history.oom_ends.add(info.state.finished_at)
        history.info = info


def _cpu_pct(previous: ContainerStats, current: ContainerStats) -> float | None:
    """Return the CPU use between two readings, in per cent of one core, by the engine's clock.

    `None` if no time passed, if the counter started again, or if one of the readings has no counter.
    """
    if previous.cpu_ns is None or current.cpu_ns is None or previous.is_empty:
        return None
    elapsed_s = (current.read - previous.read).total_seconds()
    used_s = (current.cpu_ns - previous.cpu_ns) / _NS_PER_S
    return 100.0 * used_s / elapsed_s if elapsed_s > 0 and used_s >= 0 else None


def _stopped_sample(service: str, at_s: float, history: _History) -> ResourceSample:
    """Return the sample of a container that does not run: it uses nothing, and its counters will restart."""
    return ResourceSample(
        at_s=at_s,
        source=service,
        cpu_pct=0.0,
        memory_bytes=0,
        restarts=history.restarts,
        oom_kills=history.oom_kills,
    )


def _sample(
    service: str, at_s: float, cpu_pct: float, stats: ContainerStats, history: _History
) -> ResourceSample:
    received, sent = stats.network_bytes or (None, None)
    read, written = stats.disk_bytes or (None, None)
    return ResourceSample(
        at_s=at_s,
        source=service,
        cpu_pct=cpu_pct,
        memory_bytes=stats.memory_bytes,
        memory_limit_bytes=stats.memory_limit_bytes,
        received_bytes=received,
        sent_bytes=sent,
        read_bytes=read,
        written_bytes=written,
        restarts=history.restarts,
        oom_kills=history.oom_kills,
        throttled_ms=stats.throttled_ms,
    )
