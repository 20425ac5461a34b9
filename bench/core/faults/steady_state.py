"""The steady state of a stack before a fault, and when it is reached again.

A stack has recovered when its users see the same as before. This is the steady state of chaos engineering:
Basiri et al., 2016, "Chaos Engineering", IEEE Software 33(3). The clients measure it and not the stack, as in
Vieira and Madeira, 2003, "A Dependability Benchmark for OLTP Application Environments".
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.core.samples.arrays import Column, Floats, Mask
from bench.core.samples.metrics import METRICS, RESPONSE_TIME
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples

CONSECUTIVE = 20
"""Number of consecutive requests that show a steady state."""
SLOW_QUANTILE = 0.95
"""Response times above this quantile of the time before a fault are slow."""
SLOW_RATIO = 1.2
"""A response time is slow only if it is above that quantile by this factor."""
MOST_SLOW = 0.25
"""Largest share of slow requests among the consecutive ones."""
LONG_QUANTILE = 0.75
"""Response times above this quantile of the time before a fault, by the same factor, are long."""
MOST_LONG = 0.5
"""Largest share of long requests among the consecutive ones."""
LONG_AGAIN = 0.35
"""The same for the first consecutive requests of a recovery."""
CHANCE = 0.01
"""Probability that the steady state has more failed requests among the consecutive ones than are allowed."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests by their planned start, in seconds."""

    scheduled_s: Floats
    """Planned start."""
    finished_s: Floats
    """End."""
    failed: Mask
    """True for each request without a correct answer."""
    took_ms: Floats
    """Response time; NaN for failed requests."""
    outcome: Column
    """Number of the outcome."""

    @classmethod
    def of(cls, samples: Samples) -> "Requests":
        """Return the answered and failed requests of a run."""
        answered = samples.without_cancelled()
        scheduled_s = answered.column("scheduled_s")
        order = np.argsort(scheduled_s, kind="stable")
        return cls(
            scheduled_s[order],
            answered.column("finished_s")[order],
            ~answered.has_outcome(Outcome.OK)[order],
            METRICS[RESPONSE_TIME].values(answered)[order],
            answered.column("outcome")[order],
        )

    def where(self, mask: Mask) -> "Requests":
        """Return the requests for which the mask is true."""
        return Requests(
            self.scheduled_s[mask],
            self.finished_s[mask],
            self.failed[mask],
            self.took_ms[mask],
            self.outcome[mask],
        )

    def ended_within(self, from_s: float, to_s: float) -> "Requests":
        """Return the requests that ended after one moment, but not after another one."""
        return self.where((self.finished_s > from_s) & (self.finished_s <= to_s))


class SteadyState(NamedTuple):
    """What users see while a stack has no fault."""

    failed_ratio: float
    """Share of failed requests."""
    slow_ms: float
    """Response time above which a request is slow."""
    long_ms: float
    """Response time above which a request is long, as few are in a steady state."""
    requests_rps: float
    """Planned requests per second."""

    @property
    def most_failed(self) -> int:
        """The most failed requests among `CONSECUTIVE` ones that are not a sign of a fault."""
        count = 0
        at_most = 0.0
        while count < CONSECUTIVE:
            ways = math.comb(CONSECUTIVE, count)
            ratio = self.failed_ratio
            at_most += ways * ratio**count * (1.0 - ratio) ** (CONSECUTIVE - count)
            if at_most >= 1.0 - CHANCE:
                break
            count += 1
        return count


def find_steady_state(requests: Requests, since_s: float, until_s: float) -> SteadyState | None:
    """Return the steady state of the requests within a period; `None` if it has too few of them."""
    before = requests.where((requests.scheduled_s >= since_s) & (requests.finished_s <= until_s))
    took_ms = before.took_ms[~before.failed]
    if len(took_ms) < CONSECUTIVE:
        return None
    planned = (requests.scheduled_s >= since_s) & (requests.scheduled_s < until_s)
    return SteadyState(
        failed_ratio=float(before.failed.mean()),
        slow_ms=SLOW_RATIO * float(np.quantile(took_ms, SLOW_QUANTILE)),
        long_ms=SLOW_RATIO * float(np.quantile(took_ms, LONG_QUANTILE)),
        requests_rps=float(planned.sum()) / (until_s - since_s),
    )


def find_recovery(requests: Requests, steady: SteadyState, ended_s: float) -> float | None:
    """Return the planned start of the first request from which on the requests are as before a fault.

    From this request on, `CONSECUTIVE` requests after each other hold the steady state, and so do all such
    groups that begin while the fault lasts.

    Args:
        requests: The requests that ended after the start of the fault.
        steady: The steady state before it.
        ended_s: The end of the fault.

    Returns:
        None if there is no such request, and a time before all of them if users noticed nothing.
    """
    if len(requests.failed) < CONSECUTIVE:
        return None
    is_slow = np.nan_to_num(requests.took_ms) > steady.slow_ms
    long_ones = _count(np.nan_to_num(requests.took_ms) > steady.long_ms)
    holds = (_count(requests.failed) <= steady.most_failed) & (_count(is_slow) <= MOST_SLOW * CONSECUTIVE)
    holds &= long_ones <= MOST_LONG * CONSECUTIVE
    starts_s = requests.scheduled_s[: len(holds)]
    broken = np.flatnonzero(~holds & (starts_s <= ended_s))
    if not len(broken):
        return -math.inf
    is_good = ~requests.failed[: len(holds)] & ~is_slow[: len(holds)]
    first = int(broken[-1]) + 1
    has_recovered = holds & is_good & (long_ones <= LONG_AGAIN * CONSECUTIVE)
    candidates = np.flatnonzero(has_recovered[first:])
    return float(starts_s[first + int(candidates[0])]) if len(candidates) else None


def _count(mask: Mask) -> Column:
    """Return the number of true values among the next `CONSECUTIVE` ones, for each value that has them."""
    sums = np.concatenate([[0], np.cumsum(mask)])
    counts: Column = sums[CONSECUTIVE:] - sums[:-CONSECUTIVE]
    return counts
