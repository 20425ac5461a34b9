"""The progress of a run, from requests as they end. People watch it while they wait."""

from collections import deque
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from bench.core.config.executors import OpenLoop
from bench.core.load.load_steps import LAST_ANSWERS, MEASURING, NextStage
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
    step: str = MEASURING
    """The present step, such as `warm-up` or `ramp to 20 VUs`."""
    part: str = ""
    """The part of a longer measurement, such as `pair 3, main`; empty without parts."""
    stages: tuple[NextStage, ...] = ()
    """The next steps of the load."""
    afterwards: tuple[str, ...] = ()
    """The steps after the load, the next one first."""
    is_load: bool = True
    """Whether this is the load, and not a step before or after it, such as a calibration."""

    @property
    def left_s(self) -> float | None:
        """Seconds until the planned end, 0 after it; None if the end is unknown."""
        return None if self.planned_s is None else max(0.0, self.planned_s - self.elapsed_s)

    def describe_next(self) -> tuple[str, ...]:
        """Return the next steps in words, with the time or the event that starts the first one.

        No time is estimated: a step that waits for responses names them. The parts can be joined with commas,
        and the last ones can be left out: `calibration in 18 s`, `then verdict`.
        """
        parts: list[str] = []
        if self.stages:
            first, *others = self.stages
            parts.append(f"{first.words}{_describe_start(first)}")
            words = [*map(attrgetter("words"), others), *self.afterwards]
        elif self.afterwards:
            left_s = self.left_s if self.is_load else None
            start = f" in {left_s:.0f} s" if left_s else self._name_event()
            parts.append(f"{self.afterwards[0]}{start}")
            words = [*self.afterwards[1:]]
        else:
            return ()
        return (*parts, *map("then {}".format, words))

    def _name_event(self) -> str:
        """Return what the first step after the load waits for; other steps show this themselves."""
        if not self.is_load:
            return ""
        if self.step == LAST_ANSWERS:
            return " after them"
        return " when all requests are answered" if self.planned_s is None else " after the last answers"


def step_before_load(step: str, *afterwards: str) -> Progress:
    """Return the progress of a step before the load.

    Args:
        step: The step, such as `health checks`.
        afterwards: The steps after it.
    """
    return Progress(0.0, None, 0, 0, step=step, afterwards=afterwards, is_load=False)


def _describe_start(stage: NextStage) -> str:
    if stage.starts_in_s is None:
        return " when all requests are answered"
    return f" in {'at most ' if stage.is_latest else ''}{stage.starts_in_s:.0f} s"


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
