"""The spread of the response times of a trial."""

import numpy as np
import pytest

from bench.core.capacity.response_spread import QUANTILES, mean_error, spread_quantiles


def test_the_quantiles_stand_for_equal_shares() -> None:
    """Their mean is the mean of the response times."""
    values = np.random.default_rng(3).lognormal(6.0, 0.5, 5000)
    quantiles = spread_quantiles(values)
    assert len(quantiles) == QUANTILES
    assert list(quantiles) == sorted(quantiles)
    assert np.mean(quantiles) == pytest.approx(np.mean(values), rel=0.02)
    assert spread_quantiles([]) == ()


def test_the_error_of_the_mean_counts_neighbours_that_depend_on_each_other() -> None:
    """A slow minute is one observation, not a hundred."""
    blocks = np.repeat(np.arange(10.0), 100)
    levels = np.repeat(np.random.default_rng(3).normal(1000.0, 100.0, 10), 100)
    error = mean_error(levels, blocks)
    assert error == pytest.approx(np.std(levels[::100], ddof=1) / np.sqrt(10))
    independent = np.random.default_rng(3).normal(1000.0, 100.0, 1000)
    assert mean_error(independent, blocks) == pytest.approx(100.0 / np.sqrt(1000), rel=0.6)


def test_one_block_has_no_error() -> None:
    """A spread needs two blocks."""
    assert mean_error(np.array([1.0, 2.0]), np.array([3.0, 3.0])) is None
    assert mean_error(np.array([]), np.array([])) is None
