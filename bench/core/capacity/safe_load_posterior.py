"""The probability of each safe load, given the trials of a search and one objective.

The share of the requests that miss the objective grows with the load like a psychometric function:

    miss(load) = floor + (1 - floor) · logistic(slope · (load / safe load - 1) + c)

and `c` follows from miss(safe load) = allowed share. The safe load, the slope and the floor have a grid, like
the parameters of QUEST+ (Watson, 2017, "QUEST+: A general multidimensional Bayesian adaptive psychometric
method"). Slope and floor are summed out. Requests depend on each other, so the likelihood of a trial is that
of its effective number of requests; see `bench.core.capacity.dependence`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bench.core.capacity.dependence import estimate_dispersion
from bench.core.capacity.load_trial import LoadUnit, ObjectiveCounts
from bench.core.values.units import FloatArray

GRID_STEP = 0.02
"""Distance of neighbouring safe loads of the grid, as a logarithm."""
SEARCHED_FACTOR = 4.0
"""The grid reaches from the smallest tried load divided by this factor to this factor of the largest."""
MOST_MISSED = 0.95
"""Larger shares of missed requests count as this one. A load far above the safe load only shows that it is
too large: a fit of its exact share would bend the curve near the safe load."""
# The dispersion is an estimate: it may be half as large, or twice.
_DISPERSION_FACTORS = (0.5, 1.0, 2.0)
_DISPERSION_WEIGHTS = (0.25, 0.5, 0.25)
_SLOPES = (3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0)
_FLOOR_SHARES = (0.0, 0.25, 0.5, 0.75)
_FLOOR_WEIGHTS = np.asarray((0.4, 0.3, 0.2, 0.1))  # most targets fail rarely at low loads
_LEAST_MISS = 1e-4
_FEWEST_ALLOWED = 1e-3
_MOST_ALLOWED = 0.98


@dataclass(frozen=True, slots=True)
class SafeLoadPosterior:
    """A distribution of the safe load."""

    loads: FloatArray
    """Possible safe loads, ascending."""
    below: FloatArray
    """Probability that the safe load is at most as large as each of them."""

    def quantile(self, probability: float) -> float:
        """Return the load below which the safe load is with this probability."""
        place = int(np.searchsorted(self.below, probability))
        return float(self.loads[min(place, len(self.loads) - 1)])


def compute_posterior(
    tried: Sequence[float], counts: Sequence[ObjectiveCounts], unit: LoadUnit
) -> SafeLoadPosterior:
    """Return the distribution of the safe load for one objective.

    Args:
        tried: Load of each trial, at least one.
        counts: The requests of each trial, judged by this objective.
        unit: Unit of the loads.
    """
    first = math.floor(math.log(min(tried) / SEARCHED_FACTOR) / GRID_STEP)
    last = math.ceil(math.log(max(tried) * SEARCHED_FACTOR) / GRID_STEP)
    allowed = min(_MOST_ALLOWED, max(_FEWEST_ALLOWED, counts[0].allowed_ratio))
    axis = _Axis(first, last, allowed)
    logarithm = _log_likelihood(tried, counts, axis)
    best = np.unravel_index(np.argmax(logarithm), logarithm.shape)
    log_ratios = [float(_trace_curves(load, axis).log_miss[best]) for load in tried]
    dispersion = _estimate_fitted_dispersion(counts, log_ratios, unit)
    weights = np.zeros(last - first + 1)
    for factor, weight in zip(_DISPERSION_FACTORS, _DISPERSION_WEIGHTS, strict=True):
        density = np.exp(logarithm / (factor * dispersion)).sum(axis=1) @ _FLOOR_WEIGHTS
        weights += weight * density / density.sum()
    loads = np.exp(GRID_STEP * np.arange(first, last + 1))
    return SafeLoadPosterior(loads, np.cumsum(weights) / weights.sum())


def _estimate_fitted_dispersion(
    counts: Sequence[ObjectiveCounts], log_ratios: Sequence[float], unit: LoadUnit
) -> float:
    """Return the dispersion around the best fit, without the shares that are too large to be fitted."""
    pairs = list(zip(counts, np.exp(log_ratios).tolist(), strict=True))
    is_fitted = [log_ratio < np.log(MOST_MISSED) for log_ratio in log_ratios]
    fitted = [pair for pair, is_used in zip(pairs, is_fitted, strict=True) if is_used] or pairs
    return estimate_dispersion([counted for counted, _ in fitted], [ratio for _, ratio in fitted], unit)


class _Axis(NamedTuple):
    """The grid of a posterior. Its safe loads are powers of one number, so posteriors share curves."""

    first: int
    last: int
    allowed: float


class _Curves(NamedTuple):
    """Logarithms of the shares of missed and of other requests at a load, by safe load, slope and floor."""

    log_miss: FloatArray
    log_pass: FloatArray


def _log_likelihood(tried: Sequence[float], counts: Sequence[ObjectiveCounts], axis: _Axis) -> FloatArray:
    """Return the logarithm of the likelihood of independent requests; its largest value is 0."""
    logarithm = np.zeros_like(_trace_curves(tried[0], axis).log_miss)
    for load, counted in zip(tried, counts, strict=True):
        curves = _trace_curves(load, axis)
        missed = min(float(counted.missed), MOST_MISSED * counted.requests)
        logarithm += missed * curves.log_miss
        logarithm += (counted.requests - missed) * curves.log_pass
    return np.asarray(logarithm - np.max(logarithm))


@lru_cache(maxsize=128)  # each look at a running trial needs the curves of all trials
def _trace_curves(load: float, axis: _Axis) -> _Curves:
    floors = axis.allowed * np.asarray(_FLOOR_SHARES)[None, None, :]
    slopes = np.asarray(_SLOPES)[None, :, None]
    above_floor = (axis.allowed - floors) / (1.0 - floors)
    safe_loads = np.exp(GRID_STEP * np.arange(axis.first, axis.last + 1))
    distance = (load / safe_loads - 1.0)[:, None, None]
    logit = slopes * distance + np.log(above_floor / (1.0 - above_floor))
    grown = 1.0 / (1.0 + np.exp(np.clip(-logit, -500.0, 500.0)))
    ratios = np.clip(floors + (1.0 - floors) * grown, _LEAST_MISS, MOST_MISSED)
    return _Curves(np.log(ratios), np.log1p(-ratios))
