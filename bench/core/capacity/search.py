"""The search for the safe load: which load is tried next, for how long, and when the search ends.

All functions are pure: the same trials lead to the same next trial.
"""

import math
from collections.abc import Sequence

from bench.core.capacity.load_trial import (
    LoadTrial,
    LoadUnit,
    ObjectiveCounts,
    SafeLoad,
    SearchEnd,
    TrialVerdict,
)
from bench.core.capacity.safe_load_posterior import SafeLoadPosterior, compute_posterior
from bench.core.capacity.trial_length import PlannedTrial, plan_trial
from bench.core.capacity.trial_test import is_far_below, judge_trial
from bench.core.config.capacity_search import CapacitySearch

LARGEST_STEP = 2.0
"""A trial has at most this factor of the largest load before it."""
NEXT_QUANTILE = 0.6
"""The next load is this quantile of the distribution of the safe load. More requests miss the objective above
the median, so a trial shows more."""


class CapacitySearcher:
    """A search.

    Args:
        settings: The declared search.
        unit: Unit of the loads. Users are whole numbers.
        previous: The safe load of an earlier run. The search starts there; its answer does not depend on it.
    """

    def __init__(self, settings: CapacitySearch, unit: LoadUnit, previous: SafeLoad | None = None) -> None:
        self.settings = settings
        self._unit: LoadUnit = unit
        self._is_integer = unit == "users"
        self._previous = previous

    def next_trial(self, trials: Sequence[LoadTrial], left_s: float) -> PlannedTrial | SearchEnd:
        """Return the next trial, or why the search ends. `left_s` is the rest of the budget in seconds."""
        if trials:
            tried = [trial.load for trial in trials]
            posteriors = self._compute(tried, [trial.counts for trial in trials])
            end = self._find_end(tried, posteriors)
            if end is not None:
                return end
            load = min(posterior.quantile(NEXT_QUANTILE) for posterior in posteriors)
            load = min(load, LARGEST_STEP * max(tried))
        else:
            load = self.settings.lowest if self._previous is None else self._previous.load
        return plan_trial(self._allow(load), trials, self._unit, left_s) or SearchEnd.BUDGET

    def judge(self, counts: Sequence[ObjectiveCounts]) -> TrialVerdict:
        """Return whether the load of a trial meets the objectives. Call it as often as you like.

        Args:
            counts: Its requests by objective, from the end of its warm-up on. Leave out the newest blocks if
                a request of them has not ended and waits for less than its limit.
        """
        return judge_trial(counts, self._unit)

    def is_enough(self, counts: Sequence[ObjectiveCounts]) -> bool:
        """Return whether a trial may end: it has a verdict, or its load is far below the safe load.

        It does not end because the interval of the search became narrow: an interval looks too narrow exactly
        while it is wrong.
        """
        return self.judge(counts) is not TrialVerdict.OPEN or is_far_below(counts)

    def estimate(self, trials: Sequence[LoadTrial]) -> SafeLoad | None:
        """Return the safe load; None if probably no load that may be tried meets the objectives.

        A trial without a request shows nothing.
        """
        trials = [trial for trial in trials if any(counts.requests for counts in trial.counts)]
        if not trials:
            return None
        tried = [trial.load for trial in trials]
        posteriors = self._compute(tried, [trial.counts for trial in trials])
        low, high = self._interval(posteriors)
        load = min(max(self._middle(posteriors), low), max(tried))
        if min(load, high) < self.settings.lowest:
            return None
        end = high if high <= max(tried) else _find_broken(trials, load)
        if end is not None:
            load = min(load, end)
        return SafeLoad(load=load, low=min(low, load), high=end, confidence=self.settings.confidence)

    def _compute(
        self, tried: Sequence[float], counts: Sequence[Sequence[ObjectiveCounts]]
    ) -> list[SafeLoadPosterior]:
        """Return the distribution of the safe load of each objective."""
        by_objective = zip(*counts, strict=True)
        return [compute_posterior(tried, of_objective, self._unit) for of_objective in by_objective]

    def _find_end(self, tried: Sequence[float], posteriors: Sequence[SafeLoadPosterior]) -> SearchEnd | None:
        settings = self.settings
        low, high = self._interval(posteriors)
        if high < settings.lowest:
            return SearchEnd.NONE_MET
        if settings.highest is not None and low >= self._allow(settings.highest):
            return SearchEnd.ALL_MET
        # Neighbouring numbers of users are narrow enough, unless the smaller one must not be tried.
        neighbours = 1.0 if self._is_integer and low >= settings.lowest else 0.0
        widest = max(settings.width_ratio * (low + high) / 2, neighbours)
        if high > max(tried) or high - low > widest:
            return None
        return SearchEnd.NARROW if self._middle(posteriors) >= settings.lowest else SearchEnd.NONE_MET

    def _interval(self, posteriors: Sequence[SafeLoadPosterior]) -> tuple[float, float]:
        """Return the interval of the smallest safe load of all objectives.

        The objectives judge the same requests, so they depend on each other: the lower end uses Bonferroni's
        bound, and the upper end is that of the objective that breaks first.
        """
        tail = (1.0 - self.settings.confidence) / 2
        low = min(posterior.quantile(tail / len(posteriors)) for posterior in posteriors)
        high = min(posterior.quantile(1.0 - tail) for posterior in posteriors)
        return self._round(low), self._round(high)

    def _middle(self, posteriors: Sequence[SafeLoadPosterior]) -> float:
        """Return the median of the smallest safe load of all objectives."""
        return self._round(min(posterior.quantile(0.5) for posterior in posteriors))

    def _allow(self, load: float) -> float:
        """Return the load that may be tried and is closest to this one."""
        highest = self.settings.highest or math.inf
        if not self._is_integer:
            return min(max(load, self.settings.lowest), highest)
        least = math.ceil(self.settings.lowest)
        most = math.inf if highest == math.inf else max(least, math.floor(highest))
        return float(min(max(math.floor(load + 0.5), least), most))

    def _round(self, load: float) -> float:
        return float(math.floor(load)) if self._is_integer else load


def _find_broken(trials: Sequence[LoadTrial], load: float) -> float | None:
    """Return the smallest load from this one on whose trial surely broke an objective; None without one.

    It bounds a safe load whose distribution reaches beyond all tried loads.
    """
    broken = [trial.load for trial in trials if trial.verdict is TrialVerdict.BROKEN and trial.load >= load]
    return min(broken, default=None)
