"""How strongly the requests of a trial depend on each other.

Close to saturation, slow requests come in groups: a long queue delays all requests that wait in it. The
number of missed requests then varies more than that of independent requests. The *dispersion* is the factor
of its variance; a trial shows as much about the share of missed requests as its requests divided by the
dispersion.
"""

from collections.abc import Sequence

import numpy as np

from bench.core.capacity.load_trial import LoadUnit, ObjectiveCounts
from bench.core.values.units import FloatArray

PRIOR_CORRELATION = {"users": 1.5, "requests/s": 5.0}
"""Correlation time of the missed requests before a trial shows some, in blocks. It is longer in an open loop,
whose queue has no limit."""
PRIOR_BLOCKS = {"users": 60.0, "requests/s": 100.0}
"""Weight of this prior: blocks of a load that misses its objective as often as allowed."""
_LEAST_WEIGHT = 1e-9


def estimate_dispersion(counts: Sequence[ObjectiveCounts], ratios: Sequence[float], unit: LoadUnit) -> float:
    """Return the dispersion of the missed requests of all trials, at least 1.

    It is the variance of the sum of the missed requests, divided by that of independent requests. The prior
    counts as some more blocks.

    Args:
        counts: The requests of each trial, judged by the same objective.
        ratios: Expected share of missed requests of each trial.
        unit: Unit of the loads, which selects the prior.
    """
    measured = 0.0
    independent = 0.0
    for counted, ratio in zip(counts, ratios, strict=True):
        missed_above_mean = [block.missed - ratio * block.requests for block in counted.blocks]
        measured += long_run_variance(np.asarray(missed_above_mean, dtype=np.float64))
        independent += counted.requests * ratio * (1.0 - ratio)
    requests = sum(counted.requests for counted in counts)
    blocks = sum(len(counted.blocks) for counted in counts)
    by_block = requests / max(1, blocks)
    allowed = counts[0].allowed_ratio
    prior = 1.0 + 2.0 * PRIOR_CORRELATION[unit] * by_block
    weight = PRIOR_BLOCKS[unit] * by_block * allowed * (1.0 - allowed) + _LEAST_WEIGHT
    return max(1.0, (weight * prior + measured) / (weight + independent))


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
