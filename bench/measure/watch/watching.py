"""Watches a stack beside the load: containers, the machine, health checks, gauges, each in its own time."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import httpx

from bench.core.config.watching import Readings
from bench.core.samples.sample import GaugeSample, Probe, ResourceSample
from bench.errors import BenchError
from bench.measure.stacks.live import Live
from bench.measure.watch.checks import Asker, ask, askers
from bench.measure.watch.containers import ContainerReader
from bench.measure.watch.gauges import GaugeReader
from bench.measure.watch.resources import HostReader, ResourceSampler

if TYPE_CHECKING:
    from bench.measure.watch.docker_engine import DockerEngine

_LOG = logging.getLogger(__name__)
INTERVAL_S = 2.0
_CONTAINERS, _CHECK = "containers", "check "
Seen = ResourceSample | Probe | GaugeSample
Read = Callable[[float], Awaitable[Sequence[Seen]]]
Found = TypeVar("Found")


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
        warnings: What could not be read, once for each reader, and once more when it broke.
    """

    readers: dict[str, Read]
    counters: dict[str, Read]
    left_out: dict[str, str]
    interval_s: float
    warnings: dict[str, str] = field(default_factory=dict)
    _own_s: dict[str, float] = field(default_factory=dict, init=False)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list, init=False)
    _broken: dict[str, Exception] = field(default_factory=dict, init=False)

    def also(self, name: str, read: Read, interval_s: float) -> None:
        """Read something else as well, at an interval of its own."""
        self.readers[name] = read
        self._own_s[name] = interval_s

    def begin(self, clock: Callable[[], float], found: Callable[[Seen], None]) -> None:
        """Begin to read.

        Args:
            clock: Seconds since the start of the run.
            found: Is given what is read.
        """
        for name in self.readers:
            self._tasks.append(asyncio.create_task(self._every(name, clock, found)))

    async def once(self) -> list[Probe]:
        """Ask everything that tells whether something is up, once.

        Raises:
            Exception: A reader's own fault: nothing is lost, and what was not asked must not pass for asked.
        """
        names = [name for name in self.readers if name == _CONTAINERS or name.startswith(_CHECK)]
        each = await asyncio.gather(*(self._read(name, self.readers[name], 0.0) for name in names))
        return [seen for many in each for seen in many or () if isinstance(seen, Probe)]

    async def count(self, at_s: float = 0.0) -> list[GaugeSample] | None:
        """What the services have counted until now; None when one of them does not say, or not all of it."""
        each = await asyncio.gather(*(self.attempt(name, read, at_s) for name, read in self.counters.items()))
        if any(many is None for many in each) or self.warnings.keys() & self.counters.keys():
            return None
        return [seen for many in each for seen in many or () if isinstance(seen, GaugeSample)]

    async def attempt(
        self, name: str, read: Callable[[float], Awaitable[Found]], at_s: float
    ) -> Found | None:
        """What a reader finds now; None when it cannot be read, and always after it broke.

        A fault of ours in it costs what it would have found, and nothing that was or will be measured.

        Args:
            name: Of the reader.
            read: What reads.
            at_s: Seconds since the start of the run.
        """
        if name in self._broken:
            return None
        try:
            return await self._read(name, read, at_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is ours, and says so
            _LOG.exception("the reader '%s' broke; this is a bug in bench: please report these lines", name)
            self._broken[name] = error
            self.warnings[f"{name} (broken)"] = _fault(name, error, at_s)
            return None

    def check(self) -> None:
        """Go on only while somebody reads, and takes what is found.

        Raises:
            BaseException: Nobody takes it, as when its file cannot be written any more; or all readers broke.
        """
        for task in self._tasks:
            if task.done():
                task.result()
        if self._tasks and all(task.done() for task in self._tasks):
            raise next(iter(self._broken.values()))

    async def end(self) -> None:
        """Read no more.

        Raises:
            BaseException: What kept somebody from taking what was found.
        """
        for task in self._tasks:
            task.cancel()
        for end in await asyncio.gather(*self._tasks, return_exceptions=True):
            if end is not None and not isinstance(end, asyncio.CancelledError):
                raise end

    async def _every(self, name: str, clock: Callable[[], float], found: Callable[[Seen], None]) -> None:
        """Read at each interval; one that takes longer costs the next ones, and nobody else."""
        loop = asyncio.get_running_loop()
        due_s, interval_s = loop.time(), self._own_s.get(name, self.interval_s)
        while True:
            for each in await self.attempt(name, self.readers[name], clock()) or ():
                found(each)
            if name in self._broken:
                return
            missed = (loop.time() - due_s) // interval_s
            due_s += (missed + 1) * interval_s
            await asyncio.sleep(due_s - loop.time())

    async def _read(self, name: str, read: Callable[[float], Awaitable[Found]], at_s: float) -> Found | None:
        try:
            return await read(at_s)
        except BenchError as error:
            self.warnings.setdefault(name, _told(error))
            return None


def _told(error: BenchError) -> str:
    """What is told of trouble, and what to do about it."""
    return error.message if error.hint is None else f"{error.message}; {error.hint}"


def _fault(name: str, error: Exception, at_s: float) -> str:
    """What is told of a fault, for a file that others read: not its words, which may hold a secret."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    fault = f"{type(error).__name__} at {frame.f_globals.get('__name__')}:{line}"
    after_s = f"{round(at_s, 1):g} s"
    return f"the reader '{name}' broke after {after_s} and was stopped, for a bug in bench: {fault}"


@asynccontextmanager
async def watching(watched: Watched | None, interval_s: float = INTERVAL_S) -> AsyncIterator[Watch]:
    """Readers of the machine, and of a stack where there is one; they end with the block."""
    host = HostReader()
    readers: dict[str, Read] = {"host": at_once(host.sample)}
    counters: dict[str, Read] = {}
    warnings: dict[str, str] = {}
    async with httpx.AsyncClient(trust_env=False) as client:
        engine = await _open_engine(warnings) if watched is not None and watched.live.containers else None
        asking: dict[str, Asker] = {}
        left_out: dict[str, str] = {}
        if watched is not None:
            live = watched.live
            if watched.checks:
                asking, left_out = askers(live, watched.token, client, watched.why_no_token)
            if watched.processes:
                readers["processes"] = at_once(ResourceSampler(live.pids, []).sample)
            if engine is not None:
                readers[_CONTAINERS] = ContainerReader(live.containers, engine).read
            readers |= {f"{_CHECK}{name}": _probe(name, asker) for name, asker in asking.items()}
            readers |= _readings("gauges", live.stack.gauges, live.urls, client, warnings)
            counters = _readings("counters", live.stack.counters, live.urls, client, warnings)
        async with AsyncExitStack() as after:
            if engine is not None:
                after.push_async_callback(_close, _CONTAINERS, engine.close)
            for name, asker in asking.items():
                after.push_async_callback(_close, f"{_CHECK}{name}", asker.close)
            watch = Watch(readers, counters, left_out, interval_s, warnings)
            after.push_async_callback(watch.end)
            yield watch


async def _open_engine(warnings: dict[str, str]) -> "DockerEngine | None":
    """Return a connection to the Docker engine; None, with a warning, if it has no usable address."""
    try:
        return await asyncio.to_thread(_find_engine)
    except BenchError as error:
        warnings[_CONTAINERS] = _told(error)
        return None


def _find_engine() -> "DockerEngine":
    # Its imports take a second of processor time, so only stacks with containers pay for them.
    from bench.measure.watch.docker_engine import DockerEngine, find_engine  # noqa: PLC0415 - see above

    return DockerEngine(find_engine())


def _readings(
    what: str,
    declared: Mapping[str, Readings],
    urls: Mapping[str, str],
    client: httpx.AsyncClient,
    warnings: dict[str, str],
) -> dict[str, Read]:
    """Readers of the services whose address is known, by a name for each."""
    found: dict[str, Read] = {}
    for service, readings in declared.items():
        if service in urls:
            name = f"{what} {service}"
            warn = partial(warnings.setdefault, name)
            found[name] = GaugeReader(service, urls[service], readings, client, warn).read
    return found


async def _close(name: str, close: Callable[[], Awaitable[None]]) -> None:
    """Close what a reader opened; a fault in that comes too late to cost anything that was read."""
    try:
        await close()
    except Exception:  # noqa: BLE001 - likewise
        _LOG.exception("cannot close what the reader '%s' opened; this is a bug in bench", name)


def at_once(sample: Callable[[float], Sequence[Seen]]) -> Read:
    """A reader that waits for nothing."""

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
