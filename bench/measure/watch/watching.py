"""Watch a stack during a load: containers, the host, health checks and gauges, each at its own interval."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from bench.core.config.autoscaling import Autoscaling
from bench.core.config.watching import Readings
from bench.core.samples.sample import GaugeSample, Probe, ResourceSample
from bench.core.watch.scaling import ScalingDecision
from bench.errors import BenchError
from bench.measure.http.route import Route
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.stacks.stack_processes import StackProcesses
from bench.measure.watch.autoscaler import Autoscaler
from bench.measure.watch.checks import HealthCheck, OpenClient, open_checks, probe
from bench.measure.watch.resources import HostReader, ResourceSampler

if TYPE_CHECKING:
    import httpx

    from bench.measure.watch.docker_engine import DockerEngine

_LOG = logging.getLogger(__name__)
INTERVAL_S = 2.0
_CONTAINERS = "containers"
_CHECK_PREFIX = "check "
# Time after which a reader that still runs is cancelled again.
_CANCEL_AGAIN_S = 1.0
WatchSample = ResourceSample | Probe | GaugeSample | ScalingDecision
Reader = Callable[[float], Awaitable[Sequence[WatchSample]]]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class WatchedStack:
    """A stack that is watched together with the host."""

    running: RunningStack
    token: Callable[[], str] | None = None
    """Creates a token of a test user; `None` without a test user."""
    why_no_token: str | None = None
    """The reason why there is no test user, for people."""
    checks: bool = True
    """Run the health checks."""
    processes: bool = False
    """Read the stack's processes here; False if the caller reads them."""
    scales: bool = False
    """Change the number of instances, as the stack's `scaling` declares it."""


