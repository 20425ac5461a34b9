"""The warm-up and the duration of the next trial of a capacity search."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from bench.core.capacity.load_trial import LoadTrial, LoadUnit

SHORTEST_S = 5.0
"""Shortest duration of a trial after its warm-up, in seconds."""
SHORTEST_WARM_UP_S = 10.0
"""Shortest warm-up of a trial, in seconds."""
LONGEST_WARM_UP_S = 60.0
"""Longest warm-up of a trial, in seconds."""
WARM_UP_CYCLES = 1.25
"""Warm-up in a closed loop, in cycles of a user: response time and think time."""
WARM_UP_P95 = 5.0
"""Warm-up in an open loop, in 95th percentiles of the response time."""
FIRST_TRIALS_S = 15.0
"""Longest duration of a trial while no tried load lies on each side of the safe load, in seconds."""
FIRST_TRIALS_WARM_UPS = 1.5
"""The same in warm-ups; the larger one counts."""
LATER_TRIALS_S = 100.0
"""Longest duration of a later trial, in seconds."""
LATER_TRIALS_WARM_UPS = 4.0
"""The same in warm-ups; the larger one counts."""


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


def plan_trial(
    load: float, trials: Sequence[LoadTrial], unit: LoadUnit, left_s: float
) -> PlannedTrial | None:
    """Return the next trial at a load; None if the time that is left does not suffice."""
    warm_up_s = _plan_warm_up_s(load, trials, unit)
    if _is_between(load, trials):
        longest_s = max(LATER_TRIALS_S, LATER_TRIALS_WARM_UPS * warm_up_s)
    else:
        longest_s = max(FIRST_TRIALS_S, FIRST_TRIALS_WARM_UPS * warm_up_s)
    drain_s = _nearest(load, trials).drain_s if trials else 0.0
    longest_s = min(longest_s, left_s - warm_up_s - drain_s)
    return PlannedTrial(load, warm_up_s, SHORTEST_S, longest_s) if longest_s >= SHORTEST_S else None


def _plan_warm_up_s(load: float, trials: Sequence[LoadTrial], unit: LoadUnit) -> float:
    """Return the time until a load is steady, from the trial with the nearest load."""
    if not trials:
        return SHORTEST_WARM_UP_S
    nearest = _nearest(load, trials)
    if unit == "users":
        # Little's law: users are throughput times response time and think time.
        steady_s = WARM_UP_CYCLES * nearest.load / nearest.throughput_rps if nearest.throughput_rps else 0.0
    else:
        steady_s = WARM_UP_P95 * (nearest.p95_ms or 0.0) / 1000
    return min(max(steady_s, SHORTEST_WARM_UP_S), LONGEST_WARM_UP_S)


def _nearest(load: float, trials: Sequence[LoadTrial]) -> LoadTrial:
    return min(trials, key=lambda trial: abs(math.log(trial.load / load)))


def _is_between(load: float, trials: Sequence[LoadTrial]) -> bool:
    """Return whether a lower load seems to meet the objectives and a higher one does not."""
    has_lower = any(trial.load <= load and not _looks_broken(trial) for trial in trials)
    has_higher = any(trial.load >= load and _looks_broken(trial) for trial in trials)
    return has_lower and has_higher


def _looks_broken(trial: LoadTrial) -> bool:
    return any(counts.missed_ratio > counts.allowed_ratio for counts in trial.counts)
