"""How many virtual users there are at each moment of a run, or how many requests are under way."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap

import numpy as np
import numpy.typing as npt

from bench.core.config.executors import OpenLoop
from bench.core.load.plan import RunPlan, Span
from bench.core.samples.arrays import Floats
from bench.core.samples.samples import Samples

Counts = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class ActiveVus:
    """When each user, or each request, was there: from a start to an end, both within.

    Attributes:
        starts_s: Sorted.
        ends_s: Sorted; of the same number.
        closes_s: The same, but no later than the plan has the stage end: then nobody asks, and who waits is
            answered ever faster. Sorted.
    """

    starts_s: Floats
    ends_s: Floats
    closes_s: Floats

    def while_asking(self) -> "ActiveVus":
        """Without the time in which those who wait are answered and nobody asks."""
        return ActiveVus(self.starts_s, self.closes_s, self.closes_s)

    def at(self, moments_s: Floats) -> Counts:
        """How many were there at each moment."""
        counts = np.searchsorted(self.starts_s, moments_s, side="right")
        counts -= np.searchsorted(self.ends_s, moments_s, side="left")
        return counts.astype(np.int32)

    def pieces(self) -> tuple[Counts, Floats]:
        """The run in pieces in which nobody came or went: how many were there, and for how many seconds."""
        count = len(self.starts_s)
        starts = np.zeros(2 * count, dtype=bool)  # at which of all moments, in their order, somebody comes
        starts[np.arange(count) + np.searchsorted(self.ends_s, self.starts_s, side="left")] = True
        moments_s = np.empty(2 * count)
        moments_s[starts], moments_s[~starts] = self.starts_s, self.ends_s
        changes = starts.view(np.int8) * 2 - 1
        return np.cumsum(changes, dtype=np.int32)[:-1], np.diff(moments_s)


def active_vus(samples: Samples, plan: RunPlan, elapsed_s: float) -> ActiveVus | None:
    """Who was there in a run.

    A user of a closed loop is there while the plan says so and until the last answer. Where a loop is open
    nobody is there between requests, so requests under way are counted, in all stages.

    Args:
        samples: All requests of the target, those that were taken back among them.
        plan: The run's plan.
        elapsed_s: How long the run took.

    Returns:
        None for several runs one after the other, whose users come more than once.
    """
    if requests_count(plan, samples):
        ends_s = np.sort(samples.column("finished_s"))
        return ActiveVus(np.sort(samples.column("scheduled_s")), ends_s, ends_s)
    phases = [int(phase) for phase in np.unique(samples.column("phase"))]
    by_phase = [samples.where(samples.column("phase") == phase) for phase in phases]
    if any(map(_comes_again, by_phase)):
        return None
    spans = [plan.spans(phase) for phase in phases]
    # Stages follow one another, so their users are never there together.
    stays = starmap(_stays, zip(by_phase, spans, [elapsed_s] * len(phases), strict=True))
    starts_s, ends_s, closes_s = (np.sort(np.concatenate(moments)) for moments in zip(*stays, strict=True))
    return ActiveVus(starts_s, ends_s, closes_s)


def requests_count(plan: RunPlan, samples: Samples) -> bool:
    """Whether requests under way are counted, and not users."""
    return any(isinstance(plan.phases[int(phase)], OpenLoop) for phase in np.unique(samples.column("phase")))


def _comes_again(samples: Samples) -> bool:
    """Whether a user sends a first request twice."""
    vus = samples.column("vu")[samples.column("iteration") == 0]
    return len(np.unique(vus)) < len(vus)


def _stays(samples: Samples, spans: Sequence[Span], elapsed_s: float) -> tuple[Floats, Floats, Floats]:
    """When each user of a closed loop came, went, and saw the stage close."""
    vus = samples.column("vu")
    count = max(len(spans), int(vus.max()) + 1)
    first_s, last_s = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first_s, vus, samples.column("scheduled_s"))
    np.maximum.at(last_s, vus, samples.column("finished_s"))
    # Whoever is not in the plan is there for his requests.
    comes_s, leaves_s = np.full(count, np.nan), np.full(count, -np.inf)
    comes_s[: len(spans)] = [span.start_s for span in spans]
    # Who has only so many requests to send is there no longer than for them.
    leaves_s[: len(spans)] = [-np.inf if span.iterations is not None else span.end_s for span in spans]
    # The first request of each is planned for the moment at which the user comes.
    began_s = min(float(np.nanmin(first_s - comes_s)), elapsed_s)
    start_s = np.fmin(first_s, began_s + comes_s)
    end_s = np.maximum(last_s, np.minimum(began_s + leaves_s, elapsed_s))
    close_s = np.maximum(start_s, np.minimum(end_s, began_s + max(span.end_s for span in spans)))
    there = end_s > start_s
    return start_s[there], end_s[there], close_s[there]
