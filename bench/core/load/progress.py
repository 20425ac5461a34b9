"""The progress of a run, from requests as they end. People watch it while they wait."""

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
_RESPONSE_TIME = METRICS["e2e_ms"]
_PERCENTILES = (50, 95)


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """Percentiles of the response times of successful requests, in milliseconds; None without requests."""

    p50_ms: float | None = None
    p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run. Unknown values are None."""

    elapsed_s: float
    """Time since the first request was due, in seconds."""
    planned_s: float | None
    """Planned duration of the run in seconds; None if a number of requests ends it."""
    finished: int
    """Requests that were answered or failed."""
    failed: int
    """Requests of `finished` that did not succeed."""
    vus: int | None = None
    """Active VUs by the plan; None for an arrival rate."""
    in_flight: int | None = None
    """Requests in flight, as the load generators reported last."""
    recent_rps: float | None = None
    """Requests that ended per second, in the last `RECENT_S` seconds."""
    recent_finished: int = 0
    """Number of these requests."""
    recent_failed_ratio: float | None = None
    """Share of these requests that did not succeed."""
    all_times: ResponseTimes = ResponseTimes()
    """Response times so far, to 1 %."""
    recent_times: ResponseTimes = ResponseTimes()
    """Response times of the last `RECENT_S` seconds."""
    resources: tuple[ResourceSample, ...] = ()
    """Newest sample of each process."""
    trial: str | None = None
    """The trial of a capacity search in words; None in other runs."""

    @property
    def left_s(self) -> float | None:
        """Seconds until the planned end, 0 after it; None if the end is unknown."""
        return None if self.planned_s is None else max(0.0, self.planned_s - self.elapsed_s)


@dataclass(frozen=True, slots=True)
class _EndedTogether:
    at_s: float
    """Time at which the last of these requests ended."""
    finished: int
    failed: int
    times_ms: Floats
    """Response times of the successful ones."""


class ProgressWatch:
    """Count requests as they end. It keeps those of the last seconds, and a histogram of all."""

    def __init__(self) -> None:
        self.finished = 0
        self.failed = 0
        self._all = Histogram()
        self._recent: deque[_EndedTogether] = deque()

    def add(self, samples: Samples) -> None:
        """Add requests that have ended. Cancelled requests do not count."""
        counted = samples.without_cancelled()
        if not len(counted):
            return
        is_target = counted.column("arm") == 0
        times_ms = _RESPONSE_TIME.values(counted)[is_target]
        succeeded = int(counted.has_outcome(Outcome.OK).sum())
        ended = _EndedTogether(
            at_s=float(counted.column("finished_s").max()),
            finished=len(counted),
            failed=len(counted) - succeeded,
            times_ms=times_ms[~np.isnan(times_ms)],
        )
        self.finished += ended.finished
        self.failed += ended.failed
        self._all.add(ended.times_ms)
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
        """Return the progress now. The arguments are values that requests do not have; see `Progress`."""
        while self._recent and self._recent[0].at_s < elapsed_s - RECENT_S:
            self._recent.popleft()
        finished = 0
        failed = 0
        times_ms = []
        for ended in self._recent:
            finished += ended.finished
            failed += ended.failed
            times_ms.append(ended.times_ms)
        window_s = min(RECENT_S, elapsed_s)
        return Progress(
            elapsed_s=elapsed_s,
            planned_s=planned_s,
            finished=self.finished,
            failed=self.failed,
            vus=vus,
            in_flight=in_flight,
            recent_rps=finished / window_s if window_s > 0 else None,
            recent_finished=finished,
            recent_failed_ratio=failed / finished if finished else None,
            all_times=_estimate(self._all),
            recent_times=_calculate(times_ms),
            resources=resources,
        )


def _estimate(times: Histogram) -> ResponseTimes:
    if not times.count:
        return ResponseTimes()
    return ResponseTimes(times.quantile_ms(0.5), times.quantile_ms(0.95))


def _calculate(times_ms: list[Floats]) -> ResponseTimes:
    values_ms = np.concatenate(times_ms) if times_ms else np.empty(0)
    if not len(values_ms):
        return ResponseTimes()
    p50_ms, p95_ms = np.percentile(values_ms, _PERCENTILES)
    return ResponseTimes(float(p50_ms), float(p95_ms))


class PlannedVus:
    """The number of active VUs by the plan.

    Args:
        plan: Plan of the whole load, not of a share.
    """

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self._phase: int | None = None
        self._starts_s = np.empty(0)
        self._ends_s = np.empty(0)

    def at(self, phase: int, at_s: float) -> int | None:
        """Return the number of active VUs; None for an arrival rate.

        Args:
            phase: Index of the phase.
            at_s: Time since the start of the phase, in seconds.
        """
        if isinstance(self._plan.phases[phase], OpenLoop):
            return None
        if phase != self._phase:
            spans = self._plan.spans(phase)
            self._starts_s = np.sort([span.start_s for span in spans])
            self._ends_s = np.sort([span.end_s for span in spans])
            self._phase = phase
        started = np.searchsorted(self._starts_s, at_s, side="right")
        ended = np.searchsorted(self._ends_s, at_s, side="right")
        return int(started - ended)
