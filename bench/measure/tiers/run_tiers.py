"""The tier times of one load: from traces, histograms, or requests to each tier alone."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.core.config.stack_tiers import Layers, ServiceHistogram
from bench.core.config.tier_sources import TierName
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.tiers.attribution import add_traces, sum_calls
from bench.core.tiers.environment import BATCH_DELAY_MS
from bench.core.tiers.histogram_means import HistogramReading, TierMean, tier_means
from bench.core.tiers.traced_loads import TracedLoad, TracedRequest, list_traced
from bench.core.values import wording
from bench.measure.http.route import DIRECT, Route
from bench.measure.load.workers import Workers

if TYPE_CHECKING:
    from bench.core.run.layers import Round
    from bench.measure.tiers.receiver import TraceReceiver

_POLL_S = 0.2
# All spans have arrived if none came for two batches; a service elsewhere sends a batch every 5 s by default.
_OWN_QUIET_S = 2 * BATCH_DELAY_MS / 1000
_FOREIGN_QUIET_S = 6.0


@dataclass(frozen=True, slots=True)
class TierSources:
    """Sources of tier times besides the answers, and the addresses of the services."""

    urls: Mapping[str, str] = field(default_factory=dict)
    """Addresses by service."""
    target_service: str | None = None
    """Service that gets the requests of the load."""
    remainder: str | None = None
    """Tier that gets the time that no other tier reports; `None` for unattributed time."""
    receiver: "TraceReceiver | None" = None
    """Receives spans; `None` if the stack does not declare OpenTelemetry."""
    last_batch_s: float = 0.0
    """Longest time after the load to wait for spans."""
    is_foreign: bool = False
    """Whether the services were started elsewhere, with other variables."""
    histograms: Mapping[TierName, ServiceHistogram] = field(default_factory=dict)
    """Histograms of the services."""
    layers: Layers | None = None
    """Requests to each tier separately."""


class RunTiers:
    """Collects the tier times of one load.

    Args:
        sources: The sources that the stack declares.
        route: The way to the stack.
        on_note: Receives lines about the progress.

    Attributes:
        trace_prefix: Beginning of the trace ids of the load; `None` without a receiver.
        means: Mean times from histograms.
        layers: Rounds of requests to each tier alone.
        calls: Number of calls of databases and models, from traces.
        warnings: Warnings by name.
    """

    def __init__(
        self, sources: TierSources, route: Route = DIRECT, on_note: Callable[[str], None] = lambda _: None
    ) -> None:
        self._sources = sources
        self._route = route
        self._on_note = on_note
        self._before: HistogramReading | None = None
        self._traced: tuple[TracedRequest, ...] = ()
        self.trace_prefix = sources.receiver.begin(sources.urls) if sources.receiver else None
        self.means: dict[str, TierMean] = {}
        self.layers: Sequence[Round] = ()
        self.calls: dict[str, float] = {}
        self.warnings: dict[str, str] = {}

    @property
    def traced_loads(self) -> tuple[TracedLoad, ...]:
        """The load, if its requests have trace ids."""
        if self.trace_prefix is None:
            return ()
        return (TracedLoad(prefix=self.trace_prefix.hex(), requests=self._traced),)

    async def begin(self, at_s: float) -> None:
        """Read the histograms before the load, or again before its first phase that is not a warm-up."""
        if self._sources.histograms:
            self._before = await self._read_histograms(at_s)

    async def end(self, at_s: float, samples: Samples) -> None:
        """Read the histograms after the load, and keep the difference."""
        if self._before is None:
            return
        after = await self._read_histograms(at_s)
        answered = samples.without_cancelled().column("finished_s")
        messages = int((answered > self._before.at_s).sum())
        readable = {
            tier: histogram
            for tier, histogram in self._sources.histograms.items()
            if f"histogram {tier}" not in self.warnings
        }
        self.means, warnings = tier_means(readable, self._before, after, messages)
        for warning in warnings:
            self.warnings[warning] = warning

    async def add_traces(self, samples: Samples, interrupted: asyncio.Event) -> Samples:
        """Wait for the last spans, and return the requests with the tier times of their traces.

        Args:
            samples: All requests of the load.
            interrupted: Ends the wait when it is set.
        """
        receiver = self._sources.receiver
        if receiver is None:
            return samples
        expected = int(samples.has_outcome(Outcome.OK).sum())
        await self._wait_for_spans(receiver, expected, interrupted)
        traces = receiver.finish()
        self._warn_of_spans(receiver, expected, len(traces), reports_tiers=bool(samples.tiers))
        if not traces:
            return samples
        self.calls = sum_calls(samples, traces)
        self._traced = list_traced(traces)
        return add_traces(samples, traces)

    async def measure_layers(
        self, workers: Workers, tokens: Sequence[str], interrupted: asyncio.Event
    ) -> None:
        """Ask each tier alone, if the stack declares it. Ctrl-C ends it at once.

        Args:
            workers: The load generators.
            tokens: Bearer tokens of test users.
            interrupted: Ends the measurement when it is set.
        """
        layers = self._sources.layers
        if layers is None:
            return
        # Few stacks declare layers.
        from bench.measure.tiers.layers import LayerMeasurement  # noqa: PLC0415 - see above

        measurement = LayerMeasurement(
            workers,
            layers,
            self._sources.urls,
            tokens,
            self._route,
            self._sources.target_service,
            self._on_note,
        )
        running = asyncio.create_task(measurement.run())
        stopping = asyncio.create_task(interrupted.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            measurement.stop()
        stopping.cancel()
        await running
        self.layers = measurement.rounds
        for warning in measurement.warnings:
            self.warnings[warning] = warning

    async def _read_histograms(self, at_s: float) -> HistogramReading:
        # The reader imports httpx and the parser of Prometheus, and few stacks declare histograms.
        from bench.measure.tiers.histograms import HistogramReader  # noqa: PLC0415 - see above

        urls = self._sources.urls
        async with self._route.client(urls.values()) as client:
            reader = HistogramReader(self._sources.histograms, urls, client, self.warnings.setdefault)
            return await reader.read(at_s)

    async def _wait_for_spans(
        self, receiver: "TraceReceiver", expected: int, interrupted: asyncio.Event
    ) -> None:
        quiet_s = _FOREIGN_QUIET_S if self._sources.is_foreign else _OWN_QUIET_S
        begin_s = time.monotonic()
        end_s = begin_s + self._sources.last_batch_s
        while time.monotonic() < end_s and not interrupted.is_set():
            newest_s = receiver.log.newest_s
            is_quiet = time.monotonic() - max(begin_s, newest_s or begin_s) >= quiet_s
            if newest_s is not None and is_quiet and receiver.count_complete() >= expected:
                return
            await asyncio.sleep(_POLL_S)

    def _warn_of_spans(
        self, receiver: "TraceReceiver", expected: int, traced: int, *, reports_tiers: bool
    ) -> None:
        for reason, count in receiver.refused.items():
            messages = wording.counted(count, "message")
            self.warnings[reason] = f"{messages} of spans could not be read: {reason}"
        for warning in receiver.log.warnings():
            self.warnings[warning] = warning
        if not traced:
            self.warnings["spans"] = (
                f"no span arrived at {receiver.url}: switch on the auto-instrumentation of the services, and "
                "let them send spans there"
            )
        elif traced < expected:
            answers = wording.counted(expected, "answer")
            self.warnings["spans"] = (
                f"{expected - traced} of {answers} have no spans, so their tiers are unknown"
            )
        elif reports_tiers:
            self.warnings["spans"] = "the answers report tier times, too; those of the spans are used"
