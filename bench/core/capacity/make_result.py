"""Make the answer of a capacity search from its trials."""

from collections.abc import Sequence

import numpy as np

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.capacity.curve import fit_curve
from bench.core.capacity.load_objective import LoadObjective
from bench.core.capacity.load_trial import LoadTrial, LoadUnit, SafeLoad, SearchEnd, TrialVerdict
from bench.core.samples.metrics import UNATTRIBUTED

NO_GAIN_RATIO = 1.05
"""A larger load brings a gain if it has this factor of the throughput."""


def make_capacity_result(
    trials: Sequence[LoadTrial],
    safe: SafeLoad | None,
    ended: SearchEnd,
    objectives: Sequence[LoadObjective],
    phase: tuple[LoadUnit, float],
) -> CapacityResult:
    """Return the answer of a search.

    Args:
        trials: The trials, in their order.
        safe: The safe load; `None` without one.
        ended: Why the search ended.
        objectives: The objectives.
        phase: Unit of the loads, and the mean think time in seconds.
    """
    unit, think_s = phase
    return CapacityResult(
        unit=unit,
        objectives=tuple(objective.words for objective in objectives),
        safe_load=safe,
        ended=ended,
        trials=tuple(trials),
        breaks_at=find_breaking_tier(trials),
        throughput_rps=None if safe is None else _interpolate_throughput(trials, safe.load),
        no_gain_from=find_no_gain(trials),
        curve=fit_curve(trials, unit, think_s or None),
    )


def find_breaking_tier(trials: Sequence[LoadTrial]) -> str | None:
    """Return the tier that grows most from the largest load that meets the objectives to the next one."""
    met = [trial for trial in trials if trial.verdict is not TrialVerdict.BROKEN and trial.tier_ms]
    broken = [trial for trial in trials if trial.verdict is TrialVerdict.BROKEN and trial.tier_ms]
    if not met or not broken:
        return None
    above = min(broken, key=_load_of)
    lower = [trial for trial in met if trial.load <= above.load]
    if not lower:
        return None
    below = max(lower, key=_load_of)
    growth: dict[str, float] = {}
    for tier, time_ms in above.tier_ms.items():
        growth[tier] = time_ms - below.tier_ms.get(tier, 0.0)
    growth.pop(UNATTRIBUTED, None)
    largest = max(growth, key=growth.__getitem__, default=UNATTRIBUTED)
    return largest if growth.get(largest, 0.0) > 0.0 else None


def find_no_gain(trials: Sequence[LoadTrial]) -> float | None:
    """Return the smallest load whose throughput no larger load exceeds; `None` if the largest one does."""
    ascending = sorted(trials, key=_load_of)
    for number, trial in enumerate(ascending[:-1]):
        later_rps = max(other.throughput_rps for other in ascending[number + 1 :])
        is_larger = ascending[-1].load > trial.load
        if is_larger and trial.throughput_rps > 0.0 and later_rps <= NO_GAIN_RATIO * trial.throughput_rps:
            return trial.load
    return None


def _interpolate_throughput(trials: Sequence[LoadTrial], load: float) -> float:
    """Return the throughput at a load, between those of the tried loads around it."""
    by_load: dict[float, list[float]] = {}
    for trial in sorted(trials, key=_load_of):
        by_load.setdefault(trial.load, []).append(trial.throughput_rps)
    means_rps = [float(np.mean(rates_rps)) for rates_rps in by_load.values()]
    return float(np.interp(load, [*by_load], means_rps))


def _load_of(trial: LoadTrial) -> float:
    return trial.load