@dataclass(slots=True)
class Watch:
    """A set of readers that run until `stop`."""

    readers: dict[str, Reader]
    """Readers that run at an interval, by name."""
    counters: dict[str, Reader]
    """Readers of counters, which run only before and after the load, by name."""
    skipped: dict[str, str]
    """The reason why a health check does not run, by its name."""
    interval_s: float
    warnings: dict[str, str] = field(default_factory=dict)
    """One warning for each reader that failed, and one more if it crashed, by name."""
    _own_interval_s: dict[str, float] = field(default_factory=dict, init=False)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list, init=False)
    _crashed: dict[str, Exception] = field(default_factory=dict, init=False)

    def add(self, name: str, read: Reader, interval_s: float) -> None:
        """Add a reader with its own interval."""
        self.readers[name] = read
        self._own_interval_s[name] = interval_s

    def start(self, clock: Callable[[], float], on_sample: Callable[[WatchSample], None]) -> None:
        """Start all readers.

        Args:
            clock: Returns the seconds since the start of the run.
            on_sample: Receives each sample.
        """
        for name in self.readers:
            self._tasks.append(asyncio.create_task(self._repeat(name, clock, on_sample)))

    async def probe_all(self) -> list[Probe]:
        """Run every health check once and return the probes.

        Raises:
            Exception: A reader has a bug. Without a load no data is lost, and a check that did not run must
                not count as healthy.
        """
        names = [name for name in self.readers if name == _CONTAINERS or name.startswith(_CHECK_PREFIX)]
        readings = await asyncio.gather(*(self._read(name, self.readers[name], 0.0) for name in names))
        probes: list[Probe] = []
        for reading in readings:
            probes += [sample for sample in reading or () if isinstance(sample, Probe)]
        return probes

    async def read_counters(self, at_s: float = 0.0) -> list[GaugeSample] | None:
        """Return the counters of all services; `None` if one of them is incomplete."""
        readings = await asyncio.gather(
            *(self.attempt(name, read, at_s) for name, read in self.counters.items())
        )
        if self.warnings.keys() & self.counters.keys():
            return None
        samples: list[GaugeSample] = []
        for reading in readings:
            if reading is None:
                return None
            samples += [sample for sample in reading if isinstance(sample, GaugeSample)]
        return samples

    async def attempt(
        self, name: str, read: Callable[[float], Awaitable[Result]], at_s: float
    ) -> Result | None:
        """Run a reader; return `None` if it fails, and always after it crashed.

        A bug in a reader loses its own data only, never that of the load.

        Args:
            name: Name of the reader.
            read: The reader.
            at_s: Seconds since the start of the run.
        """
        if name in self._crashed:
            return None
        try:
            return await self._read(name, read, at_s)
        except Exception as error:  # noqa: BLE001 - every bug of a reader ends here
            _LOG.exception("the reader '%s' crashed; this is a bug in bench: please report these lines", name)
            self._crashed[name] = error
            self.warnings[f"{name} (crashed)"] = _describe_crash(name, error, at_s)
            return None

    def check(self) -> None:
        """Raise the error of a task that ended.

        Raises:
            BaseException: `on_sample` failed, for example because the disk is full, or all readers crashed.
        """
        for task in self._tasks:
            if task.done():
                task.result()
        if self._tasks and all(task.done() for task in self._tasks):
            raise next(iter(self._crashed.values()))

    async def stop(self) -> None:
        """Stop all readers.

        Raises:
            BaseException: `on_sample` failed.
        """
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            # A cancellation is lost if a library swallows it, for example at the end of a reading.
            _, running = await asyncio.wait(running, timeout=_CANCEL_AGAIN_S)
        for task in self._tasks:
            if not task.cancelled():
                task.result()

    async def _repeat(
        self, name: str, clock: Callable[[], float], on_sample: Callable[[WatchSample], None]
    ) -> None:
        """Read at each interval. A reading that takes longer skips the next ones, of this reader only."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        interval_s = self._own_interval_s.get(name, self.interval_s)
        while True:
            for sample in await self.attempt(name, self.readers[name], clock()) or ():
                on_sample(sample)
            if name in self._crashed:
                return
            skipped = (loop.time() - due_s) // interval_s
            due_s += (skipped + 1) * interval_s
            await asyncio.sleep(due_s - loop.time())

    async def _read(
        self, name: str, read: Callable[[float], Awaitable[Result]], at_s: float
    ) -> Result | None:
        try:
            return await read(at_s)
        except BenchError as error:
            self.warnings.setdefault(name, _describe(error))
            return None


def _describe(error: BenchError) -> str:
    return error.message if error.hint is None else f"{error.message}; {error.hint}"


def _describe_crash(name: str, error: Exception, at_s: float) -> str:
    """Describe a bug for the result file: its type and place, not its text, which may contain a secret."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    place = f"{type(error).__name__} at {frame.f_globals.get('__name__')}:{line}"
    return f"the reader '{name}' crashed after {round(at_s, 1):g} s and was stopped: bug in bench: {place}"


@asynccontextmanager
async def open_watch(watched: WatchedStack | None, interval_s: float = INTERVAL_S) -> AsyncIterator[Watch]:
    """Create the readers of the host and of a stack; the block's end stops and closes them."""
    watch = Watch({"host": read_directly(HostReader().sample)}, {}, {}, interval_s)
    async with AsyncExitStack() as closing:
        if watched is not None:
            await _add_stack(watch, watched, closing)
        closing.push_async_callback(watch.stop)
        yield watch


class _SharedClient:
    """The HTTP client of all readers, which the first one that needs it makes.

    Args:
        route: The way to the stack.
        urls: Addresses of the stack.
    """

    def __init__(self, route: Route, urls: Sequence[str]) -> None:
        self._route = route
        self._urls = urls
        self._client: httpx.AsyncClient | None = None

    def open(self) -> "httpx.AsyncClient":
        """Return the client."""
        if self._client is None:
            self._client = self._route.client(self._urls)
        return self._client

    async def close(self) -> None:
        """Close the connections of the client."""
        if self._client is not None:
            await self._client.aclose()


