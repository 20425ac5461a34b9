"""Estimates that a single outlier changes little. The order of the values is irrelevant."""

import math
import operator
import statistics
from collections.abc import Sequence
from itertools import combinations

CONTRADICTION = 2.0
"""A spread of more than this number of priors contradicts its prior (F test at 5 %, 9 and 6 df)."""
# Standard deviation of a normal distribution, in median absolute deviations.
_SD_PER_MAD = 1.4826
_SAME = 1e-9  # a smaller difference of two logarithms is rounding
# Variance of a median of several normal values, in variances of their mean: pi / 2 for many values.
_MEDIAN_VARIANCE = math.pi / 2.0
_FEWEST_FOR_MEDIAN = 3  # the median of one or two values is their mean

Point = tuple[float, float]
"""An x and a y."""


def robust_sd(residuals: Sequence[float]) -> float:
    """Return the scaled median absolute deviation from 0 (Hampel, 1974); 0 without a residual."""
    if not residuals:
        return 0.0
    return _SD_PER_MAD * statistics.median(map(abs, residuals))


def winsorise(residuals: Sequence[float], limit: float) -> list[float]:
    """Return residuals that are moved to the limit if they are beyond it (Tukey and McLaughlin, 1963)."""
    return [min(limit, max(-limit, residual)) for residual in residuals]


def theil_sen_slope(groups: Sequence[Sequence[Point]]) -> float | None:
    """Return the median of the slopes between two points (Theil, 1950; Sen, 1968).

    Only points of the same group form a pair, so groups may have different levels. None if no pair differs
    in x.
    """
    slopes: list[float] = []
    for points in groups:
        for (x, y), (other_x, other_y) in combinations(points, 2):
            run = other_x - x
            if abs(run) > _SAME:
                slopes.append((other_y - y) / run)
    return statistics.median(slopes) if slopes else None


def correlation(x_values: Sequence[float], y_values: Sequence[float]) -> float:
    """Return the correlation of values around 0; 0 if x or y does not vary."""
    products = math.fsum(map(operator.mul, x_values, y_values))
    norm = math.sqrt(sum_of_squares(x_values) * sum_of_squares(y_values))
    return products / norm if norm > _SAME**2 else 0.0


def from_median(values: Sequence[float]) -> list[float]:
    """Return the differences of values from their median."""
    median = statistics.median(values)
    return [value - median for value in values]


def sum_of_squares(values: Sequence[float]) -> float:
    """Return the sum of the squares, in any order of the values."""
    return math.fsum(map(operator.mul, values, values))


def moderate_sd(squares: float, df: int, prior_sd: float, prior_df: int) -> tuple[float, float]:
    """Return a standard deviation, moderated by a prior, and its degrees of freedom.

    Smyth, 2004, "Linear models and empirical Bayes methods", shrinks s² towards s₀² with d₀ degrees of
    freedom. A spread of more than `CONTRADICTION` priors is hardly chance, so the prior never shrinks it; the
    prior's degrees of freedom then count by the share (s₀ / s)²:

        s ≤ 2 s₀:  s² = (d₀·s₀² + d·s²) / (d₀ + d),  with d₀ + d degrees of freedom
        s > 2 s₀:  s²,                              with d₀·(s₀ / s)² + d

    Args:
        squares: Sum of the squared residuals.
        df: Their degrees of freedom, d.
        prior_sd: s₀.
        prior_df: d₀.
    """
    prior_variance = prior_sd**2
    variance = squares / df if df else 0.0
    if variance > CONTRADICTION**2 * prior_variance:
        return math.sqrt(variance), df + prior_df * prior_variance / variance
    total_df = prior_df + df
    return math.sqrt((prior_df * prior_variance + squares) / total_df), total_df


def variance_of_median(count: int) -> float:
    """Return the variance of the median of several normal values of variance 1."""
    factor = _MEDIAN_VARIANCE if count >= _FEWEST_FOR_MEDIAN else 1.0
    return factor / count
