"""Record one run: start the load, and watch the stack, the thresholds and Ctrl-C."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from bench.core.config.executors import first_measured, list_warm_ups
from bench.core.config.run_spec import RunSpec
from bench.core.limits.abort import AbortWatch
from bench.core.load.progress import Progress
from bench.core.run.generator_reports import GeneratorReport, list_early_losses
from bench.core.run.plausibility import believe
from bench.core.run.recorded_values import NewValues, RecordedValues, add_values
from bench.core.run.recording import Recording
from bench.core.run.run_start import begin_recording
from bench.core.run.run_store import MemoryStore, RunStore
from bench.core.samples.sample import ResourceSample, Stop, StopCause
from bench.core.samples.samples import Samples
from bench.core.tiers.attribution import add_remainder
from bench.core.watch.host import host_of
from bench.core.watch.work import work_between
from bench.errors import MeasurementError
from bench.measure.calibration.run_calibration import RunCalibration
from bench.measure.faults.fault_run import FaultRun
from bench.measure.load.messages import Batch, Job
from bench.measure.load.workers import LostGeneratorError, Workers
from bench.measure.machine import host
from bench.measure.machine.signals import call_on_signals
from bench.measure.run.generators import (
    add_trials,
    count_shared_cores,
    describe_end,
    find_machine_limits,
    open_generators,
    read_reports,
)
from bench.measure.run.run_hooks import RunHooks
from bench.measure.run.run_progress import CALIBRATION, LoadMoment, RunProgress
from bench.measure.run.subject import Subject, check_load, list_secrets
from bench.measure.run.token_renewal import TokenRenewal
from bench.measure.tiers.run_tiers import RunTiers
from bench.measure.watch.resources import ResourceSampler
from bench.measure.watch.watching import Watch, WatchSample, open_watch, read_directly

_TICK_S = 0.5
# The name of the reader that looks for a service that ended.
_DEAD_SERVICES = "dead services"


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
    hooks = RunHooks(on_progress, on_note, asyncio.Event())
    recording = asyncio.run(_record(spec, subject, hooks, workers))
    return replace(recording, is_interrupted=hooks.interrupted.is_set())


async def _record(spec: RunSpec, subject: Subject, hooks: RunHooks, workers: int) -> Recording:
    with call_on_signals(hooks.interrupted.set):
        async with open_generators(workers, subject) as generators:
            return await record_on(generators, spec, subject, hooks)


async def record_on(generators: Workers, spec: RunSpec, subject: Subject, hooks: RunHooks) -> Recording:
    """Run a scenario on load generators that were started already, and return its recording.

    Args:
        generators: The load generators.
        spec: The scenario.
        subject: The stack to measure.
        hooks: Receive the progress, and may end the run.

    Raises:
        ConfigError: A target needs an environment variable that is not set.
        MeasurementError: A load generator was lost before the load, or its machine is too small.
    """
    check_load(spec, subject)
    subject = await _check_machines(generators, spec, subject)
    machine = host.read_machine()
    before = host.read_counters()
    kept = subject.store or MemoryStore(list_secrets(spec))
    await _Session(spec, subject, hooks, kept).run(generators)
    after = host.read_counters()
    newest = RecordedValues(at_s=0.0, host=host_of(machine, before, after, subject.cores))
    kept.note(newest)
    remainder = subject.tiers.remainder
    workers = len(generators.generators)
    begun = begin_recording(spec, kept.read_samples(), workers, subject.machine_limits, remainder)
    return add_values(begun, kept.read_values())


async def _check_machines(generators: Workers, spec: RunSpec, subject: Subject) -> Subject:
    """Check the machines of a cluster, whose limits only their load generators can read.

    Returns:
        The stack to measure, with a warning for each limit that an open loop may reach.

    Raises:
        MeasurementError: A machine is certainly too small for its share.
    """
    if not generators.goes_on:
        return subject
    shortages, risks = await find_machine_limits(generators, spec, subject)
    for shortage in shortages:
        raise MeasurementError(shortage)
    warnings = [f"this run may fail: {risk}" for risk in risks]
    return replace(subject, warnings=(*subject.warnings, *warnings))


def _has_lost_generator(stop: Stop | None) -> bool:
    return stop is not None and stop.cause is StopCause.GENERATOR


class _Session:
    """A run in progress."""

    def __init__(self, spec: RunSpec, subject: Subject, hooks: RunHooks, store: RunStore) -> None:
        self._spec = spec
        self._subject = subject
        self._store = store
        self._interrupted = hooks.interrupted
        self._early_end = hooks.early_end
        self._ended_s: float | None = None
        self._values = NewValues()
        self._values.add_warnings(subject.warnings)
        self._noted_s = 0.0
        self._start_s: float | None = None
        self._work: dict[str, float] = {}
        self._abort = AbortWatch(spec.scenario.thresholds, list_warm_ups(spec.scenario.phases), spec.coverage)
        afterwards = () if subject.reference is None else (CALIBRATION,)
        self._progress = RunProgress(spec, hooks.progress, afterwards)
        self._tiers = RunTiers(subject.tiers, subject.route, hooks.note)
        self._first_phase = first_measured(spec.scenario.phases)
        self._newest_phase = 0
        self._renewal: TokenRenewal | None = None
        self._calibration = RunCalibration(subject.reference, spec.scenario, subject.pinned, subject.route)
        self._reports: tuple[GeneratorReport, ...] = ()
        self._faults = FaultRun(subject.injection, hooks.note)

    async def run(self, workers: Workers) -> None:
        """Calibrate, run the load, calibrate again; after Ctrl-C skip the steps after the load."""
        if self._calibration.precedes_load:
            self._progress.show_step(CALIBRATION, "load")
        await self._calibration.before(workers)
        self._note_calibration(0.0, workers)
        elapsed_s, stop = await self._run_load(workers)
        self._reports = await read_reports(workers, self._spec, is_complete=stop is None)
        self._values.add_warnings(list_early_losses(self._reports))
        if not self._interrupted.is_set() and not _has_lost_generator(stop):
            await self._calibrate_after(workers)
        self._note_calibration(elapsed_s, workers)
        samples = await self._add_traces()
        is_alone = self._early_end is None
        if is_alone and stop is None and not self._tiers.means and not self._believe(samples).tiers:
            await self._measure_layers(workers)
        self._values.add_warnings(self._tiers.warnings.values())
        layers = tuple(map(dict, self._tiers.layers))
        work = self._tiers.calls | self._work
        self._note(elapsed_s, work=work, layers=layers, tier_means=self._tiers.means)

    async def _calibrate_after(self, workers: Workers) -> None:
        """Calibrate after the load. Without load generators on other machines, the run ends without it."""
        if self._subject.reference is not None:
            self._progress.show_step(CALIBRATION)
        try:
            await self._calibration.after(workers)
        except LostGeneratorError as error:
            if not workers.goes_on:
                raise
            self._values.add_warnings([f"there is no calibration after the load: {error.message}"])

    def _note(self, at_s: float, **values: Any) -> None:
        """Store the values since the previous time, and these.

        Args:
            at_s: Time since the start of the load.
            values: Fields of `RecordedValues`.
        """
        self._noted_s = time.monotonic()
        values = {"faults": self._faults.times, "traced_loads": self._tiers.traced_loads, **values}
        self._store.note(self._values.take(at_s).model_copy(update=values))

    def _note_calibration(self, at_s: float, workers: Workers) -> None:
        """Store the errors of the load generator and the times of the reference workload so far."""
        calibration = self._calibration.calibration()
        if calibration is not None:
            shared_cores = count_shared_cores(workers, self._subject.cores)
            calibration = calibration.model_copy(update={"shared_cores": shared_cores})
        workload = self._calibration.workload()
        reports = add_trials(self._reports, self._calibration)
        self._note(at_s, calibration=calibration, reference_workload=workload, generators=reports)

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
            reports_waits=self._early_end is not None,
        )
        sampler = ResourceSampler(subject.pids, workers.pids)
        async with open_watch(subject.watched) as watch:
            watch.add("processes", read_directly(sampler.sample), _TICK_S)

            def start_watch() -> None:
                self._start_s = workers.began_s
                watch.start(self._elapsed_s, self._add_sample)

            if self._early_end is not None:
                await self._early_end.open(watch)
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
                self._add_samples(workers.take_usage())
                ended = {"ended_s": self._ended_s, **describe_end(workers)}
                self._note(elapsed_s, is_end=True, stop=stop, **ended)
                if self._early_end is not None:
                    self._progress.show_step("drain of the queues")
                    await self._early_end.drain(watch)
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

    def _add_samples(self, samples: Sequence[WatchSample]) -> None:
        for sample in samples:
            self._add_sample(sample)

    def _add_sample(self, sample: WatchSample) -> None:
        self._values.add_sample(sample)
        if isinstance(sample, ResourceSample):
            self._progress.add_resource(sample)

    def _elapsed_s(self) -> float:
        """Return the time since the start of the load; 0 before it."""
        return 0.0 if self._start_s is None else max(0.0, time.monotonic() - self._start_s)

    def _add_batch(self, batch: Batch) -> None:
        """Add finished requests to the store, the thresholds and the progress."""
        self._store.add(batch.log)
        self._values.add_remarks(batch.remarks)
        self._values.add_tokens(batch.token_times)
        new = batch.log.since(0)
        self._abort.add(self._believe(new))
        self._progress.add(new)
        if self._early_end is not None:
            self._early_end.add(new)
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
        self._add_samples(workers.take_usage())
        if self._newest_phase < self._first_phase <= workers.phase:
            await self._tiers.begin(elapsed_s)
        self._newest_phase = workers.phase
        failed = self._faults.find_stop()
        if failed is not None:
            return failed
        self._end_phase_if_enough(workers, now_s)
        phase_s = now_s - workers.phase_began_s
        self._progress.show_load(LoadMoment(elapsed_s, workers.phase, phase_s, workers.in_flight))
        # Containers need the slow `docker` program; phases and health checks go on meanwhile.
        dead = await watch.attempt(
            _DEAD_SERVICES, lambda _: asyncio.to_thread(self._subject.find_dead_service), elapsed_s
        )
        if dead is not None:
            reason, *log = dead.splitlines()
            return Stop(cause=StopCause.TARGET, reason=reason, log=tuple(log))
        crossed = self._abort.reason(elapsed_s)
        return Stop(cause=StopCause.THRESHOLD, reason=crossed) if crossed else None

    def _end_phase_if_enough(self, workers: Workers, now_s: float) -> None:
        """End the measured phase if its control has seen enough."""
        if self._early_end is None or self._ended_s is not None or workers.phase < self._first_phase:
            return
        began_s = workers.began_s or 0.0
        phase_s = (workers.phase_began_s - began_s, now_s - began_s)
        if self._early_end.is_enough(phase_s, workers.waits_s):
            self._ended_s = now_s - workers.phase_began_s
            workers.end_phase()

    def _renew_tokens(self, workers: Workers) -> None:
        if self._renewal is None or self._subject.tokens is None:
            return
        for number in self._renewal.take_due(time.monotonic()):
            workers.renew({number: self._subject.tokens.mint(number)})
