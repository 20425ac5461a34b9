"""How far a run is, from requests as they end: what people look at while they wait."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from bench.core.config.executors import OpenLoop
from bench.core.load.plan import RunPlan
from bench.core.samples.arrays import Floats
from bench.core.samples.metrics import METRICS
from bench.core.samples.sample import Outcome, ResourceSample
from bench.core.samples.samples import Samples
from bench.core.values.histogram import Histogram

RECENT_S = 10.0
_WAITED = METRICS["e2e_ms"]


@dataclass(frozen=True, slots=True)
class Waits:
    """Response times in milliseconds, of answers that succeeded; None when there are none."""

    p50_ms: float | None = None
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. What is not known is None.

    Attributes:
        elapsed_s: Since the first request was due, in seconds.
        planned_s: How long it takes in all; None when requests end it, not time.
        finished: Requests that were answered or failed.
        failed: Those of them that did not succeed.
        vus: Virtual users that are there now; None where the load is a rate.
        in_flight: Requests under way, as the load generators said last.
        recent_rps: Requests that ended per second, in the last ten seconds.
        recent_failed_ratio: The share of them that did not succeed.
        waits: Response times so far, to one per cent.
        recent: Those of the last ten seconds.
        resources: The newest sample of each process.
    """

    elapsed_s: float
    planned_s: float | None
    finished: int
    failed: int
    vus: int | None = None
    in_flight: int | None = None
    recent_rps: float | None = None
    recent_failed_ratio: float | None = None
    waits: Waits = Waits()
    recent: Waits = Waits()
    resources: tuple[ResourceSample, ...] = ()

    @property
    def left_s(self) -> float | None:
        """How long it still takes, but for the last answers; None when that is not known."""
        return None if self.planned_s is None else max(0.0, self.planned_s - self.elapsed_s)


@dataclass(frozen=True, slots=True)
class _Ended:
    """Requests that ended together: the last moment of them, how many, and what the successful waited."""

    at_s: float
    finished: int
    failed: int
    waits_ms: Floats


class ProgressWatch:
    """Counts requests as they end. It keeps those of the last seconds, and a histogram of all."""

    def __init__(self) -> None:
        self.finished = 0
        self.failed = 0
        self._all = Histogram()
        self._recent: deque[_Ended] = deque()

    def add(self, samples: Samples) -> None:
        """Take requests that are over; those that we took back do not count."""
        counted = samples.without_cancelled()
        if not len(counted):
            return
        waits_ms = _WAITED.values(counted)[counted.column("arm") == 0]
        ended = _Ended(
            at_s=float(counted.column("finished_s").max()),
            finished=len(counted),
            failed=len(counted) - int(counted.has_outcome(Outcome.OK).sum()),
            waits_ms=waits_ms[~np.isnan(waits_ms)],
        )
        self.finished += ended.finished
        self.failed += ended.failed
        self._all.add(ended.waits_ms)
        self._recent.append(ended)

    def progress(
        self,
        elapsed_s: float,
        planned_s: float | None,
        *,
        vus: int | None = None,
        in_flight: int | None = None,
        resources: tuple[ResourceSample, ...] = (),
    ) -> Progress:
        """How far the run is now; the arguments are what requests do not tell (see `Progress`)."""
        while self._recent and self._recent[0].at_s < elapsed_s - RECENT_S:
            self._recent.popleft()
        finished = sum(window.finished for window in self._recent)
        failed = sum(window.failed for window in self._recent)
        over_s = min(RECENT_S, elapsed_s)
        return Progress(
            elapsed_s=elapsed_s,
            planned_s=planned_s,
            finished=self.finished,
            failed=self.failed,
            vus=vus,
            in_flight=in_flight,
            recent_rps=finished / over_s if over_s > 0 else None,
            recent_failed_ratio=failed / finished if finished else None,
            waits=_so_far(self._all),
            recent=_exactly([window.waits_ms for window in self._recent]),
            resources=resources,
        )


def _so_far(waits: Histogram) -> Waits:
    return Waits(waits.quantile_ms(0.5), waits.quantile_ms(0.95)) if waits.count else Waits()


def _exactly(waits_ms: list[Floats]) -> Waits:
    values = np.concatenate(waits_ms) if waits_ms else np.empty(0)
    return Waits(*map(float, np.percentile(values, (50, 95)))) if len(values) else Waits()


class PlannedVus:
    """How many virtual users are there, by the plan.

    Args:
        plan: Whole, not a share of it.
    """

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self._phase: int | None = None
        self._starts_s = self._ends_s = np.empty(0)

    def at(self, phase: int, at_s: float) -> int | None:
        """How many are there so many seconds after the stage of that number began; None for a rate."""
        if isinstance(self._plan.phases[phase], OpenLoop):
            return None
        if phase != self._phase:
            spans = self._plan.spans(phase)
            self._starts_s = np.sort([span.start_s for span in spans])
            self._ends_s = np.sort([span.end_s for span in spans])
            self._phase = phase
        come, gone = (
            np.searchsorted(moments_s, at_s, side="right") for moments_s in (self._starts_s, self._ends_s)
        )
        return int(come - gone)
