"""Simulate, in virtual time, how a run merges the batches of many load generators, and how evenly they start.

Each load generator sends a batch a few times per second. Its agent has at most a window of bytes on the way
to the run, keeps further batches in memory, then in a file (`bench/measure/cluster/outbox.py`). The run reads
one batch after the other. The simulation has no clock and no I/O, and equal seeds give equal results.
"""

import heapq
import random
from collections import deque
from dataclasses import dataclass, field

from bench.core.load.clock_offset import ClockReading, estimate_offset
from bench.measure.cluster.outbox import FILE_BYTES, MEMORY_BYTES, WINDOW_BYTES

BATCHES_PER_S = 4.0
"""Batches of a load generator per second."""


@dataclass(frozen=True)
class MergePlan:
    """A cluster and its load."""

    workers: int
    """Number of load generators."""
    requests_per_s: float
    """Requests of each of them per second."""
    batch_us: float
    """Processor time of the run per batch, in microseconds."""
    sample_us: float
    """Processor time of the run per request, in microseconds."""
    batch_bytes: float
    """Bytes of a batch without requests."""
    sample_bytes: float
    """Bytes of a request."""
    latency_s: float = 0.001
    """Time of a message between two machines."""
    run_bytes_per_s: float = 125e6
    """Bytes per second that the network of the run carries; 125e6 is 1 Gbit/s."""
    seconds: float = 30.0
    """Duration of the load."""
    seed: int = 1
    """Seed of the sizes of batches and of their moments."""

    @property
    def utilisation(self) -> float:
        """Share of a core that the run needs."""
        batch_us = self.batch_us + self.sample_us * self.requests_per_s / BATCHES_PER_S
        return self.workers * BATCHES_PER_S * batch_us / 1e6

    @property
    def bytes_per_s(self) -> float:
        """Bytes that all load generators send to the run per second."""
        batch = self.batch_bytes + self.sample_bytes * self.requests_per_s / BATCHES_PER_S
        return self.workers * BATCHES_PER_S * batch


@dataclass(frozen=True)
class MergeOutcome:
    """The result of a simulation."""

    sent: int
    """Requests that load generators sent to the run."""
    merged: int
    """Requests that the run had merged when all had arrived."""
    p95_delay_s: float
    """95th percentile of the time from the end of a batch to its merge."""
    longest_delay_s: float
    """Longest such time."""
    back_pressure_s: float | None
    """When a load generator first had to keep a batch, because its window was full; `None` if never."""
    file_s: float | None
    """When a load generator first wrote batches into a file; `None` if never."""
    most_kept_bytes: float
    """Most bytes that a load generator kept, in memory and in its file."""

    @property
    def is_lossless(self) -> bool:
        """Whether no request was lost."""
        return self.sent == self.merged and self.most_kept_bytes < FILE_BYTES


@dataclass
class _Agent:
    """The bytes of a load generator that the run has not merged."""

    on_way: float = 0.0
    kept: deque[tuple[float, int, float]] = field(default_factory=deque)
    """End, requests and bytes of each batch that waits."""
    kept_bytes: float = 0.0


