"""Records one run: has the load given, and watches the stack, the thresholds and the user's Ctrl-C."""

import asyncio
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from bench.core.calibration.calibration import Calibration, Trial
from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.config.executors import in_words, list_warm_ups, planned_s
from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Asked, Layers
from bench.core.limits.abort import AbortWatch
from bench.core.load.plan import plan
from bench.core.load.progress import PlannedVus, Progress, ProgressWatch
from bench.core.run.layers import Round
from bench.core.run.recording import Recording
from bench.core.samples.sample import GaugeSample, Probe, ResourceSample, Stop, StopCause
from bench.core.samples.samples import SampleLog
from bench.core.values.histogram import Histogram
from bench.core.watch.host import GENERATORS, Cores, host_of
from bench.core.watch.work import work_between
from bench.measure.calibration import reference_workload
from bench.measure.calibration.calibrate import calibrate, trial_load
from bench.measure.load.endpoint import Endpoint
from bench.measure.load.layers import measure_layers
from bench.measure.load.messages import Batch, Job, TransportChoice
from bench.measure.load.workers import Workers, start_workers
from bench.measure.machine import host
from bench.measure.machine.signals import call_on_signals
from bench.measure.watch.resources import ResourceSampler
from bench.measure.watch.watching import Seen, Watch, Watched, at_once, watching

_TICK_S = 0.5
_TAKE_BACK_TIMEOUT_S = 10.0
# Tokens are renewed from half of their life on, and all before three quarters of it.
_RENEW_FROM, _RENEW_WITHIN = 0.5, 0.25


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of the virtual users.

    Attributes:
        mint: Makes a new one for the user of a number.
        count: Of users.
        lifetime_s: Of a token.
    """

    mint: Callable[[int], str]
    count: int
    lifetime_s: float


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured.

    Attributes:
        base_urls: Of the service that offers the target, and of the one that offers the target beside.
        tokens: Of the virtual users; None when the target asks for none.
        pids: Of the stack's processes, by service; empty when they run elsewhere.
        dead: Says which service died; None while all run. It may take long, and is asked in a thread.
        reference_url: Of the server of known timing; None to do without the certificate and the control.
        pinned: The request that the stack declares as its control, and the address of its service.
        layers: How to ask each tier by itself, when the stack declares that, and the addresses by service.
        transport: Who speaks HTTP.
        cores: That the load generators and the stack are held to, by who; empty for any.
        watched: The stack as it is watched beside the load; None when only the machine is.
        parts: What it is made of, as far as that must be equal for two runs to be compared.
    """

    base_urls: Sequence[str]
    tokens: Tokens | None = None
    pids: Mapping[str, int] = field(default_factory=dict)
    dead: Callable[[], str | None] = lambda: None
    reference_url: str | None = None
    pinned: tuple[Asked, str] | None = None
    layers: tuple[Layers, Mapping[str, str]] | None = None
    transport: TransportChoice = TransportChoice.OWN
    cores: Mapping[str, Cores] = field(default_factory=dict)
    watched: Watched | None = None
    parts: Mapping[str, str] = field(default_factory=dict)


def record(
    spec: RunSpec, subject: Subject, on_progress: Callable[[Progress], None], workers: int = 1
) -> Recording:
    """Run a scenario and return what happened, whole or broken off.

    Args:
        spec: What to do.
        subject: What to do it to.
        on_progress: Called about twice a second.
        workers: How many processes give the load.

    Raises:
        ConfigError: The target's declaration lacks something that only the environment has.
        MeasurementError: A load generator died.
    """
    for url, target in zip(subject.base_urls, spec.targets, strict=True):
        Endpoint.of(spec, url, os.environ, target)  # refused here, not in another process
    machine, before = host.read_machine(), host.read_counters()
    recording = asyncio.run(_Session(spec, subject, on_progress).run(workers))
    return replace(recording, host=host_of(machine, before, host.read_counters(), subject.cores))


