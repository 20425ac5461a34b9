"""Measures each tier of a stack by itself, for stacks whose responses do not report the times of tiers."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.core.config.stack import RepeatedRequest
from bench.core.config.stack_tiers import Layers, StackLayer, layers_behind
from bench.core.run.layers import Round, compare_work
from bench.core.samples.metrics import METRICS
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import SampleLog
from bench.core.values import wording
from bench.measure.http.route import DIRECT, Route
from bench.measure.load.messages import Job
from bench.measure.load.repeat_request import repeat_spec
from bench.measure.load.workers import Workers

_FEWEST_TIERS = 2  # a tier's own time is a difference between two tiers
_MOST_REFUSALS = 2  # the first one can be chance


@dataclass(slots=True)
class LayerMeasurement:
    """Requests to each tier of a stack in turn, until all rounds are done or the time is over.

    Attributes:
        rounds: Milliseconds by tier of each round in which all tiers answered.
        warnings: One sentence for each problem.
    """

    workers: Workers
    """The load generators; one of them sends the requests."""
    layers: Layers
    """The tiers, the message, and the number of rounds."""
    urls: Mapping[str, str]
    """Addresses by service. A tier whose service has no address is skipped."""
    tokens: Sequence[str] = ()
    """Bearer tokens of test users."""
    route: Route = DIRECT
    """The way to the stack."""
    target_service: str | None = None
    """Service that got the load; the tiers in front of it are skipped."""
    on_note: Callable[[str], None] = lambda _: None
    """Receives lines about the progress."""
    rounds: list[Round] = field(default_factory=list, init=False)
    warnings: list[str] = field(default_factory=list, init=False)
    _refusals: int = field(default=0, init=False)
    _is_stopped: bool = field(default=False, init=False)

    @property
    def reachable(self) -> tuple[StackLayer, ...]:
        """The tiers that do the work of a request and have an address."""
        tiers = self.layers.tiers
        if self.target_service is not None:
            tiers = layers_behind(tiers, self.target_service)
        return tuple(layer for layer in tiers if layer.target.service in self.urls)

    def stop(self) -> None:
        """End the measurement now, after Ctrl-C."""
        if not self._is_stopped:
            self._is_stopped = True
            self.warnings.append(self._describe_end("Ctrl-C ended them"))
            self.workers.cancel()

    async def run(self) -> None:
        """Send all requests. Nothing is sent if fewer than two tiers have an address."""
        reachable = self.reachable
        if len(reachable) < _FEWEST_TIERS:
            return
        tiers = ", ".join(layer.tier for layer in reachable)
        limit = wording.duration(1000 * self.layers.limit_s)
        rounds = wording.counted(self.layers.rounds, "round")
        self.on_note(f"measuring each tier alone ({tiers}): {rounds}, at most {limit}; Ctrl-C skips this")
        end_s = time.monotonic() + self.layers.limit_s
        for number in range(self.layers.rounds):
            times_ms = await self._measure_round(reachable, end_s)
            if times_ms is not None:
                self.rounds.append(times_ms)
            if self._is_over(number, end_s):
                break
        self.warnings += compare_work(self.rounds)

    def _is_over(self, number: int, end_s: float) -> bool:
        """Return whether no round may follow the one of this number."""
        if self._is_stopped or self._refusals >= _MOST_REFUSALS:
            return True
        if time.monotonic() >= end_s and number + 1 < self.layers.rounds:
            limit = wording.duration(1000 * self.layers.limit_s)
            self.warnings.append(self._describe_end(f"their limit of {limit} was reached"))
            return True
        return False

    async def _measure_round(self, tiers: Sequence[StackLayer], end_s: float) -> Round | None:
        """Return the milliseconds of each tier; `None` if one did not answer in time."""
        times_ms: dict[str, float] = {}
        for layer in tiers:
            left_s = end_s - time.monotonic()
            if left_s <= 0 or self._is_stopped:
                return None
            time_ms = await self._ask(layer, left_s)
            if time_ms is None:
                return None
            times_ms[layer.tier] = time_ms
        return times_ms

    async def _ask(self, layer: StackLayer, timeout_s: float) -> float | None:
        request = RepeatedRequest(target=layer.target, message=self.layers.message, repeats=1)
        urls = (self.urls[layer.target.service],)
        log = SampleLog()
        job = Job(repeat_spec(request, timeout_s), urls, self.tokens, route=self.route)
        await self.workers.run(job, lambda batch: log.extend(batch.log))
        samples = log.since(0)
        for sample, time_ms in zip(samples, METRICS["e2e_ms"].values(samples), strict=True):
            if sample.outcome is Outcome.OK:
                return float(time_ms)
            if sample.outcome not in {Outcome.CANCELLED, Outcome.CUT_OFF}:
                self._refuse(layer.tier, f"{sample.outcome.value}: {sample.detail}")
        return None

    def _refuse(self, tier: str, reason: str) -> None:
        """Warn at the first refusal only; the reason of the others is nearly always the same."""
        if not self._refusals:
            warning = f"the tier `{tier}` refused a request that measures it alone: {reason}"
            self.warnings.append(warning)
            self.on_note(warning)
        self._refusals += 1

    def _describe_end(self, reason: str) -> str:
        done = f"{len(self.rounds)} of {wording.counted(self.layers.rounds, 'round')}"
        return f"the requests to each tier alone are incomplete ({done}): {reason}"
