"""The search for the safe load: which load is tried next, for how long, and when the search ends.

All functions are pure: the same trials lead to the same next trial.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from bench.core.capacity.load_trial import (
    LoadTrial,
    LoadUnit,
    ObjectiveCounts,
    SafeLoad,
    SearchEnd,
    TrialVerdict,
)
from bench.core.capacity.safe_load_posterior import SafeLoadPosterior, compute_posterior
from bench.core.capacity.trial_test import judge_trial
from bench.core.config.capacity_search import CapacitySearch

LARGEST_STEP = 2.0
"""A trial has at most this factor of the largest load before it."""
SHORTEST_S = 5.0
"""Shortest duration of a trial after its warm-up, in seconds."""
FIRST_SETTLING_S = 10.0
"""Warm-up of the first trial, in seconds."""
SETTLING_CYCLES = 2.0
"""Warm-up of a trial, in cycles of a user (response time and think time)."""
LONGEST_SETTLING_S = 60.0
"""Longest warm-up of a trial, in seconds."""
TRIAL_SETTLINGS = 5.0
"""Longest duration of a trial after its warm-up, in warm-ups."""


class PlannedTrial(NamedTuple):
    """A trial that should come next."""

    load: float
    """VUs, a whole number; or requests per second."""
    warm_up_s: float
    """Seconds at its start that do not count."""
    shortest_s: float
    """Seconds after the warm-up before which it does not end."""
    longest_s: float
    """Seconds after the warm-up at which it ends in any case."""


class CapacitySearcher:
    """A search.

    Args:
        settings: The declared search.
        unit: Unit of the loads. Users are whole numbers.
        previous: The safe load of an earlier run. The search starts there; its answer does not depend on it.
    """

    def __init__(self, settings: CapacitySearch, unit: LoadUnit, previous: SafeLoad | None = None) -> None:
        self.settings = settings
        self._is_integer = unit == "users"
        self._previous = previous

    def next_trial(self, trials: Sequence[LoadTrial], left_s: float) -> PlannedTrial | SearchEnd:
        """Return the next trial, or why the search ends. `left_s` is the rest of the budget in seconds."""
        if not trials:
            start = self.settings.lowest if self._previous is None else self._previous.load
            return self._plan(self._allow(start), trials, left_s) or SearchEnd.BUDGET
        posteriors = _posteriors(trials)
        end = self._end([trial.load for trial in trials], posteriors)
        if end is not None:
            return end
        median = min(posterior.quantile(0.5) for posterior in posteriors)
        largest = LARGEST_STEP * max(trial.load for trial in trials)
        return self._plan(self._allow(min(median, largest)), trials, left_s) or SearchEnd.BUDGET

    def judge(self, counts: Sequence[ObjectiveCounts]) -> TrialVerdict:
        """Return whether the load of a trial meets the objectives. Call it as often as you like."""
        return judge_trial(counts)

    def is_enough(self, trials: Sequence[LoadTrial], load: float, counts: Sequence[ObjectiveCounts]) -> bool:
        """Return whether a running trial may end now, before its longest duration.

        Args:
            trials: The trials before it.
            load: Its load.
            counts: Its requests by objective, from the end of its warm-up on. Leave out the newest blocks if
                a request of them has not ended and waits for less than its limit.
        """
        if self.judge(counts) is not TrialVerdict.OPEN:
            return True
        tried = [*(trial.load for trial in trials), load]
        return self._end(tried, _compute(tried, [*(trial.counts for trial in trials), counts])) is not None

    def estimate(self, trials: Sequence[LoadTrial]) -> SafeLoad | None:
        """Return the safe load; None if no load that may be tried meets the objectives."""
        if not trials:
            return None
        posteriors = _posteriors(trials)
        interval = self._interval(posteriors)
        if interval[1] < self.settings.lowest:
            return None
        tried = [trial.load for trial in trials]
        middle = min(posterior.quantile(0.5) for posterior in posteriors)
        is_open = interval[1] > max(tried)
        largest = max(tried) if is_open else interval[1]
        load = min(max(self._round(middle), interval[0]), largest)
        low = min(interval[0], load)
        return SafeLoad(
            load=load, low=low, high=None if is_open else interval[1], confidence=self.settings.confidence
        )

    def _end(self, tried: Sequence[float], posteriors: Sequence[SafeLoadPosterior]) -> SearchEnd | None:
        settings = self.settings
        low, high = self._interval(posteriors)
        if high < settings.lowest:
            return SearchEnd.NONE_MET
        if settings.highest is not None and low >= settings.highest:
            return SearchEnd.ALL_MET
        widest = settings.width_ratio * (low + high) / 2
        is_bracketed = high <= max(tried)
        if is_bracketed and high - low <= (max(1.0, widest) if self._is_integer else widest):
            return SearchEnd.NARROW
        return None

    def _interval(self, posteriors: Sequence[SafeLoadPosterior]) -> tuple[float, float]:
        """Return the interval of the smallest safe load of all objectives."""
        tail = (1.0 - self.settings.confidence) / 2
        low = min(posterior.quantile(tail / len(posteriors)) for posterior in posteriors)
        high = min(posterior.quantile(1.0 - tail) for posterior in posteriors)
        return self._round(low), self._round(high)

    def _plan(self, load: float, trials: Sequence[LoadTrial], left_s: float) -> PlannedTrial | None:
        warm_up_s = self._settling_s(trials)
        longest_s = min(max(SHORTEST_S, TRIAL_SETTLINGS * warm_up_s), left_s - warm_up_s)
        return None if longest_s < SHORTEST_S else PlannedTrial(load, warm_up_s, SHORTEST_S, longest_s)

    def _settling_s(self, trials: Sequence[LoadTrial]) -> float:
        """Return the time until a load is steady: some cycles of a user, or some response times."""
        if not trials:
            return FIRST_SETTLING_S
        last = trials[-1]
        cycle_s = (last.mean_ms or 0.0) / 1000
        if self._is_integer and last.throughput_rps > 0:
            cycle_s = max(cycle_s, last.load / last.throughput_rps)
        return min(max(SETTLING_CYCLES * cycle_s, SHORTEST_S), LONGEST_SETTLING_S)

    def _allow(self, load: float) -> float:
        """Return the load that may be tried and is closest to this one."""
        highest = self.settings.highest or math.inf
        allowed = min(max(load, self.settings.lowest), highest)
        return max(1.0, math.ceil(allowed - 0.5)) if self._is_integer else allowed

    def _round(self, load: float) -> float:
        return float(math.floor(load)) if self._is_integer else load


def _posteriors(trials: Sequence[LoadTrial]) -> list[SafeLoadPosterior]:
    return _compute([trial.load for trial in trials], [trial.counts for trial in trials])


def _compute(tried: Sequence[float], counts: Sequence[Sequence[ObjectiveCounts]]) -> list[SafeLoadPosterior]:
    """Return the distribution of the safe load of each objective."""
    by_objective = zip(*counts, strict=True)
    return [compute_posterior(tried, of_objective) for of_objective in by_objective]