class _Session:
    """One run under way."""

    def __init__(self, spec: RunSpec, subject: Subject, on_progress: Callable[[Progress], None]) -> None:
        self._spec, self._subject, self._on_progress = spec, subject, on_progress
        self._log = SampleLog()
        self._gaps: dict[int, Histogram] = {}
        self._resources: list[ResourceSample] = []
        self._newest: dict[str, ResourceSample] = {}
        self._probes: list[Probe] = []
        self._gauges: list[GaugeSample] = []
        self._work: dict[str, float] = {}
        self._warnings: list[str] = []
        self._abort = AbortWatch(spec.scenario.thresholds, list_warm_ups(spec.scenario.phases))
        self._progress = ProgressWatch()
        self._vus = PlannedVus(plan(spec))
        self._issued_s: list[float] = []
        self._interrupted = asyncio.Event()

    async def run(self, count: int) -> Recording:
        with call_on_signals(self._interrupted.set):
            return await self._run(count)

    async def _run(self, count: int) -> Recording:
        async with start_workers(count, self._subject.cores.get(GENERATORS, ())) as workers:
            pace_before, before = await self._pace(workers), await self._trial(workers)
            elapsed_s, stop = await self._give_load(workers)
            cut = self._interrupted.is_set()
            after = None if cut else await self._trial(workers)
            pace_after = {} if cut else await self._pace(workers)
            layers = [] if cut or stop is not None else await self._layers(workers)
        scenario = self._spec.scenario
        return Recording(
            planned_s=scenario.duration_s,
            elapsed_s=elapsed_s,
            samples=self._log.since(0),
            token_gaps=self._gaps,
            resources=tuple(self._resources),
            probes=tuple(self._probes),
            gauges=tuple(self._gauges),
            work=self._work,
            stop=stop,
            calibration=Calibration(load=in_words([trial_load(scenario)]), before=before, after=after)
            if before is not None
            else None,
            reference_workload=ReferenceWorkload(before_ms=pace_before, after_ms=pace_after)
            if pace_before
            else None,
            layers=layers,
            warnings=tuple(self._warnings),
        )

    async def _layers(self, workers: Workers) -> list[Round]:
        """Each tier by itself, after the load, so that it is not in anybody's way; not where answers told."""
        subject, tokens = self._subject, self._subject.tokens
        if subject.layers is None or self._log.tier_times:
            return []
        first = [tokens.mint(0)] if tokens else []
        return await measure_layers(workers, *subject.layers, first, subject.transport)

    async def _pace(self, workers: Workers) -> dict[str, float]:
        """How long the pinned work takes now; empty when there is no server of known timing."""
        url, pinned = self._subject.reference_url, self._subject.pinned
        if url is None:
            return {}
        alone = reference_workload.time_local_work()
        asked = (
            await reference_workload.time_pinned_request(workers, *pinned, self._subject.transport)
            if pinned
            else {}
        )
        return alone | await reference_workload.time_echo(workers, url, self._subject.transport) | asked

    async def _trial(self, workers: Workers) -> Trial | None:
        url = self._subject.reference_url
        return (
            None
            if url is None
            else await calibrate(workers, self._spec.scenario, url, self._subject.transport)
        )

    async def _give_load(self, workers: Workers) -> tuple[float, Stop | None]:
        subject, tokens = self._subject, self._subject.tokens
        minted = [tokens.mint(number) for number in range(tokens.count)] if tokens else []
        self._issued_s = [time.monotonic()] * len(minted)
        sampler = ResourceSampler(subject.pids, workers.pids)
        job = Job(self._spec, subject.base_urls, minted, transport=subject.transport)
        async with watching(subject.watched) as watch:
            watch.also("processes", at_once(sampler.sample), _TICK_S)

            def begin() -> None:
                began_s = time.monotonic()
                watch.begin(lambda: time.monotonic() - began_s, self._see)

            before = await watch.count()
            load = asyncio.create_task(workers.run(job, self._take, begin))
            try:
                stop = await self._watch(load, workers, watch)
                if stop is not None and not load.done():
                    workers.cancel()
                elapsed_s = await asyncio.wait_for(load, _TAKE_BACK_TIMEOUT_S)
                if stop is None and before is not None:
                    self._work = work_between(before, await watch.count(elapsed_s) or ())
                return elapsed_s, stop
            finally:
                load.cancel()  # does nothing to a load that is over
                self._warnings += watch.warnings.values()

    def _see(self, seen: Seen) -> None:
        match seen:
            case ResourceSample():
                self._resources.append(seen)
                self._newest[seen.source] = seen
            case Probe():
                self._probes.append(seen)
            case GaugeSample():
                self._gauges.append(seen)
            case _:
                assert_never(seen)

    def _take(self, batch: Batch) -> None:
        """Take requests that are over, and count as they come."""
        start = len(self._log)
        self._log.extend(batch.log)
        for phase, gaps in batch.token_gaps.items():
            self._gaps.setdefault(phase, Histogram()).merge(gaps)
        new = self._log.since(start)
        self._abort.add(new)
        self._progress.add(new)

    async def _watch(self, load: asyncio.Task[float], workers: Workers, watch: Watch) -> Stop | None:
        """Tick until the load is over; why it should end before that, or None."""
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

    async def _tick(self, began_s: float, workers: Workers, watch: Watch) -> Stop | None:
        now_s = time.monotonic()
        elapsed_s = now_s - began_s
        self._renew(workers)
        self._on_progress(
            self._progress.progress(
                elapsed_s,
                planned_s(self._spec.scenario.phases),
                vus=self._vus.at(workers.phase, now_s - workers.phase_began_s),
                in_flight=workers.in_flight,
                resources=tuple(self._newest.values()),
            )
        )
        # Of containers the `docker` program is asked: stages begin, and health checks are timed, meanwhile.
        death = await watch.attempt("deaths", lambda _: asyncio.to_thread(self._subject.dead), elapsed_s)
        if death is not None:
            return Stop(cause=StopCause.TARGET, reason=death)
        reason = self._abort.reason(elapsed_s)
        return Stop(cause=StopCause.THRESHOLD, reason=reason) if reason else None

    def _renew(self, workers: Workers) -> None:
        """Renew the tokens that are half through their life, a few at a time: renewing delays requests."""
        tokens = self._subject.tokens
        if tokens is None:
            return
        now_s = time.monotonic()
        due_s = now_s - _RENEW_FROM * tokens.lifetime_s
        share = _TICK_S / (_RENEW_WITHIN * tokens.lifetime_s)
        due = [number for number, issued_s in enumerate(self._issued_s) if issued_s < due_s]
        for number in due[: math.ceil(tokens.count * share)]:
            self._issued_s[number] = now_s
            workers.renew({number: tokens.mint(number)})
