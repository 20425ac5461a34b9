import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.values import stats
from bench.core.values.observations import Estimate, Observations

TIMES = st.lists(st.integers(1, 40).map(float), max_size=20)
SHARES = st.floats(0.0, 1.0)
CLOSE = 1e-6
# Weeks of remission of 21 patients (Freireich and others, 1963); of twelve, only a lower bound is known. The
# survival is printed in most textbooks.
KNOWN_WEEKS = [6.0, 6.0, 6.0, 7.0, 10.0, 13.0, 16.0, 22.0, 23.0]
BOUNDS_WEEKS = [6.0, 9.0, 10.0, 11.0, 17.0, 19.0, 20.0, 25.0, 32.0, 32.0, 34.0, 35.0]
SURVIVAL = {6.0: 0.857, 7.0: 0.807, 10.0: 0.753, 13.0: 0.690, 16.0: 0.627, 22.0: 0.538, 23.0: 0.448}


def _observe(known: list[float], bounds: list[float]) -> Observations:
    values = np.array([*known, *bounds])
    return Observations(values, np.arange(len(values)) >= len(known))


def _textbook_survival(known: list[float], bounds: list[float], at: float) -> float:
    """Return the product of (1 - d/n) over the distinct known values up to a point."""
    survival = 1.0
    for value in sorted({value for value in known if value <= at}):
        deaths = known.count(value)
        at_risk = sum(other >= value for other in [*known, *bounds])
        survival *= 1.0 - deaths / at_risk
    return survival


@given(TIMES, TIMES)
def test_weights_are_those_of_the_textbook(known: list[float], bounds: list[float]) -> None:
    """The weight of the values above a point is the product of the textbook's survival shares."""
    observed = _observe(known, bounds)
    weights, rest = stats.kaplan_meier(sorted(known), bounds)
    if known or bounds:
        assert sum(weights) + rest == pytest.approx(1.0)
        points = np.arange(0.0, 42.0)
        expected = [1.0 - _textbook_survival(known, bounds, point) for point in points]
        assert observed.share_until(points) == pytest.approx(expected)


def test_published_survival_is_reproduced() -> None:
    """The survival of the textbook's example is printed with three digits."""
    observed = _observe(KNOWN_WEEKS, BOUNDS_WEEKS)
    for weeks, survival in SURVIVAL.items():
        assert 1.0 - observed.share_until([weeks])[0] == pytest.approx(survival, abs=5e-4)
    median = observed.interpolate(0.5)
    assert median.value == pytest.approx(23.0)
    assert not median.is_lower_bound
    beyond = observed.interpolate(0.6)
    assert beyond.value == pytest.approx(35.0)
    assert beyond.is_lower_bound


@given(TIMES.filter(bool), SHARES)
def test_without_bounds_statistics_are_those_of_numpy(values: list[float], share: float) -> None:
    """Every number is the same to the last bit, also if weights would have computed it."""
    observed = Observations.of_complete(values)
    assert observed.interpolate(share) == Estimate(float(np.quantile(values, share)))
    assert observed.mean() == Estimate(float(np.mean(values)))
    assert observed.typical(10.0) == Estimate(stats.typical(values, 10.0))
    quantile = observed.quantile(share)
    assert (quantile and quantile.value) == stats.quantile(values, share)
    assert (observed.smallest().value, observed.largest().value) == (min(values), max(values))


@given(TIMES.filter(bool), st.integers(1, 10), SHARES, st.floats(0.0, 100.0))
def test_a_quantile_below_the_bounds_is_that_of_the_complete_values(
    known: list[float], count: int, share: float, excess: float
) -> None:
    """If the longest values are cut off, lower quantiles are those of the values that nobody saw."""
    longest = max(known)
    quantile = _observe(known, [longest] * count).interpolate(share)
    complete = float(np.quantile([*known, *([longest + excess] * count)], share))
    if quantile.is_lower_bound:
        assert quantile.value <= complete + CLOSE
    else:
        assert quantile.value == pytest.approx(complete)


@given(TIMES, TIMES.filter(bool), SHARES, SHARES)
def test_quantiles_are_monotone(known: list[float], bounds: list[float], one: float, other: float) -> None:
    """A larger share has no smaller quantile, and what lies above a lower bound is one too."""
    observed = _observe(known, bounds)
    lower = observed.interpolate(min(one, other))
    upper = observed.interpolate(max(one, other))
    assert lower.value <= upper.value + CLOSE
    assert lower.is_lower_bound <= upper.is_lower_bound


@given(TIMES.filter(bool), TIMES, st.integers(0, 19), SHARES)
def test_cutting_off_a_value_lowers_no_statistic(
    known: list[float], bounds: list[float], index: int, share: float
) -> None:
    """A value that becomes "longer than itself" makes no quantile and no mean smaller."""
    before = _observe(known, bounds)
    cut = known[index % len(known)]
    rest = list(known)
    rest.remove(cut)
    after = _observe(rest, [*bounds, cut])
    assert after.interpolate(share).value >= before.interpolate(share).value - CLOSE
    assert after.mean().value >= before.mean().value - CLOSE
    assert after.typical(10.0).value >= before.typical(10.0).value - CLOSE
    assert after.largest().is_lower_bound


@given(TIMES.filter(bool), TIMES, st.integers(1, 40).map(float))
def test_one_more_bound_answers_nothing_earlier(
    known: list[float], bounds: list[float], bound: float
) -> None:
    """With one more request that waited without an answer, no larger share was answered at any time."""
    before = _observe(known, bounds)
    after = _observe(known, [*bounds, bound])
    points = np.arange(0.0, 42.0)
    assert np.all(after.share_until(points) <= before.share_until(points) + CLOSE)
    assert after.mean().value >= before.mean().value - CLOSE


@given(TIMES.filter(bool))
def test_values_without_an_end_are_lower_bounds(bounds: list[float]) -> None:
    """If no value was seen to its end, every statistic is longer than the longest wait."""
    observed = _observe([], bounds)
    for estimate in (observed.interpolate(0.5), observed.mean(), observed.largest()):
        assert estimate.value == pytest.approx(max(bounds))
        assert estimate.is_lower_bound
    assert observed.smallest() == Estimate(min(bounds), is_lower_bound=True)


def test_few_values_have_no_outer_quantile() -> None:
    """A quantile that would be the maximum is unknown, as without bounds; all values count."""
    assert _observe([1.0, 2.0], [3.0]).quantile(0.9) is None
    upper = _observe([1.0] * 5, [3.0] * 5).quantile(0.9)
    assert upper is not None
    assert upper.value == pytest.approx(3.0)
    assert upper.is_lower_bound
