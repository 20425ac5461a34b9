"""End the load of a trial as soon as its requests decide it."""

import asyncio
import time
from collections.abc import Sequence

from bench.core.capacity.count_missed import TrialRequests, count_missed
from bench.core.capacity.load_trial import ObjectiveCounts
from bench.core.capacity.trial_length import PlannedTrial
from bench.core.run.search_result import SearchPlan
from bench.core.samples.samples import SampleLog, Samples
from bench.measure.run.drain import StackQueues
from bench.measure.watch.watching import Watch

_INTERVAL_S = 1.0
_REPORT_S = 0.5
"""Time until a load generator has reported a request that begins."""


class TrialEnd:
    """Judges a trial about once a second; see `EarlyEnd`.

    Args:
        plan: The search.
        planned: The trial.
        queues: The queues of the stack.
        interrupted: Ends all waits when it is set.

    Attributes:
        counts: The newest counts by objective.
        elapsed_s: Time since the start of the load, at the newest judgement.
        drain_s: Time from the end of the load until no request and no queue was left.
    """

    def __init__(
        self,
        plan: SearchPlan,
        planned: PlannedTrial,
        queues: StackQueues,
        interrupted: asyncio.Event,
    ) -> None:
        self.counts: tuple[ObjectiveCounts, ...] = ()
        self.elapsed_s = 0.0
        self.drain_s = 0.0
        self._plan = plan
        self._planned = planned
        self._queues = queues
        self._interrupted = interrupted
        self._log = SampleLog()
        self._end_s: float | None = None

    async def open(self, watch: Watch) -> None:
        """Note the queues of the stack before the first load."""
        await self._queues.note_idle(watch)

    def add(self, samples: Samples) -> None:
        """Receive requests that ended."""
        self._log.extend(samples.to_log())

    def is_enough(self, phase_s: tuple[float, float], waits_s: Sequence[float]) -> bool:
        """Return whether the trial is decided. The arguments are those of `EarlyEnd.is_enough`."""
        start_s, now_s = phase_s
        planned = self._planned
        if now_s - start_s < self.elapsed_s + _INTERVAL_S:
            return False
        self.elapsed_s = now_s - start_s
        longest_s = planned.warm_up_s + planned.longest_s
        self._end_s = time.monotonic() + max(0.0, longest_s - self.elapsed_s)
        begin_s = start_s + planned.warm_up_s
        requests = TrialRequests(self._log.since(0), begin_s, now_s - _REPORT_S, waits_s)
        self.counts = count_missed(self._plan.objectives, requests, self._plan.spec.coverage)
        if self.elapsed_s < planned.warm_up_s + planned.shortest_s:
            return False
        if not all(counts.requests for counts in self.counts):
            return False
        if not self._plan.searcher.is_enough(self.counts):
            return False
        self._end_s = time.monotonic()
        return True

    async def drain(self, watch: Watch) -> None:
        """Wait until no queue of the stack is left."""
        await self._queues.wait_until_empty(watch, self._interrupted)
        if self._end_s is not None:
            self.drain_s = max(0.0, time.monotonic() - self._end_s)
