"""Zipf's law and the hit ratio of a cache without limit."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.values.zipf import expected_repeats, zipf_shares

COUNTS = st.integers(1, 300)
EXPONENTS = st.floats(0, 10)


@given(COUNTS, EXPONENTS)
def test_shares_are_a_distribution_that_falls(count: int, exponent: float) -> None:
    """They add up to 1, and rank k has the share of rank 1 divided by k^s."""
    shares = zipf_shares(count, exponent)
    assert math.fsum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    for rank, share in enumerate(shares, 1):
        assert share == pytest.approx(shares[0] / rank**exponent)


@given(COUNTS, EXPONENTS, st.integers(1, 5000))
def test_the_expected_repeats_are_within_their_limits(count: int, exponent: float, draws: int) -> None:
    """The first draw is new, and at most `count` draws are new; more draws repeat more."""
    ratio = expected_repeats(zipf_shares(count, exponent), draws)
    assert max(0.0, 1 - count / draws) - 1e-9 <= ratio <= 1 - 1 / draws + 1e-9
    assert ratio <= expected_repeats(zipf_shares(count, exponent), draws + 1) + 1e-9


@given(st.integers(1, 50))
def test_equal_shares_repeat_as_in_the_birthday_problem(count: int) -> None:
    """The second of two draws repeats the first with the probability 1 / count."""
    assert expected_repeats(zipf_shares(count, 0), 2) == pytest.approx(0.5 / count)


def test_the_expected_repeats_agree_with_draws() -> None:
    """The mean of many seeded draws is the expected value."""
    shares = zipf_shares(40, 1.1)
    random = Random(1)
    draws = 100
    rounds = 2000
    repeated = 0.0
    for _ in range(rounds):
        repeated += 1 - len(set(random.choices(range(40), shares, k=draws))) / draws
    assert repeated / rounds == pytest.approx(expected_repeats(shares, draws), abs=0.003)
