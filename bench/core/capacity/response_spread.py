"""The spread of the response times of a trial: what a queue model needs besides their mean."""

import math

import numpy as np

from bench.core.capacity.dependence import long_run_variance
from bench.core.values.units import FloatArray, Values

# Number of the quantiles: the 95th percentile of a service time lies between two of them.
QUANTILES = 40


def spread_quantiles(values_ms: Values) -> tuple[float, ...]:
    """Return `QUANTILES` response times that stand for equal shares of all; empty without a value."""
    if not len(values_ms):
        return ()
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return tuple(map(float, np.quantile(values_ms, shares)))


def mean_error(values_ms: FloatArray, blocks: FloatArray) -> float | None:
    """Return the standard error of the mean of response times whose neighbours depend on each other.

    The variance of a ratio (Cochran, 1977, "Sampling techniques", 6.3), because blocks differ in their
    number of requests, with the dependence of neighbouring blocks.

    Args:
        values_ms: Response times.
        blocks: Number of the block of each of them, ascending with the time of planning.

    Returns:
        None with fewer than two blocks.
    """
    _, index = np.unique(blocks, return_inverse=True)
    count = int(index.max()) + 1 if len(index) else 0
    if count <= 1:
        return None
    from_mean_ms = np.bincount(index, values_ms - np.mean(values_ms), minlength=count)
    deviations = np.asarray(from_mean_ms, dtype=np.float64)
    variance = long_run_variance(deviations) * count / (count - 1)
    return math.sqrt(variance) / len(values_ms)
