"""The effects of the faults of a run: lost requests, and the time to recover."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from bench.core.config.fault import Fault, name_fault
from bench.core.faults.fault_times import FaultTimes
from bench.core.faults.steady_state import (
    CONSECUTIVE,
    Requests,
    SteadyState,
    find_recovery,
    find_steady_state,
)
from bench.core.samples.columns import OUTCOMES
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values.record import Count, NotNegative, Number, Record


class FaultEffect(Record):
    """One fault of a run, with the requests that were lost because of it. Times are seconds."""

    name: str
    """The fault in words, such as `kill agent`."""
    planned_s: NotNegative
    """Planned start, from the start of the measured load."""
    instances: tuple[str, ...]
    """Services or instances that had the fault."""
    began_s: Number | None = None
    """Measured start; null if the fault did not happen."""
    lasted_s: NotNegative | None = None
    """Time from the start until the services were ready again; null if they never were."""
    failed: dict[Outcome, Count] = {}
    """Requests that failed from the start of the fault until the recovery, by outcome."""
    in_flight: Count = 0
    """Number of them that had been planned before the fault began."""
    expected_failures: NotNegative = 0.0
    """Number of them that would have failed without the fault, by the share of the time before."""
    lost: Count = 0
    """Number of requests that were lost because of the fault."""
    lost_s: NotNegative | None = None
    """Duration of a complete outage that loses as many requests; null without a time before the fault."""
    recovery_s: NotNegative | None = None
    """Time from the start of the fault until requests are answered as before; null if it is unknown."""
    watched_s: NotNegative | None = None
    """Time from the start of the fault until the next fault or the end of the run."""
    problem: str | None = None
    """Why the time to recover is unknown."""

    @property
    def waited_s(self) -> float:
        """The time to recover, or the time without a recovery; 0 for a fault that did not happen."""
        return (self.watched_s or 0.0) if self.recovery_s is None else self.recovery_s

    @property
    def later(self) -> int:
        """Number of failed requests that were planned after the fault began."""
        return sum(self.failed.values()) - self.in_flight


def measure_faults(
    faults: Sequence[Fault], times: Sequence[FaultTimes], samples: Samples, elapsed_s: float
) -> tuple[FaultEffect, ...]:
    """Return the effects of the faults of a run, in the order of their start.

    A request belongs to the newest fault that began before it ended.

    Args:
        faults: The faults of the scenario.
        times: Their measured times.
        samples: Requests to the target, without warm-up.
        elapsed_s: End of the run.
    """
    happened = {fault_times.fault for fault_times in times}
    missing = [
        FaultEffect(
            name=name_fault(fault),
            planned_s=fault.at_s,
            instances=(fault.service,),
            problem="the fault did not happen",
        )
        for index, fault in enumerate(faults)
        if index not in happened
    ]
    ordered = sorted(times, key=lambda fault_times: fault_times.began_s)
    return (*_measure_in_order(faults, ordered, Requests.of(samples), elapsed_s), *missing)


def _measure_in_order(
    faults: Sequence[Fault], times: Sequence[FaultTimes], requests: Requests, elapsed_s: float
) -> Iterator[FaultEffect]:
    since_s = 0.0
    steady: SteadyState | None = None
    starts_s = [fault_times.began_s for fault_times in times]
    for fault_times, next_s in zip(times, [*starts_s, math.inf][1:], strict=True):
        before = find_steady_state(requests, since_s, fault_times.began_s)
        steady = before or steady
        after = requests.ended_within(fault_times.began_s, next_s)
        until_s = min(next_s, max(elapsed_s, fault_times.began_s))
        effect = _measure(faults[fault_times.fault], fault_times, after, steady, until_s)
        yield effect
        recovered = effect.recovery_s is not None
        since_s = fault_times.began_s + (effect.recovery_s or 0.0) if recovered else until_s


def _measure(
    fault: Fault, times: FaultTimes, after: Requests, steady: SteadyState | None, until_s: float
) -> FaultEffect:
    recovered_s = None
    if steady is not None:
        recovered_s = find_recovery(after, steady, until_s if times.ended_s is None else times.ended_s)
    recovery_s = None if recovered_s is None else max(0.0, recovered_s - times.began_s)
    affected = after if recovered_s is None else after.where(after.scheduled_s < recovered_s)
    failed = affected.where(affected.failed)
    failures = int(affected.failed.sum())
    expected = 0.0 if steady is None else min(float(failures), steady.failed_ratio * len(affected.failed))
    lost = max(0, round(failures - expected))
    return FaultEffect(
        name=name_fault(fault),
        planned_s=fault.at_s,
        instances=times.instances,
        began_s=times.began_s,
        lasted_s=None if times.ended_s is None else max(0.0, times.ended_s - times.began_s),
        failed=_count_outcomes(failed),
        in_flight=int((failed.scheduled_s < times.began_s).sum()),
        expected_failures=expected,
        lost=lost,
        lost_s=None if steady is None else lost / steady.requests_rps,
        recovery_s=recovery_s,
        watched_s=until_s - times.began_s,
        problem=None if recovery_s is not None else _explain(after, steady),
    )


def _explain(after: Requests, steady: SteadyState | None) -> str:
    """Return why the time to recover is unknown."""
    if steady is None:
        return f"fewer than {CONSECUTIVE} requests succeeded before the fault"
    if len(after.failed) < CONSECUTIVE:
        return f"only {len(after.failed)} requests followed, and {CONSECUTIVE} are needed"
    return "the stack did not recover"


def _count_outcomes(requests: Requests) -> dict[Outcome, int]:
    numbers, counts = np.unique(requests.outcome, return_counts=True)
    by_outcome: dict[Outcome, int] = {}
    for number, count in zip(numbers, counts, strict=True):
        by_outcome[OUTCOMES[int(number)]] = int(count)
    return by_outcome
