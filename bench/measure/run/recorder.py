"""Record one run: start the load, and watch the stack, the thresholds and Ctrl-C."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.core.config.executors import first_measured, list_warm_ups, planned_s
from bench.core.config.run_spec import RunSpec
from bench.core.config.secret_names import SECRET_NAME
from bench.core.config.stack import RepeatedRequest
from bench.core.limits.abort import AbortWatch
from bench.core.load.machine_limits import MachineLimits
from bench.core.load.plan import plan
from bench.core.load.progress import PlannedVus, Progress, ProgressWatch
from bench.core.run.plausibility import believe
from bench.core.run.recorded_values import NewValues, RecordedValues, add_values
from bench.core.run.recording import Recording, shift_stalls
from bench.core.run.run_start import begin_recording
from bench.core.run.run_store import MemoryStore, RunStore
from bench.core.samples.sample import ResourceSample, Stop, StopCause
from bench.core.samples.samples import Samples
from bench.core.tiers.attribution import add_remainder
from bench.core.watch.host import GENERATORS, STACK, Cores, find_shared_cores, host_of
from bench.core.watch.work import work_between
from bench.measure.calibration.reference import Reference
from bench.measure.calibration.run_calibration import RunCalibration
from bench.measure.faults.fault_run import FaultRun, Injection
from bench.measure.http.route import DIRECT, Route
from bench.measure.load.endpoint import SHORTEST_SECRET, Endpoint, list_secrets_of_headers
from bench.measure.load.messages import Batch, Job
from bench.measure.load.workers import Workers, start_workers
from bench.measure.machine import host
from bench.measure.machine.signals import call_on_signals
from bench.measure.run.token_renewal import TokenRenewal, Tokens
from bench.measure.tiers.run_tiers import RunTiers, TierSources
from bench.measure.watch.resources import ResourceSampler
from bench.measure.watch.watching import Watch, WatchedStack, WatchSample, open_watch, read_directly

_TICK_S = 0.5
# The name of the reader that looks for a service that ended.
_DEAD_SERVICES = "dead services"


@dataclass(frozen=True, slots=True)
class Subject:
    """A stack that is ready to be measured."""

    base_urls: Sequence[str]
    """Address of the target's service, and of the second target's service if the scenario has one."""
    tokens: Tokens | None = None
    """Tokens of the VUs; `None` if the target needs no token."""
    pids: Mapping[str, int] = field(default_factory=dict)
    """Process ids of the stack by service; empty if it runs elsewhere."""
    find_dead_service: Callable[[], str | None] = lambda: None
    """Describes a service that ended; returns `None` while all run. It may be slow and runs in a thread."""
    reference: Reference | None = None
    """The reference server; `None` to skip the calibration and the reference workload."""
    pinned: tuple[RepeatedRequest, str] | None = None
    """The stack's own reference request, and the address of its service."""
    tiers: TierSources = field(default_factory=TierSources)
    """Sources of tier times besides the answers."""
    route: Route = DIRECT
    """The way to the stack."""
    cores: Mapping[str, Cores] = field(default_factory=dict)
    """Cores of the load generators and of the stack; empty for all."""
    watched: WatchedStack | None = None
    """The stack to watch during the load; `None` to watch the host only."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Images and settings that must be equal for two runs to be comparable."""
    warnings: Sequence[str] = ()
    """Problems that were seen before the load and do not prevent it."""
    machine_limits: MachineLimits = field(default_factory=MachineLimits)
    """Limits of the load generator's machine."""
    services: Mapping[str, str] = field(default_factory=dict)
    """Address of each service that gets requests, by name; only journeys need it."""
    injection: Injection | None = None
    """The faults to inject; `None` if the scenario has none."""
    store: RunStore | None = None
    """Gets the requests and other values during the run; `None` to keep them in memory."""


