"""The probability of each safe load, given the trials of a search and one objective.

The share of the requests that miss the objective grows with the load like a psychometric function:

    miss(load) = floor + (1 - floor) · logistic(slope · log(load / safe load) + c)

and `c` follows from miss(safe load) = allowed share. The safe load, the slope and the floor have a grid, like
the parameters of QUEST+ (Watson, 2017, "QUEST+: A general multidimensional Bayesian adaptive psychometric
method"). Slope and floor are summed out. Requests depend on each other, so the likelihood of a trial is that
of its effective number of requests; see `bench.core.capacity.dependence`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.core.capacity.dependence import estimate_dispersion
from bench.core.capacity.load_trial import ObjectiveCounts

Floats = npt.NDArray[np.float64]

GRID_STEP = 0.01
"""Distance of neighbouring safe loads of the grid, as a logarithm."""
SEARCHED_FACTOR = 4.0
"""The grid reaches from the smallest tried load divided by this factor to this factor of the largest."""
LAPSE = 0.02
"""Probability that a trial shows nothing about the safe load, such as one on a machine that was disturbed."""
_SLOPES = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
_FLOOR_SHARES = (0.0, 0.25, 0.5, 0.75)
_LEAST_MISS = 1e-4
_MOST_MISS = 0.99
_FEWEST_ALLOWED = 1e-3


@dataclass(frozen=True, slots=True)
class SafeLoadPosterior:
    """A distribution of the safe load."""

    loads: Floats
    """Possible safe loads, ascending."""
    below: Floats
    """Probability that the safe load is at most as large as each of them."""

    def quantile(self, probability: float) -> float:
        """Return the load below which the safe load is with this probability."""
        place = int(np.searchsorted(self.below, probability))
        return float(self.loads[min(place, len(self.loads) - 1)])

    def probability_below(self, load: float) -> float:
        """Return the probability that the safe load is smaller than a load."""
        return float(np.interp(math.log(load), np.log(self.loads), self.below))


def compute_posterior(tried: Sequence[float], counts: Sequence[ObjectiveCounts]) -> SafeLoadPosterior:
    """Return the distribution of the safe load for one objective.

    Args:
        tried: Load of each trial, at least one.
        counts: The requests of each trial, judged by this objective.
    """
    loads = _grid(tried)
    allowed = max(_FEWEST_ALLOWED, counts[0].allowed_ratio)
    dispersion = estimate_dispersion(counts)
    logarithm = np.zeros((len(loads), len(_SLOPES), len(_FLOOR_SHARES)))
    for load, counted in zip(tried, counts, strict=True):
        logarithm += _log_likelihood(_miss_ratios(loads, load, allowed), counted, dispersion)
    weights = np.exp(logarithm - logarithm.max()).sum(axis=(1, 2))
    return SafeLoadPosterior(loads, np.cumsum(weights) / weights.sum())


def _grid(tried: Sequence[float]) -> Floats:
    least = math.log(min(tried) / SEARCHED_FACTOR)
    most = math.log(max(tried) * SEARCHED_FACTOR)
    return np.asarray(np.exp(np.arange(least, most + GRID_STEP, GRID_STEP)))


def _miss_ratios(safe_loads: Floats, load: float, allowed: float) -> Floats:
    """Return the share of missed requests at a load, by safe load, slope and floor."""
    floors = allowed * np.asarray(_FLOOR_SHARES)[None, None, :]
    slopes = np.asarray(_SLOPES)[None, :, None]
    above_floor = (allowed - floors) / (1.0 - floors)
    distance = np.log(load / safe_loads)[:, None, None]
    logit = slopes * distance + np.log(above_floor / (1.0 - above_floor))
    grown = 1.0 / (1.0 + np.exp(np.clip(-logit, -500.0, 500.0)))
    return np.asarray(np.clip(floors + (1.0 - floors) * grown, _LEAST_MISS, _MOST_MISS))


def _log_likelihood(ratios: Floats, counts: ObjectiveCounts, dispersion: float) -> Floats:
    """Return the logarithm of the likelihood of a trial, which may also be a lapse."""
    missed = counts.missed
    passed = counts.requests - missed
    logarithm = (missed * np.log(ratios) + passed * np.log1p(-ratios)) / dispersion
    relative = np.exp(logarithm - logarithm.max())
    return np.asarray(np.log((1.0 - LAPSE) * relative + LAPSE * relative.mean()))
