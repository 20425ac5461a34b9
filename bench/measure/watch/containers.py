"""What the containers of a stack use, and whether they run, from one reading to the next."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.core.samples.sample import Probe, ResourceSample
from bench.measure.watch.engine_api import EngineApi, Inspected, Stats


@dataclass(slots=True)
class _Seen:
    """What was last seen of a container."""

    stats: Stats | None = None
    state: Inspected | None = None
    starts: int = 0
    oom_events: set[int] = field(default_factory=set)
    oom_ends: set[str] = field(default_factory=set)

    @property
    def oom_kills(self) -> int:
        """How often it was ended for want of memory, by whichever saw more of it.

        Newer engines forget the state at the next start, and all remember only their last 256 events.
        """
        return max(len(self.oom_events), len(self.oom_ends))


def check_of(service: str) -> str:
    """What the health of a service's container is called among the checks."""
    return f"{service} (container)"


class ContainerReader:
    """Reads containers by Docker's engine.

    Args:
        containers: Ids by service.
        engine: Who is asked.
    """

    def __init__(self, containers: Mapping[str, str], engine: EngineApi) -> None:
        self._containers = containers
        self._engine = engine
        self._seen = {service: _Seen() for service in containers}
        self._since_s = time.time()

    async def read(self, at_s: float) -> list[ResourceSample | Probe]:
        """A sample of each container that runs, and whether it does.

        The first reading of one that runs only sets the start of the next one's interval.

        Raises:
            TargetError: The engine does not answer.
        """
        await self._note_oom_kills()
        each = await asyncio.gather(*(self._read_one(service, at_s) for service in self._containers))
        return [found for many in each for found in many]

    async def _note_oom_kills(self) -> None:
        containers = self._containers.values()
        killed = await self._engine.oom_kills(containers, (self._since_s, time.time()))
        services = {container: service for service, container in self._containers.items()}
        for each in killed:
            if each.actor.id in services:
                self._seen[services[each.actor.id]].oom_events.add(each.at_ns)

    async def _read_one(self, service: str, at_s: float) -> list[ResourceSample | Probe]:
        container, seen = self._containers[service], self._seen[service]
        stats, state = await asyncio.gather(self._engine.stats(container), self._engine.inspected(container))
        trouble = "there is no such container" if state is None else state.state.trouble
        found: list[ResourceSample | Probe] = [
            Probe(at_s=at_s, check=check_of(service), up=trouble is None, detail=trouble)
        ]
        if state is not None:
            self._count(seen, state)
        before, seen.stats = seen.stats, stats
        if state is not None and not state.state.running:
            found.append(_idle(service, at_s, seen))
        elif stats is not None and before is not None:
            cpu_pct = _cpu_pct(before, stats)
            if cpu_pct is not None:
                found.append(_sample(service, at_s, cpu_pct, stats, seen))
        return found

    @staticmethod
    def _count(seen: _Seen, state: Inspected) -> None:
        """Count starts: the engine does so only for those that it made by itself."""
        before = seen.state
        if before is None:
            seen.starts = state.restart_count
        else:
            seen.starts += before.state.started_at != state.state.started_at
            seen.starts = max(seen.starts, state.restart_count)
        if state.state.oom_killed:
            seen.oom_ends.add(state.state.finished_at)
        seen.state = state


def _cpu_pct(before: Stats, now: Stats) -> float | None:
    """Per cent of one core by the engine's own clock; None where there is no interval, or it began anew."""
    passed_s = (now.read - before.read).total_seconds()
    used_s = (now.cpu_ns - before.cpu_ns) / 1e9
    return 100.0 * used_s / passed_s if passed_s > 0 and used_s >= 0 else None


def _idle(service: str, at_s: float, seen: _Seen) -> ResourceSample:
    """What does not run uses nothing, and its counters will begin anew."""
    return ResourceSample(
        at_s=at_s,
        source=service,
        cpu_pct=0.0,
        memory_bytes=0,
        restarts=seen.starts,
        oom_kills=seen.oom_kills,
    )


def _sample(service: str, at_s: float, cpu_pct: float, stats: Stats, seen: _Seen) -> ResourceSample:
    received, sent = stats.network_bytes or (None, None)
    read, written = stats.disk_bytes or (None, None)
    return ResourceSample(
        at_s=at_s,
        source=service,
        cpu_pct=cpu_pct,
        memory_bytes=stats.memory_bytes,
        memory_limit_bytes=stats.memory_stats.limit,
        received_bytes=received,
        sent_bytes=sent,
        read_bytes=read,
        written_bytes=written,
        restarts=seen.starts,
        oom_kills=seen.oom_kills,
        throttled_ms=stats.throttled_ms,
    )
