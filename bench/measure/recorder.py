"""Records one run: drives the load, and meanwhile watches the stack, the thresholds and the user's Ctrl-C."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from bench.core.abort import AbortWatch
from bench.core.load import planned_s
from bench.core.plan import plan
from bench.core.sample import NOT_ANSWERS, Outcome, Recording, RequestSample, ResourceSample, Stop, StopCause
from bench.core.scenario import Brief
from bench.measure.chat_client import ChatClient, Endpoint
from bench.measure.engine import Engine
from bench.measure.resources import ResourceSampler

_TICK_S = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: seconds, and requests so far; `planned_s` is None when requests end it, not time."""

    elapsed_s: float
    planned_s: float | None
    finished: int
    failed: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured.

    Attributes:
        base_urls: Of the service that offers the target, and of the one that offers the target beside.
        tokens: One for each virtual user; none when the target asks for none.
        pids: Of the stack's processes, by service; empty when they run elsewhere.
        dead: Says which service died; None while all run.
    """

    base_urls: Sequence[str]
    tokens: Sequence[str] = ()
    pids: Mapping[str, int] = field(default_factory=dict)
    dead: Callable[[], str | None] = lambda: None


def record(brief: Brief, subject: Subject, on_progress: Callable[[Progress], None]) -> Recording:
    """Run a scenario and return what happened, whole or broken off.

    Args:
        brief: What to do.
        subject: What to do it to.
        on_progress: Called about twice a second.
    """
    targets = [brief.target, brief.beside]
    endpoints = [
        Endpoint.of(brief, url, os.environ, target)
        for url, target in zip(subject.base_urls, targets, strict=False)
    ]
    session = _Session(brief, subject, on_progress)

    def open_user(number: int, arm: int) -> ChatClient:
        token = subject.tokens[number % len(subject.tokens)] if subject.tokens else None
        return ChatClient(endpoints[arm], token if endpoints[arm].target.auth == "bearer" else None)

    engine = Engine(plan(brief), open_user, session.take, brief.scenario.grace_s)
    gc.collect()
    gc.freeze()  # what is there now stays; collecting it again would only make requests late
    try:
        return asyncio.run(session.run(engine))
    finally:
        gc.unfreeze()


class _Session:
    """One run under way."""

    def __init__(self, brief: Brief, subject: Subject, on_progress: Callable[[Progress], None]) -> None:
        self.samples: list[RequestSample] = []
        self._brief = brief
        self._sampler = ResourceSampler(subject.pids)
        self._resources: list[ResourceSample] = []
        self._dead = subject.dead
        self._on_progress = on_progress
        self._abort = AbortWatch(brief.scenario.thresholds, brief.scenario.stages)
        self._finished = self._failed = 0
        self._interrupted = asyncio.Event()

    def take(self, sample: RequestSample) -> None:
        """Take a request that is over. Counts as it goes: looking at all of them again would delay others."""
        self.samples.append(sample)
        self._abort.add(sample)
        if sample.outcome not in NOT_ANSWERS:
            self._finished += 1
            self._failed += sample.outcome is not Outcome.OK

    async def run(self, engine: Engine) -> Recording:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupted.set)
        await engine.open()
        self._sampler.sample(0.0)  # the work of opening is no part of the run
        start_s = loop.time()
        load = asyncio.create_task(engine.run())
        try:
            stop = await self._watch(load, start_s)
        finally:
            load.cancel()  # does nothing to a load that is over
            with suppress(asyncio.CancelledError):
                await load
            await engine.close()
        return Recording(
            planned_s=self._brief.scenario.duration_s,
            elapsed_s=loop.time() - start_s,
            samples=tuple(self.samples),
            resources=tuple(self._resources),
            stop=stop,
        )

    async def _watch(self, load: asyncio.Task[None], start_s: float) -> Stop | None:
        """Tick until the load is over; why it should end before that, or None."""
        interrupted = asyncio.create_task(self._interrupted.wait())
        try:
            while True:
                await asyncio.wait({load, interrupted}, timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED)
                if load.done():
                    return None
                if interrupted.done():
                    return Stop(cause=StopCause.INTERRUPT, reason="interrupted")
                stop = self._tick(asyncio.get_running_loop().time() - start_s)
                if stop is not None:
                    return stop
        finally:
            interrupted.cancel()

    def _tick(self, elapsed_s: float) -> Stop | None:
        self._resources += self._sampler.sample(elapsed_s)
        self._on_progress(
            Progress(
                elapsed_s=elapsed_s,
                planned_s=planned_s(self._brief.scenario.stages),
                finished=self._finished,
                failed=self._failed,
            )
        )
        death = self._dead()
        if death is not None:
            return Stop(cause=StopCause.TARGET, reason=death)
        reason = self._abort.reason(elapsed_s)
        return Stop(cause=StopCause.THRESHOLD, reason=reason) if reason else None
