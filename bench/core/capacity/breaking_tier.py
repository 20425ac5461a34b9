"""The tier at which a stack breaks: the one whose time grows most when an objective breaks."""

from collections.abc import Sequence

from bench.core.capacity.load_trial import LoadTrial, TrialVerdict
from bench.core.samples.metrics import UNATTRIBUTED

_SAME_MS = 1e-6


def find_breaking_tier(trials: Sequence[LoadTrial]) -> str | None:
    """Return the tier whose mean time grows most from the largest met load to the first broken one.

    A tier that one of the two loads lacks took no time there. Of tiers that grow equally, the one with the
    longest time counts.

    Returns:
        None without these two loads, without tier times, if no tier grows, or if the time that no tier
        reports grows most, because a reader must not search in the wrong tier.
    """
    first_broken = _first_broken(trials)
    if first_broken is None:
        return None
    met = [trial.load for trial in trials if trial.verdict is TrialVerdict.MET and trial.load < first_broken]
    if not met:
        return None
    before_ms = _mean_tiers(trials, max(met), TrialVerdict.MET)
    after_ms = _mean_tiers(trials, first_broken, TrialVerdict.BROKEN)
    if not before_ms or not after_ms:
        return None
    growth_ms = {tier: after_ms.get(tier, 0.0) - before_ms.get(tier, 0.0) for tier in before_ms | after_ms}
    largest_ms = max(growth_ms.values())
    grown = sorted(tier for tier, growth in growth_ms.items() if growth >= largest_ms - _SAME_MS)
    tier = max(grown, key=lambda name: after_ms.get(name, 0.0))
    return None if largest_ms <= _SAME_MS or tier == UNATTRIBUTED else tier


def _first_broken(trials: Sequence[LoadTrial]) -> float | None:
    """Return the smallest broken load above all met loads, or else above the smallest of them."""
    met = [trial.load for trial in trials if trial.verdict is TrialVerdict.MET]
    broken = [trial.load for trial in trials if trial.verdict is TrialVerdict.BROKEN]
    if not met:
        return None
    above_all = [load for load in broken if load > max(met)]
    above_one = [load for load in broken if load > min(met)]
    return min(above_all or above_one, default=None)


def _mean_tiers(trials: Sequence[LoadTrial], load: float, verdict: TrialVerdict) -> dict[str, float]:
    """Return the mean time by tier of the trials of a load, weighted by their answers."""
    sums_ms: dict[str, float] = {}
    answers = 0.0
    for trial in trials:
        if trial.load == load and trial.verdict is verdict and trial.tier_ms:
            completed = trial.throughput_rps * trial.duration_s
            answers += completed
            for tier, mean_ms in trial.tier_ms.items():
                sums_ms[tier] = sums_ms.get(tier, 0.0) + mean_ms * completed
    return {tier: total_ms / answers for tier, total_ms in sums_ms.items()} if answers else {}
