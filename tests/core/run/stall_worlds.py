"""Generated runs of which every stall is known."""

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.run.recording import Recording
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.samples.token_times import TokenTimes
from tests.factories import make_recording

Span = tuple[float, float]


@dataclass(frozen=True)
class World:
    """Users and a target that may stand still."""

    users: int = 10
    think_time_s: Span = (0.0, 0.0)
    work_s: float = 0.5
    """Median work of a response."""
    spread: float = 0.3
    """Standard deviation of the logarithm of the work."""
    workers: int = 1_000
    """Number of responses that the target makes at the same time; the others wait in a queue."""
    tokens: int = 0
    """Tokens of a streamed response; 0 for one that is not streamed."""
    tool_s: float = 0.0
    """Pause in the middle of a streamed response, in which the target calls a tool."""
    ramp_s: float = 0.0
    """Time in which the users start one after the other."""
    duration_s: float = 30.0
    timeout_s: float = 1_000.0
    rate: float | None = None
    """Requests per second of an open loop."""
    stalls: Sequence[Span] = ()
    """Times in which the target does nothing."""


class _Work:
    """The time in which the target works, without its stalls."""

    def __init__(self, stalls: Sequence[Span]) -> None:
        self._stalls = sorted(stalls)

    def done_by(self, at_s: float) -> float:
        """Return the working time until a moment."""
        return at_s - sum(
            max(0.0, min(at_s, end_s) - start_s) for start_s, end_s in self._stalls if start_s < at_s
        )

    def moment_of(self, work_s: float) -> float:
        """Return the moment at which this working time is reached."""
        at_s = work_s
        for start_s, end_s in self._stalls:
            if at_s > start_s:
                at_s += end_s - start_s
        return at_s


def run_world(world: World, seed: int) -> Recording:
    """Return the recording of a world."""
    return _Run(world, seed).record()


class _Run:
    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._dice = random.Random(seed)
        self._work = _Work(world.stalls)
        self._free = [0.0] * min(world.workers, 1_000)
        self._samples: list[RequestSample] = []
        self._tokens = TokenTimes()

    def record(self) -> Recording:
        if self._world.rate is None:
            self._run_users()
        else:
            self._run_arrivals(self._world.rate)
        self._samples.sort(key=lambda sample: sample.finished_s)
        return make_recording(
            samples=Samples.of(self._samples),
            elapsed_s=math.ceil(self._samples[-1].finished_s * 10) / 10,
            token_gaps={0: self._tokens.gaps},
            token_spans={0: self._tokens.spans()},
        )

    def _run_users(self) -> None:
        world = self._world
        due = [(world.ramp_s * user / world.users, user, 0) for user in range(world.users)]
        heapq.heapify(due)
        while due:
            at_s, user, iteration = heapq.heappop(due)
            if at_s >= world.duration_s:
                continue
            end_s = self._send(at_s, user, iteration)
            heapq.heappush(due, (end_s + self._dice.uniform(*world.think_time_s), user, iteration + 1))

    def _run_arrivals(self, rate: float) -> None:
        at_s = self._dice.expovariate(rate)
        number = 0
        while at_s < self._world.duration_s:
            self._send(at_s, number, 0)
            number += 1
            at_s += self._dice.expovariate(rate)

    def _send(self, at_s: float, user: int, iteration: int) -> float:
        """Add a request, and return its end."""
        world = self._world
        work_s = world.work_s * self._dice.lognormvariate(0.0, world.spread)
        begin = max(self._work.done_by(at_s), heapq.heappop(self._free))
        heapq.heappush(self._free, begin + work_s + world.tool_s)
        steps = np.array([work_s])
        if world.tokens:
            steps = work_s * np.linspace(0.3, 1.0, world.tokens)
            steps[world.tokens // 2 :] += world.tool_s
        times_s = np.array([self._work.moment_of(begin + step) for step in steps])
        end_s = float(times_s[-1])
        ok = end_s - at_s <= world.timeout_s
        end_s = min(end_s, at_s + world.timeout_s)
        if world.tokens and ok:
            self._tokens.add(times_s, np.array([0]))
        seen_s = times_s[times_s <= end_s]
        self._samples.append(
            RequestSample(
                phase=0,
                vu=user,
                iteration=iteration,
                prompt="greeting",
                scheduled_s=at_s,
                sent_s=at_s,
                finished_s=end_s,
                outcome=Outcome.OK if ok else Outcome.TIMEOUT,
                first_byte_s=float(seen_s[0]) if len(seen_s) else None,
                first_token_s=float(seen_s[0]) if len(seen_s) and world.tokens else None,
                last_token_s=float(seen_s[-1]) if len(seen_s) and world.tokens else None,
            )
        )
        return end_s