class _Merge:
    """The state of a simulation: events in the order of their times."""

    def __init__(self, plan: MergePlan) -> None:
        self.plan = plan
        self.random = random.Random(plan.seed)
        self.agents = [_Agent() for _ in range(plan.workers)]
        self.events: list[tuple[float, int, str, int, tuple[float, int, float] | None]] = []
        self.numbers = 0
        self.run_free_s = 0.0
        self.wire_free_s = 0.0
        self.sent = 0
        self.merged = 0
        self.delays: list[float] = []
        self.back_pressure_s: float | None = None
        self.file_s: float | None = None
        self.most_kept = 0.0

    def put(self, at_s: float, kind: str, worker: int, batch: tuple[float, int, float] | None = None) -> None:
        self.numbers += 1
        heapq.heappush(self.events, (at_s, self.numbers, kind, worker, batch))

    def run(self) -> MergeOutcome:
        for worker in range(self.plan.workers):
            self.put(self.random.random() / BATCHES_PER_S, "batch", worker)
        while self.events:
            at_s, _, kind, worker, batch = heapq.heappop(self.events)
            if kind == "batch":
                self.end_batch(at_s, worker)
            elif kind == "arrived" and batch is not None:
                self.merge(at_s, worker, batch)
            elif batch is not None:
                self.agents[worker].on_way -= batch[2]
                self.send(at_s, worker)
        delays = sorted(self.delays)
        return MergeOutcome(
            self.sent,
            self.merged,
            delays[int(0.95 * len(delays))],
            delays[-1],
            self.back_pressure_s,
            self.file_s,
            self.most_kept,
        )

    def end_batch(self, at_s: float, worker: int) -> None:
        """Keep a new batch, and send what fits into the window."""
        if at_s > self.plan.seconds:
            return
        mean = self.plan.requests_per_s / BATCHES_PER_S
        requests = max(0, round(self.random.gauss(mean, mean**0.5)))
        size = self.plan.batch_bytes + requests * self.plan.sample_bytes
        agent = self.agents[worker]
        agent.kept.append((at_s, requests, size))
        agent.kept_bytes += size
        self.sent += requests
        self.send(at_s, worker)
        if agent.kept and self.back_pressure_s is None:
            self.back_pressure_s = at_s
        if agent.kept_bytes > MEMORY_BYTES and self.file_s is None:
            self.file_s = at_s
        self.most_kept = max(self.most_kept, agent.kept_bytes)
        self.put(at_s + 1 / BATCHES_PER_S, "batch", worker)

    def send(self, at_s: float, worker: int) -> None:
        """Send batches while the window has room. The wire of the run carries one after the other."""
        agent = self.agents[worker]
        while agent.kept and (not agent.on_way or agent.on_way + agent.kept[0][2] <= WINDOW_BYTES):
            batch = agent.kept.popleft()
            agent.kept_bytes -= batch[2]
            agent.on_way += batch[2]
            self.wire_free_s = max(self.wire_free_s, at_s) + batch[2] / self.plan.run_bytes_per_s
            self.put(self.wire_free_s + self.plan.latency_s, "arrived", worker, batch)

    def merge(self, at_s: float, worker: int, batch: tuple[float, int, float]) -> None:
        """Merge a batch as soon as the run has merged those before it."""
        cost_s = (self.plan.batch_us + self.plan.sample_us * batch[1]) / 1e6
        self.run_free_s = max(self.run_free_s, at_s) + cost_s
        self.merged += batch[1]
        self.delays.append(self.run_free_s - batch[0])
        self.put(self.run_free_s + self.plan.latency_s, "merged", worker, batch)


def simulate_merge(plan: MergePlan) -> MergeOutcome:
    """Return how a run merges the batches of a cluster."""
    return _Merge(plan).run()


@dataclass(frozen=True)
class StartPlan:
    """Load generators whose clocks differ from that of the run."""

    workers: int
    one_way_s: float
    """Least time of a message to a load generator."""
    jitter_s: float
    """Mean of the further time of each message, which is exponential and differs for both ways."""
    asymmetry: float = 0.0
    """Share of the round trip by which the way there is longer than the way back."""
    wake_s: float = 50e-6
    """Mean delay with which a process starts after its timer."""
    round_trips: int = 16
    """Round trips of an estimate."""
    seed: int = 1


@dataclass(frozen=True)
class StartOutcome:
    """The start of a phase on all load generators."""

    skew_s: float
    """Time between the first and the last start."""
    largest_error_s: float
    """Largest true error of an offset."""
    largest_stated_s: float
    """Largest error that an estimate stated."""
    wrong: int
    """Number of offsets with a larger error than stated."""


def simulate_start(plan: StartPlan) -> StartOutcome:
    """Return how evenly load generators start a phase, with the estimates of the real code."""
    rng = random.Random(plan.seed)
    starts: list[float] = []
    errors: list[float] = []
    stated: list[float] = []
    for _ in range(plan.workers):
        true_s = rng.uniform(-1e5, 1e5)
        estimated = estimate_offset([_round_trip(plan, rng, true_s) for _ in range(plan.round_trips)])
        error_s = estimated.offset_s - true_s
        errors.append(abs(error_s))
        stated.append(estimated.error_s)
        starts.append(error_s + rng.expovariate(1 / plan.wake_s))
    # 1e-9: the rounding of clocks that differ by a day.
    wrong = sum(error > bound + 1e-9 for error, bound in zip(errors, stated, strict=True))
    return StartOutcome(max(starts) - min(starts), max(errors), max(stated), wrong)


def _round_trip(plan: StartPlan, rng: random.Random, true_s: float) -> ClockReading:
    asked_s = rng.uniform(0, 10)
    there_s = plan.one_way_s * (1 + plan.asymmetry) + rng.expovariate(1 / plan.jitter_s)
    back_s = plan.one_way_s * (1 - plan.asymmetry) + rng.expovariate(1 / plan.jitter_s)
    return ClockReading(asked_s, asked_s + there_s + true_s, asked_s + there_s + back_s)
