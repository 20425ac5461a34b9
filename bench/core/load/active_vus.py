"""The number of active VUs at each moment of a run; in an open loop, of requests in flight."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.core.config.executors import OpenLoop
from bench.core.load.plan import RunPlan
from bench.core.load.spans import Span
from bench.core.samples.arrays import Floats
from bench.core.samples.samples import Samples

Counts = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class ActiveVus:
    """When VUs, or requests in flight, start and end. A VU is active at its start and at its end."""

    starts_s: Floats
    """Start of each VU, in seconds; sorted."""
    ends_s: Floats
    """End of each VU, in seconds; sorted, of the same length."""
    closes_s: Floats
    """The same, but not after the planned end of the phase; sorted. After that end no request is sent, so the
    remaining ones are answered faster and faster."""

    def while_sending(self) -> "ActiveVus":
        """Return the active VUs without the time after the planned end of each phase."""
        return ActiveVus(self.starts_s, self.closes_s, self.closes_s)

    def at(self, moments_s: Floats) -> Counts:
        """Return the number of active VUs at each moment."""
        started = np.searchsorted(self.starts_s, moments_s, side="right")
        ended = np.searchsorted(self.ends_s, moments_s, side="left")
        return (started - ended).astype(np.int32)

    def pieces(self) -> tuple[Counts, Floats]:
        """Split the run where a VU starts or ends; return the active VUs and the seconds of each piece."""
        count = len(self.starts_s)
        is_start = np.zeros(2 * count, dtype=bool)  # of all starts and ends in their order
        is_start[np.arange(count) + np.searchsorted(self.ends_s, self.starts_s, side="left")] = True
        moments_s = np.empty(2 * count)
        moments_s[is_start] = self.starts_s
        moments_s[~is_start] = self.ends_s
        changes = is_start.view(np.int8) * 2 - 1
        return np.cumsum(changes, dtype=np.int32)[:-1], np.diff(moments_s)


def active_vus(samples: Samples, plan: RunPlan, elapsed_s: float) -> ActiveVus | None:
    """Return the active VUs of a run.

    A VU of a closed loop is active as long as the plan has it and until its last answer. If a phase is an
    open loop, requests in flight are counted in all phases, because it has no VUs between requests.

    Args:
        samples: All requests to the target, with cancelled ones.
        plan: Plan of the run.
        elapsed_s: Duration of the run in seconds.

    Returns:
        None for several runs one after the other, in which VUs start more than once.
    """
    if counts_requests(plan, samples):
        ends_s = np.sort(samples.column("finished_s"))
        return ActiveVus(np.sort(samples.column("scheduled_s")), ends_s, ends_s)
    starts_s: list[Floats] = []
    ends_s_by_phase: list[Floats] = []
    closes_s: list[Floats] = []
    # Phases run one after the other, so their VUs are never active together.
    for phase in np.unique(samples.column("phase")):
        of_phase = samples.where(samples.column("phase") == phase)
        if _starts_twice(of_phase):
            return None
        start_s, end_s, close_s = _stays(of_phase, plan.spans(int(phase)), elapsed_s)
        starts_s.append(start_s)
        ends_s_by_phase.append(end_s)
        closes_s.append(close_s)
    return ActiveVus(_sort(starts_s), _sort(ends_s_by_phase), _sort(closes_s))


def counts_requests(plan: RunPlan, samples: Samples) -> bool:
    """Check whether requests in flight are counted, and not VUs."""
    phases = np.unique(samples.column("phase"))
    return any(isinstance(plan.phases[int(phase)], OpenLoop) for phase in phases)


def _sort(parts: Sequence[Floats]) -> Floats:
    return np.sort(np.concatenate(parts))


def _starts_twice(samples: Samples) -> bool:
    """Check whether a VU sends a first request twice."""
    vus = samples.column("vu")[samples.column("iteration") == 0]
    return len(np.unique(vus)) < len(vus)


def _stays(samples: Samples, spans: Sequence[Span], elapsed_s: float) -> tuple[Floats, Floats, Floats]:
    """Return start, end and closing time of each VU of a closed loop, in seconds of the run."""
    vus = samples.column("vu")
    count = max(len(spans), int(vus.max()) + 1)
    first_s = np.full(count, np.inf)
    last_s = np.full(count, -np.inf)
    np.minimum.at(first_s, vus, samples.column("scheduled_s"))
    np.maximum.at(last_s, vus, samples.column("finished_s"))
    # A VU that is not in the plan is active from its first to its last request.
    planned_start_s = np.full(count, np.nan)
    planned_end_s = np.full(count, -np.inf)
    for number, span in enumerate(spans):
        planned_start_s[number] = span.start_s
        # A VU with a number of iterations ends with its last request.
        planned_end_s[number] = -np.inf if span.iterations is not None else span.end_s
    # The first request of a VU is planned for the start of its span.
    phase_start_s = min(float(np.nanmin(first_s - planned_start_s)), elapsed_s)
    phase_end_s = phase_start_s + max(span.end_s for span in spans)
    start_s = np.fmin(first_s, phase_start_s + planned_start_s)
    end_s = np.maximum(last_s, np.minimum(phase_start_s + planned_end_s, elapsed_s))
    close_s = np.maximum(start_s, np.minimum(end_s, phase_end_s))
    is_active = end_s > start_s
    return start_s[is_active], end_s[is_active], close_s[is_active]