def record(
    spec: RunSpec,
    subject: Subject,
    on_progress: Callable[[Progress], None],
    workers: int = 1,
    on_note: Callable[[str], None] = lambda _: None,
) -> Recording:
    """Run a scenario and return its recording, complete or stopped early.

    Args:
        spec: The scenario.
        subject: The stack to measure.
        on_progress: Receives the progress about twice a second.
        workers: Number of load generator processes.
        on_note: Receives one line about a step that takes long.

    Raises:
        ConfigError: A target needs an environment variable that is not set.
        MeasurementError: A load generator was lost before the load.
    """
    # An error is reported here, and not in a load generator.
    if spec.is_journey:
        # Only journeys need the clients of steps and turns here.
        from bench.measure.load.journey_users import make_setups  # noqa: PLC0415 - see above

        make_setups(spec, plan(spec), subject.services, subject.route, os.environ)
    for url, target in zip(subject.base_urls, spec.targets, strict=True):
        Endpoint.of(spec, url, os.environ, target)
    machine = host.read_machine()
    before = host.read_counters()
    kept = subject.store or MemoryStore(list_secrets(spec))
    asyncio.run(_Session(spec, subject, on_progress, on_note, kept).run(workers))
    after = host.read_counters()
    newest = RecordedValues(at_s=0.0, host=host_of(machine, before, after, subject.cores))
    kept.note(newest)
    remainder = subject.tiers.remainder
    begun = begin_recording(spec, kept.read_samples(), workers, subject.machine_limits, remainder)
    return add_values(begun, kept.read_values())


def list_secrets(spec: RunSpec) -> list[str]:
    """Return the values of headers and the secrets of the environment, which no result may contain.

    A service may quote a secret that the load generator does not know, such as its own key.
    """
    environ = {**os.environ, **spec.variables}
    secrets: set[str] = set()
    for target in spec.targets:
        secrets.update(list_secrets_of_headers(target, environ))
    for name, value in environ.items():
        if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET:
            secrets.add(value)
    return sorted(secrets, key=len, reverse=True)


def _describe_end(workers: Workers) -> dict[str, object]:
    """Return the fields of `RecordedValues` about the load generators, when the newest load has ended."""
    began_s = workers.began_s or 0.0
    return {
        "http_versions": tuple(sorted(workers.http_versions)),
        "pauses": shift_stalls(workers.pauses, -began_s),
        "longest_turn_s": workers.longest_turn_s,
        "long_turns": shift_stalls(workers.long_turns, -began_s),
    }


def _has_lost_generator(stop: Stop | None) -> bool:
    return stop is not None and stop.cause is StopCause.GENERATOR