async def _add_stack(watch: Watch, watched: WatchedStack, closing: AsyncExitStack) -> None:
    """Add the readers of a stack: processes, containers, checks, gauges and counters."""
    running = watched.running
    client = _SharedClient(running.route, tuple(running.urls.values()))
    closing.push_async_callback(client.close)
    if watched.processes:
        watch.readers["processes"] = read_directly(ResourceSampler(running.pids, []).sample)
    engine = await _open_engine(watch.warnings) if running.containers else None
    if engine is not None:
        closing.push_async_callback(_close, _CONTAINERS, engine.close)
        from bench.measure.watch.containers import ContainerReader  # noqa: PLC0415 - likewise

        watch.readers[_CONTAINERS] = ContainerReader(running.containers, engine).read
    if watched.checks:
        checks, watch.skipped = open_checks(running, watched.token, client.open, watched.why_no_token)
        for check_name, check in checks.items():
            name = f"{_CHECK_PREFIX}{check_name}"
            closing.push_async_callback(_close, name, check.close)
            watch.readers[name] = _probe_reader(check_name, check)
    stack = running.stack
    watch.readers |= _gauge_readers("gauges", stack.gauges, running, client.open, watch.warnings)
    watch.counters |= _gauge_readers("counters", stack.counters, running, client.open, watch.warnings)
    if watched.scales and running.processes is not None:
        for service, rule in stack.scaling.items():
            _add_autoscaler(watch, running.processes, service, rule, closing)


def _add_autoscaler(
    watch: Watch, started: StackProcesses, service: str, rule: Autoscaling, closing: AsyncExitStack
) -> None:
    """Follow the gauge that the stack already reads."""
    from bench.measure.stacks.replicas import Replicas  # noqa: PLC0415 - only a stack that scales starts any

    autoscaler = Autoscaler(service, rule, Replicas(started), watch.readers[f"gauges {rule.of or service}"])
    closing.push_async_callback(autoscaler.close)
    watch.add(f"scaling {service}", autoscaler.read, rule.interval_s)


async def _open_engine(warnings: dict[str, str]) -> "DockerEngine | None":
    """Return a connection to the Docker engine; `None`, with a warning, if it has no usable address."""
    try:
        return await asyncio.to_thread(_find_engine)
    except BenchError as error:
        warnings[_CONTAINERS] = _describe(error)
        return None


def _find_engine() -> "DockerEngine":
    # Its imports take a second of processor time, so only stacks with containers pay for them.
    from bench.measure.watch.docker_engine import DockerEngine, find_engine  # noqa: PLC0415 - see above

    return DockerEngine(find_engine())


def _gauge_readers(
    kind: str,
    declared: Mapping[str, Readings],
    running: RunningStack,
    open_client: OpenClient,
    warnings: dict[str, str],
) -> dict[str, Reader]:
    """Return a reader for each declared service with an address, or with instances, by name."""
    if not declared:
        return {}
    # The parser of Prometheus and httpx take a tenth of a second to import, so only stacks with gauges pay.
    from bench.measure.watch.gauges import GaugeReader, InstanceGauges  # noqa: PLC0415 - see above

    readers: dict[str, Reader] = {}
    for service, readings in declared.items():
        name = f"{kind} {service}"
        warn = partial(warnings.setdefault, name)
        if running.is_replicated(service):
            list_urls = partial(running.instance_urls, service)
            readers[name] = InstanceGauges(list_urls, readings, open_client(), warn).read
        elif service in running.urls:
            readers[name] = GaugeReader(service, running.urls[service], readings, open_client(), warn).read
    return readers


async def _close(name: str, close: Callable[[], Awaitable[None]]) -> None:
    """Close the connections of a reader. A bug here comes too late to lose a sample, so it is only logged."""
    try:
        await close()
    except Exception:  # noqa: BLE001 - likewise
        _LOG.exception("cannot close the connections of the reader '%s'; this is a bug in bench", name)


def read_directly(sample: Callable[[float], Sequence[WatchSample]]) -> Reader:
    """Return a reader for a function that never waits."""

    async def read(at_s: float) -> Sequence[WatchSample]:
        return sample(at_s)

    return read


def _probe_reader(name: str, check: HealthCheck) -> Reader:
    async def read(at_s: float) -> Sequence[WatchSample]:
        return [await probe(name, check, at_s)]

    return read


async def probe_once(watched: WatchedStack) -> tuple[list[Probe], dict[str, str]]:
    """Run each health check of a stack once; return the probes, and the reasons for missing ones by name."""
    async with open_watch(watched) as watch:
        probes = await watch.probe_all()
        return probes, watch.skipped | watch.warnings
