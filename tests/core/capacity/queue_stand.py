"""A simulated stack in virtual time: users or arrivals in front of slots, and the trials that measure it."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.capacity.load_trial import LoadTrial, LoadUnit, ObjectiveCounts, TrialBlock, TrialVerdict
from bench.core.capacity.response_spread import mean_error, spread_quantiles
from bench.core.values.units import FloatArray

BLOCKS = 20
Draw = Callable[[np.random.Generator], float]


def exponential(mean_s: float) -> Draw:
    """M: exponential times in a slot."""
    return lambda random: float(random.exponential(mean_s))


def constant(mean_s: float) -> Draw:
    """D: the same time in a slot for all requests."""
    return lambda random: mean_s  # noqa: ARG005 - draws no number


def lognormal(mean_s: float, spread: float) -> Draw:
    """G: lognormal times in a slot."""
    return lambda random: mean_s * float(random.lognormal(-(spread**2) / 2.0, spread))


@dataclass(frozen=True)
class QueueStand:
    """A stack whose truth is known."""

    slots: int
    service: Draw
    think_s: tuple[float, float] = (5.0, 7.0)
    """Smallest and largest think time of a user."""
    unit: LoadUnit = "users"
    outside_s: float = 0.0
    seed: int = 1

    def answer(self, load: float, duration_s: float) -> FloatArray:
        """Planned and finished time of each request of a trial."""
        random = np.random.default_rng([self.seed, round(load * 1000)])
        free_s = [0.0] * self.slots
        times: list[tuple[float, float]] = []
        if self.unit == "users":
            planned_s = list(random.uniform(0.0, self.think_s[1], int(load)))
        else:
            planned_s = list(np.cumsum(random.exponential(1.0 / load, int(load * duration_s * 1.2) + 50)))
        heapq.heapify(planned_s)
        while planned_s and planned_s[0] < duration_s:
            start_s = heapq.heappop(planned_s)
            end_s = max(start_s, heapq.heappop(free_s)) + self.service(random)
            heapq.heappush(free_s, end_s)
            times.append((start_s, end_s + self.outside_s))
            if self.unit == "users":
                heapq.heappush(planned_s, end_s + self.outside_s + random.uniform(*self.think_s))
        return np.array(times)

    def measure(self, load: float, duration_s: float = 400.0, objective_ms: float = 10_000.0) -> LoadTrial:
        """A trial: its first fifth is warm-up."""
        warm_up_s = duration_s / 5.0
        times_s = self.answer(load, duration_s + warm_up_s)
        times_s = times_s[times_s[:, 0] >= warm_up_s]
        response_ms = (times_s[:, 1] - times_s[:, 0]) * 1000.0
        blocks = np.floor((times_s[:, 0] - warm_up_s) / duration_s * BLOCKS)
        finished = float(np.sum((times_s[:, 1] >= warm_up_s) & (times_s[:, 1] < duration_s + warm_up_s)))
        missed = response_ms > objective_ms
        sizes = np.bincount(blocks.astype(int), minlength=BLOCKS)
        misses = np.bincount(blocks.astype(int), missed, minlength=BLOCKS)
        counts = ObjectiveCounts(
            objective=f"p95 response time ≤ {objective_ms / 1000.0:g} s",
            allowed_ratio=0.05,
            blocks=tuple(TrialBlock(int(size), int(miss)) for size, miss in zip(sizes, misses, strict=True)),
        )
        return LoadTrial(
            load=load,
            start_s=0.0,
            warm_up_s=warm_up_s,
            duration_s=duration_s,
            counts=(counts,),
            verdict=TrialVerdict.BROKEN if np.mean(missed) > 0.05 else TrialVerdict.MET,
            throughput_rps=finished / duration_s,
            goodput_rps=float(np.sum(~missed)) / duration_s,
            mean_ms=float(np.mean(response_ms)),
            p50_ms=float(np.median(response_ms)),
            p95_ms=float(np.quantile(response_ms, 0.95)),
            mean_error_ms=mean_error(response_ms, blocks),
            quantiles_ms=spread_quantiles(response_ms),
            success_ratio=1.0,
        )

    def measure_all(self, loads: Sequence[float], duration_s: float = 400.0) -> tuple[LoadTrial, ...]:
        """A trial of each load."""
        return tuple(self.measure(load, duration_s) for load in loads)
