"""Robust estimates."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.values.robust import (
    CONTRADICTION,
    Point,
    correlation,
    moderate_sd,
    robust_sd,
    theil_sen_slope,
    variance_of_median,
    winsorise,
)

SMALL = st.floats(-1.0, 1.0)


def test_the_robust_deviation_is_that_of_a_normal_distribution() -> None:
    """Of many normal residuals it is their standard deviation; one outlier hardly changes it."""
    dice = random.Random(1)
    residuals = [dice.gauss(0.0, 0.03) for _ in range(2001)]
    assert robust_sd(residuals) == pytest.approx(0.03, rel=0.05)
    assert robust_sd([*residuals[:-1], 100.0]) == pytest.approx(robust_sd(residuals), rel=0.01)
    assert robust_sd([]) == 0.0


@given(st.lists(SMALL, max_size=10), st.floats(0.0, 1.0))
def test_winsorised_residuals_stay_within_the_limit(residuals: list[float], limit: float) -> None:
    """Residuals within the limit do not change, the others move to it."""
    for before, after in zip(residuals, winsorise(residuals, limit), strict=True):
        assert abs(after) <= limit
        assert after == before or abs(before) > limit


@given(st.permutations([(0.0, 0.1), (0.1, 0.22), (0.2, 0.28), (0.3, 0.41), (0.4, 9.0)]))
def test_one_outlier_does_not_turn_a_slope(points: list[Point]) -> None:
    """The median of the slopes stays near 1, in any order of the points."""
    assert theil_sen_slope([points]) == pytest.approx(1.1, abs=0.15)
    assert theil_sen_slope([points]) == theil_sen_slope([sorted(points)])


def test_levels_do_not_change_a_slope() -> None:
    """Points of different groups form no pair; without a pair there is no slope."""
    low = [(0.0, 0.0), (1.0, 0.5)]
    high = [(0.0, 7.0), (1.0, 7.5), (3.0, 8.5)]
    assert theil_sen_slope([low, high]) == 0.5
    assert theil_sen_slope([[(0.0, 1.0)], [(1.0, 3.0)]]) is None
    assert theil_sen_slope([[(1.0, 1.0), (1.0, 2.0)]]) is None


def test_a_correlation_is_that_of_residuals() -> None:
    """A line has 1 or -1, and a constant 0."""
    assert correlation([-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0]) == pytest.approx(1.0)
    assert correlation([-1.0, 0.0, 1.0], [2.0, 0.0, -2.0]) == pytest.approx(-1.0)
    assert correlation([-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]) == 0.0


@given(st.lists(SMALL, min_size=1, max_size=12), st.floats(0.001, 0.2), st.integers(1, 20))
def test_a_prior_never_shrinks_a_large_spread(residuals: list[float], prior_sd: float, prior_df: int) -> None:
    """A spread that contradicts the prior stays; another one moves towards the prior."""
    squares = math.fsum([residual**2 for residual in residuals])
    df = len(residuals)
    measured = math.sqrt(squares / df)
    spread, total = moderate_sd(squares, df, prior_sd, prior_df)
    if measured > CONTRADICTION * prior_sd * (1.0 + 1e-12):
        assert spread == pytest.approx(measured)
    assert min(measured, prior_sd) * (1.0 - 1e-12) <= spread <= max(measured, prior_sd) * (1.0 + 1e-12)
    assert df <= total <= df + prior_df


def test_without_runs_the_prior_is_the_spread() -> None:
    """No degrees of freedom mean that nothing was measured."""
    spread, df = moderate_sd(0.0, 0, 0.03, 6)
    assert spread == pytest.approx(0.03)
    assert df == 6


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_the_variance_of_a_median(count: int) -> None:
    """It is that of random medians, or more: a larger variance makes no false alarm."""
    dice = random.Random(count)
    medians = [statistics.median([dice.gauss(0.0, 1.0) for _ in range(count)]) for _ in range(4000)]
    measured = statistics.variance(medians)
    assert 0.9 * measured <= variance_of_median(count) <= 1.35 * measured
