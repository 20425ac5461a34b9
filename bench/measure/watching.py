"""Watches a stack beside the load: containers, the machine, health checks, gauges, each in its own time."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx

from bench.core.sample import GaugeSample, Probe, ResourceSample
from bench.core.watching import Readings
from bench.errors import TargetError
from bench.measure.checks import Asker, ask, askers
from bench.measure.containers import ContainerReader
from bench.measure.engine_api import EngineApi
from bench.measure.gauges import GaugeReader
from bench.measure.live import Live
from bench.measure.resources import HostReader, ResourceSampler

INTERVAL_S = 2.0
_CONTAINERS, _CHECK = "containers", "check "
Seen = ResourceSample | Probe | GaugeSample
Read = Callable[[float], Awaitable[Sequence[Seen]]]


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched beside the machine.

    Attributes:
        live: The stack.
        token: Makes a token of a test user; None when there is none.
        why_no_token: Why there is none; for people.
        checks: Whether its health is asked.
        processes: Whether its processes are read here, and not by somebody else.
    """

    live: Live
    token: Callable[[], str] | None = None
    why_no_token: str | None = None
    checks: bool = True
    processes: bool = False


@dataclass(slots=True)
class Watch:
    """Readers that are ready.

    Attributes:
        readers: By a name for each.
        counters: Readers of what is only read around the load, by a name for each.
        left_out: Why a check cannot be asked, by its name.
        interval_s: Between two readings.
        warnings: What could not be read, once for each reader.
    """

    readers: dict[str, Read]
    counters: dict[str, Read]
    left_out: dict[str, str]
    interval_s: float
    warnings: dict[str, str] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list, init=False)

    def begin(self, clock: Callable[[], float], found: Callable[[Seen], None]) -> None:
        """Begin to read.

        Args:
            clock: Seconds since the start of the run.
            found: Is given what is read.
        """
        for name in self.readers:
            self._tasks.append(asyncio.create_task(self._every(name, clock, found)))

    async def once(self) -> list[Probe]:
        """Ask everything that tells whether something is up, once."""
        names = [name for name in self.readers if name == _CONTAINERS or name.startswith(_CHECK)]
        each = await asyncio.gather(*(self._read(name, self.readers[name], 0.0) for name in names))
        return [seen for many in each for seen in many if isinstance(seen, Probe)]

    async def count(self) -> list[GaugeSample] | None:
        """What the services have counted until now; None when one of them does not say."""
        each = await asyncio.gather(*(self._read(name, read, 0.0) for name, read in self.counters.items()))
        if any(name in self.warnings for name in self.counters):
            return None
        return [seen for many in each for seen in many if isinstance(seen, GaugeSample)]

    def check(self) -> None:
        """Go on only while every reader does.

        Raises:
            BaseException: What ended one, such as a file of what is found that cannot be written any more.
        """
        for task in self._tasks:
            if task.done():
                task.result()

    async def end(self) -> None:
        """Read no more.

        Raises:
            BaseException: What ended a reader that should not have ended.
        """
        for task in self._tasks:
            task.cancel()
        for end in await asyncio.gather(*self._tasks, return_exceptions=True):
            if end is not None and not isinstance(end, asyncio.CancelledError):
                raise end

    async def _every(self, name: str, clock: Callable[[], float], found: Callable[[Seen], None]) -> None:
        """Read at each interval; one that takes longer costs the next ones, and nobody else."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            for each in await self._read(name, self.readers[name], clock()):
                found(each)
            missed = (loop.time() - due_s) // self.interval_s
            due_s += (missed + 1) * self.interval_s
            await asyncio.sleep(due_s - loop.time())

    async def _read(self, name: str, read: Read, at_s: float) -> Sequence[Seen]:
        try:
            return await read(at_s)
        except TargetError as error:
            self.warnings.setdefault(name, error.message)
            return ()


@asynccontextmanager
async def watching(watched: Watched | None, interval_s: float = INTERVAL_S) -> AsyncIterator[Watch]:
    """Readers of the machine, and of a stack where there is one; they end with the block."""
    host = HostReader()
    readers: dict[str, Read] = {"host": _at_once(host.sample)}
    counters: dict[str, Read] = {}
    async with httpx.AsyncClient(trust_env=False) as client:
        engine = EngineApi(os.environ) if watched is not None and watched.live.containers else None
        asking: dict[str, Asker] = {}
        left_out: dict[str, str] = {}
        if watched is not None:
            live = watched.live
            if watched.checks:
                asking, left_out = askers(live, watched.token, client, watched.why_no_token)
            if watched.processes:
                readers["processes"] = _at_once(ResourceSampler(live.pids, []).sample)
            if engine is not None:
                readers[_CONTAINERS] = ContainerReader(live.containers, engine).read
            readers |= {f"{_CHECK}{name}": _probe(name, asker) for name, asker in asking.items()}
            readers |= _readings("gauges", live.stack.gauges, live.urls, client)
            counters = _readings("counters", live.stack.counters, live.urls, client)
        async with AsyncExitStack() as after:
            if engine is not None:
                after.push_async_callback(engine.close)
            for asker in asking.values():
                after.push_async_callback(asker.close)
            watch = Watch(readers, counters, left_out, interval_s)
            after.push_async_callback(watch.end)
            yield watch


def _readings(
    what: str, declared: Mapping[str, Readings], urls: Mapping[str, str], client: httpx.AsyncClient
) -> dict[str, Read]:
    """Readers of the services whose address is known, by a name for each."""
    return {
        f"{what} {service}": GaugeReader(service, urls[service], readings, client).read
        for service, readings in declared.items()
        if service in urls
    }


def _at_once(sample: Callable[[float], Sequence[Seen]]) -> Read:
    async def read(at_s: float) -> Sequence[Seen]:
        return sample(at_s)

    return read


def _probe(name: str, asker: Asker) -> Read:
    async def read(at_s: float) -> Sequence[Seen]:
        return [await ask(name, asker, at_s)]

    return read


async def ask_once(watched: Watched) -> tuple[list[Probe], dict[str, str]]:
    """What each check of a stack finds now, and why others could not be asked, by their names."""
    async with watching(watched) as watch:
        probes = await watch.once()
        return probes, watch.left_out | watch.warnings
