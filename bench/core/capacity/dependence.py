"""How strongly the requests of a trial depend on each other.

Close to saturation, slow requests come in groups: a long queue delays all requests that wait in it. The
number of missed requests then varies more than that of independent requests. The *dispersion* is the factor
of its variance; a trial shows as much about the share of missed requests as its requests divided by the
dispersion.
"""

from collections.abc import Sequence

import numpy as np

from bench.core.capacity.load_trial import ObjectiveCounts
from bench.core.values.units import FloatArray

PRIOR_DISPERSION = 4.0
"""Dispersion before a trial shows missed requests."""
PRIOR_WEIGHT = 4.0
"""Weight of this prior: expected variance of the missed requests, if they were independent."""


def estimate_dispersion(counts: Sequence[ObjectiveCounts]) -> float:
    """Return the dispersion of the missed requests of all trials, at least 1.

    It is the variance of the sum of the missed requests, divided by that of independent requests.
    """
    measured = 0.0
    independent = 0.0
    for counted in counts:
        ratio = counted.missed_ratio
        missed_above_mean = [block.missed - ratio * block.requests for block in counted.blocks]
        measured += long_run_variance(np.asarray(missed_above_mean, dtype=np.float64))
        independent += counted.requests * ratio * (1.0 - ratio)
    weighted = PRIOR_WEIGHT * PRIOR_DISPERSION + measured
    return max(1.0, weighted / (PRIOR_WEIGHT + independent))


def long_run_variance(residuals: FloatArray) -> float:
    """Return the variance of the sum of values in the order of time, whose neighbours depend on each other.

    Args:
        residuals: The values without their mean.

    Returns:
        The sum of the autocovariances until a pair of them is negative (Geyer, 1992, "Practical Markov chain
        Monte Carlo").
    """
    total = float(residuals @ residuals)
    for lag in range(1, len(residuals) - 1, 2):
        pair = float(residuals[:-lag] @ residuals[lag:])
        pair += float(residuals[: -lag - 1] @ residuals[lag + 1 :])
        if pair <= 0:
            break
        total += 2.0 * pair
    return total
