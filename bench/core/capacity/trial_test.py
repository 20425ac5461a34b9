"""The test that ends a trial: its load meets an objective, or does not.

It is valid after each number of requests, so it may be repeated while the trial runs. The likelihood ratio of
a share of missed requests and the allowed share is a test martingale; the average of such ratios over larger
(or smaller) shares is one, too. By Ville's inequality (1939), it ever exceeds 20 with a probability of at
most 5 % if the true share is not larger (smaller). See Ramdas and others (2023, "Game-theoretic
statistics and safe anytime-valid inference"). Requests depend on each other, so their number is divided by
the dispersion.
"""

import math
from collections.abc import Sequence

import numpy as np

from bench.core.capacity.dependence import estimate_dispersion
from bench.core.capacity.load_trial import LoadUnit, ObjectiveCounts, TrialBlock, TrialVerdict
from bench.core.values.units import FloatArray

TRIAL_ALPHA = 0.05
"""Probability of a wrong verdict on a trial, at each side."""
FAR_SLOW_RATIO = 0.1
"""Share of slow requests that a load near the safe load has at least: requests that take longer than half of
their limit."""
_FACTORS = np.asarray([1.25, 1.5, 2.0, 3.0, 5.0, 10.0])
_FEWEST_ALLOWED = 1e-3
_MOST_ALLOWED = 0.99


def judge_trial(counts: Sequence[ObjectiveCounts], unit: LoadUnit) -> TrialVerdict:
    """Return whether a load meets all objectives: broken if one is broken, met if all are met."""
    verdicts = {_judge_objective(counted, unit) for counted in counts}
    if TrialVerdict.BROKEN in verdicts:
        return TrialVerdict.BROKEN
    if TrialVerdict.OPEN in verdicts or not verdicts:
        return TrialVerdict.OPEN
    return TrialVerdict.MET


def is_far_below(counts: Sequence[ObjectiveCounts]) -> bool:
    """Return whether the load is far below the safe load: few requests are slow.

    It is no verdict, so it counts the requests as if they were independent. An objective that limits no time
    must not have been missed.
    """
    limited = [counted for counted in counts if counted.slow is not None]
    others_missed = sum(counted.missed for counted in counts if counted.slow is None)
    return bool(limited) and not others_missed and all(map(_has_few_slow, limited))


def _has_few_slow(counts: ObjectiveCounts) -> bool:
    slow = TrialBlock(counts.requests, counts.slow or 0)
    smaller = FAR_SLOW_RATIO / _FACTORS
    return _log_evidence(slow, FAR_SLOW_RATIO, smaller, 1.0) >= math.log(1.0 / TRIAL_ALPHA)


def _judge_objective(counts: ObjectiveCounts, unit: LoadUnit) -> TrialVerdict:
    allowed = min(_MOST_ALLOWED, max(_FEWEST_ALLOWED, counts.allowed_ratio))
    dispersion = estimate_dispersion([counts], [counts.missed_ratio], unit)
    threshold = math.log(1.0 / TRIAL_ALPHA)
    larger = np.minimum(allowed * _FACTORS, (1.0 + allowed) / 2)
    total = TrialBlock(counts.requests, counts.missed)
    if _log_evidence(total, allowed, larger, dispersion) >= threshold:
        return TrialVerdict.BROKEN
    if _log_evidence(total, allowed, allowed / _FACTORS, dispersion) >= threshold:
        return TrialVerdict.MET
    return TrialVerdict.OPEN


def _log_evidence(counts: TrialBlock, allowed: float, others: FloatArray, dispersion: float) -> float:
    """Return the logarithm of the average likelihood ratio of other shares and the allowed one."""
    passed = counts.requests - counts.missed
    ratios = counts.missed * np.log(others / allowed) + passed * (np.log1p(-others) - math.log1p(-allowed))
    return float(np.logaddexp.reduce(ratios / dispersion)) - math.log(len(others))