class _Session:
    """A run in progress."""

    def __init__(
        self,
        spec: RunSpec,
        subject: Subject,
        on_progress: Callable[[Progress], None],
        on_note: Callable[[str], None],
        store: RunStore,
    ) -> None:
        self._spec = spec
        self._subject = subject
        self._on_progress = on_progress
        self._store = store
        self._values = NewValues()
        self._values.add_warnings(subject.warnings)
        self._noted_s = 0.0
        self._start_s: float | None = None
        self._work: dict[str, float] = {}
        self._latest_resources: dict[str, ResourceSample] = {}
        self._abort = AbortWatch(spec.scenario.thresholds, list_warm_ups(spec.scenario.phases), spec.coverage)
        self._progress = ProgressWatch()
        self._planned_vus = PlannedVus(plan(spec))
        self._tiers = RunTiers(subject.tiers, subject.route, on_note)
        self._first_phase = first_measured(spec.scenario.phases)
        self._newest_phase = 0
        self._renewal: TokenRenewal | None = None
        self._calibration = RunCalibration(subject.reference, spec.scenario, subject.pinned, subject.route)
        self._interrupted = asyncio.Event()
        self._faults = FaultRun(subject.injection, on_note)

    async def run(self, workers: int) -> None:
        with call_on_signals(self._interrupted.set):
            async with start_workers(workers, self._subject.cores.get(GENERATORS, ())) as generators:
                await self._run(generators)

    async def _run(self, workers: Workers) -> None:
        """Calibrate, run the load, calibrate again; after Ctrl-C skip the steps after the load."""
        await self._calibration.before(workers)
        self._note_calibration(0.0, workers)
        elapsed_s, stop = await self._run_load(workers)
        if not self._interrupted.is_set() and not _has_lost_generator(stop):
            await self._calibration.after(workers)
            self._note_calibration(elapsed_s, workers)
        samples = await self._add_traces()
        if stop is None and not self._tiers.means and not self._believe(samples).tiers:
            await self._measure_layers(workers)
        self._values.add_warnings(self._tiers.warnings.values())
        layers = tuple(map(dict, self._tiers.layers))
        work = self._tiers.calls | self._work
        self._note(elapsed_s, work=work, layers=layers, tier_means=self._tiers.means)

    def _note(self, at_s: float, **values: Any) -> None:
        """Store the values since the previous time, and these.

        Args:
            at_s: Time since the start of the load.
            values: Fields of `RecordedValues`.
        """
        self._noted_s = time.monotonic()
        values = {"faults": self._faults.times, **values}
        self._store.note(self._values.take(at_s).model_copy(update=values))

    def _note_calibration(self, at_s: float, workers: Workers) -> None:
        """Store the errors of the load generator and the times of the reference workload so far."""
        calibration = self._calibration.calibration()
        if calibration is not None:
            bound = self._subject.cores.get(GENERATORS, ()), self._subject.cores.get(STACK, ())
            shared_cores = find_shared_cores(host.read_machine(), len(workers.pids), *bound)
            calibration = calibration.model_copy(update={"shared_cores": shared_cores})
        self._note(at_s, calibration=calibration, reference_workload=self._calibration.workload())

    async def _add_traces(self) -> Samples:
        """Wait for the traces of the requests; return the requests with the tier times of the traces."""
        stored = self._store.read_samples()
        samples = await self._tiers.add_traces(stored, self._interrupted)
        if samples is not stored:
            self._store.replace_tiers(samples)
        return samples

    async def _measure_layers(self, workers: Workers) -> None:
        """Measure each tier alone, after the load, since no other source reports them."""
        tokens = self._subject.tokens
        first_token = [tokens.mint(0)] if tokens else []
        await self._tiers.measure_layers(workers, first_token, self._interrupted)

    async def _run_load(self, workers: Workers) -> tuple[float, Stop | None]:
        """Run the load and return its duration, and the reason if it stopped early."""
        subject = self._subject
        job = Job(
            self._spec,
            subject.base_urls,
            self._mint_tokens(),
            route=subject.route,
            services=subject.services,
            trace_prefix=self._tiers.trace_prefix,
        )
        sampler = ResourceSampler(subject.pids, workers.pids)
        async with open_watch(subject.watched) as watch:
            watch.add("processes", read_directly(sampler.sample), _TICK_S)

            def start_watch() -> None:
                self._start_s = time.monotonic()
                watch.start(self._elapsed_s, self._add_sample)

            counters_before = await watch.read_counters()
            await self._tiers.begin(0.0)
            load = asyncio.create_task(workers.run(job, self._add_batch, start_watch))
            self._faults.watch(lambda: self._find_origin(workers))
            try:
                stop = await self._supervise(load, workers, watch)
                elapsed_s, lost = await workers.end(load)
                stop = stop or lost
                await self._faults.end(is_last=self._interrupted.is_set())
                stop = stop or self._faults.find_stop()
                self._values.add_warnings(watch.warnings.values())
                self._note(elapsed_s, is_end=True, stop=stop, **_describe_end(workers))
                await self._tiers.end(elapsed_s, self._store.read_samples())
                if stop is None and counters_before is not None:
                    counters_after = await watch.read_counters(elapsed_s)
                    self._work = work_between(counters_before, counters_after or ())
                return elapsed_s, stop
            finally:
                load.cancel()  # has no effect on a load that ended
                await self._faults.end(is_last=True)
                self._values.add_warnings(watch.warnings.values())

    def _find_origin(self, workers: Workers) -> tuple[float, float] | None:
        """Return the start of the load and that of the first measured phase; `None` before it."""
        if workers.began_s is None or workers.phase < self._first_phase:
            return None
        return workers.began_s, workers.phase_began_s

    def _mint_tokens(self) -> list[str]:
        tokens = self._subject.tokens
        if tokens is None:
            return []
        minted = [tokens.mint(number) for number in range(tokens.count)]
        self._renewal = TokenRenewal(tokens, time.monotonic(), _TICK_S)
        return minted

    def _add_sample(self, sample: WatchSample) -> None:
        self._values.add_sample(sample)
        if isinstance(sample, ResourceSample):
            self._latest_resources[sample.source] = sample

    def _elapsed_s(self) -> float:
        """Return the time since the start of the load; 0 before it."""
        return 0.0 if self._start_s is None else time.monotonic() - self._start_s

    def _add_batch(self, batch: Batch) -> None:
        """Add finished requests to the store, the thresholds and the progress."""
        self._store.add(batch.log)
        self._values.add_remarks(batch.remarks)
        self._values.add_tokens(batch.token_times)
        new = batch.log.since(0)
        self._abort.add(self._believe(new))
        self._progress.add(new)
        self._note_regularly()

    def _note_regularly(self) -> None:
        """Store the new values, about twice a second."""
        if time.monotonic() - self._noted_s >= _TICK_S:
            self._note(self._elapsed_s())

    def _believe(self, samples: Samples) -> Samples:
        """Return the requests without the tier times that cannot be true."""
        believed = believe(samples, self._spec.target.forms).samples
        return add_remainder(believed, self._subject.tiers.remainder)

    async def _supervise(self, load: asyncio.Task[float], workers: Workers, watch: Watch) -> Stop | None:
        """Tick until the load ends; return `None`, or the reason to stop it early."""
        interrupted = asyncio.create_task(self._interrupted.wait())
        try:
            while True:
                await asyncio.wait({load, interrupted}, timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED)
                if load.done():
                    return None
                if interrupted.done():
                    return Stop(cause=StopCause.INTERRUPT, reason="interrupted")
                if workers.began_s is not None:
                    stop = await self._tick(workers.began_s, workers, watch)
                    if stop is not None:
                        return stop
        finally:
            interrupted.cancel()

    async def _tick(self, start_s: float, workers: Workers, watch: Watch) -> Stop | None:
        now_s = time.monotonic()
        elapsed_s = now_s - start_s
        self._values.add_warnings(watch.warnings.values())
        self._note_regularly()
        self._renew_tokens(workers)
        if self._newest_phase < self._first_phase <= workers.phase:
            await self._tiers.begin(elapsed_s)
        self._newest_phase = workers.phase
        failed = self._faults.find_stop()
        if failed is not None:
            return failed
        self._on_progress(
            self._progress.progress(
                elapsed_s,
                planned_s(self._spec.scenario.phases),
                vus=self._planned_vus.at(workers.phase, now_s - workers.phase_began_s),
                in_flight=workers.in_flight,
                resources=tuple(self._latest_resources.values()),
            )
        )
        # Containers need the slow `docker` program; phases and health checks go on meanwhile.
        dead = await watch.attempt(
            _DEAD_SERVICES, lambda _: asyncio.to_thread(self._subject.find_dead_service), elapsed_s
        )
        if dead is not None:
            reason, *log = dead.splitlines()
            return Stop(cause=StopCause.TARGET, reason=reason, log=tuple(log))
        crossed = self._abort.reason(elapsed_s)
        return Stop(cause=StopCause.THRESHOLD, reason=crossed) if crossed else None

    def _renew_tokens(self, workers: Workers) -> None:
        if self._renewal is None or self._subject.tokens is None:
            return
        for number in self._renewal.take_due(time.monotonic()):
            workers.renew({number: self._subject.tokens.mint(number)})
