import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.values import stats

LATENCIES = st.floats(min_value=0.0, max_value=1e6)
PROBABILITIES = st.floats(min_value=0.0, max_value=1.0)


@pytest.mark.parametrize(("count", "probability"), [(0, 0.5), (1, 0.5), (9, 0.9), (19, 0.95), (99, 0.99)])
def test_a_quantile_that_would_be_the_maximum_is_none(count: int, probability: float) -> None:
    """A quantile needs at least one value beyond it."""
    assert stats.quantile([float(value) for value in range(count)], probability) is None


@pytest.mark.parametrize(
    ("count", "probability", "expected"),
    [(2, 0.5, 0.5), (10, 0.9, 8.1), (20, 0.95, 18.05), (100, 0.99, 98.01)],
)
def test_a_quantile_exists_from_the_first_count_with_a_value_beyond_it(
    count: int, probability: float, expected: float
) -> None:
    """The smallest sample with a value beyond the quantile has it, linearly interpolated."""
    quantile = stats.quantile([float(value) for value in range(count)], probability)
    assert quantile == pytest.approx(expected)


@given(st.lists(LATENCIES, min_size=1, max_size=200), PROBABILITIES, PROBABILITIES)
def test_quantiles_are_monotone(values: list[float], one: float, other: float) -> None:
    """A higher probability never has a lower quantile; if a quantile is missing, all higher ones are."""
    low = stats.quantile(values, min(one, other))
    high = stats.quantile(values, max(one, other))
    if low is None:
        assert high is None
    elif high is not None:
        assert low <= high or low == pytest.approx(high)


@given(st.lists(LATENCIES, max_size=100), PROBABILITIES)
def test_a_quantile_lies_within_its_values(values: list[float], probability: float) -> None:
    """A quantile is never outside the range of the measured values."""
    quantile = stats.quantile(values, probability)
    if quantile is not None:
        assert min(values) <= quantile <= max(values)


@given(st.lists(LATENCIES, min_size=2, max_size=50))
def test_the_order_of_values_does_not_change_a_quantile(values: list[float]) -> None:
    """A quantile depends on the values only."""
    assert stats.quantile(values, 0.5) == stats.quantile(values[::-1], 0.5)


@pytest.mark.parametrize(("probability", "smallest"), [(0.90, 64), (0.95, 130), (0.99, 662)])
def test_percentiles_are_reliable_from_exactly_these_sizes(probability: float, smallest: int) -> None:
    """p90 needs 64 values, p95 needs 130 and p99 needs 662."""
    reliable = [count for count in range(1, 700) if stats.is_reliable(count, probability)]
    assert reliable == list(range(smallest, 700))


@given(LATENCIES, st.floats(min_value=1.0, max_value=100.0))
def test_typical_undoes_the_started_logarithm(value_ms: float, start_ms: float) -> None:
    """The typical value of one value is that value."""
    assert stats.typical([value_ms], start_ms) == pytest.approx(value_ms, rel=1e-9, abs=1e-9)


@given(st.integers(1, 30), st.floats(min_value=1.0, max_value=100.0))
def test_the_typical_value_of_zeros_is_exactly_zero(count: int, start_ms: float) -> None:
    """Rounding errors do not change a zero."""
    assert stats.typical([0.0] * count, start_ms) == 0.0


def test_started_logarithms_of_an_example() -> None:
    """log(x + c): a hundredfold above a start of one is log 100."""
    assert stats.started_log(99.0, 1.0) == pytest.approx(math.log(100.0))


@given(st.lists(LATENCIES, min_size=1, max_size=30))
def test_a_typical_value_lies_within_its_values(values_ms: list[float]) -> None:
    """A typical value is between the smallest and the largest, rounding errors aside."""
    typical = stats.typical(values_ms, 10.0)
    slack = 1e-9 * max(1.0, *values_ms)
    assert min(values_ms) - slack <= typical <= max(values_ms) + slack


def test_one_slow_request_changes_a_typical_value_little() -> None:
    """One request in a hundred that takes a hundred times as long moves the typical value by 5 %."""
    values_ms = [1000.0] * 99 + [100_000.0]
    assert stats.typical(values_ms, 10.0) < 1050.0 < float(np.mean(values_ms))


def test_the_t_tail_and_its_quantile_undo_each_other() -> None:
    """5 % of Student's t lie above its 95 % quantile, which is 1.812 for 10 degrees of freedom."""
    quantile = stats.t_quantile(0.95, 10)
    assert quantile == pytest.approx(1.812, abs=0.001)
    assert stats.t_upper(quantile, 10) == pytest.approx(0.05)


def test_half_of_a_t_lies_above_zero() -> None:
    """A run equal to the baseline is as likely to be worse as to be better."""
    assert stats.t_upper(0.0, 7) == pytest.approx(0.5)


def test_holm_of_an_example() -> None:
    """Four tests: the smallest p value times 4, the next times 3, and never below the one before it."""
    adjusted = stats.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})


def test_holm_of_one_test_changes_nothing() -> None:
    """One test needs no correction; neither do zero tests."""
    assert stats.holm({"a": 0.2}) == {"a": 0.2}
    assert stats.holm({}) == {}


P_VALUES = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), PROBABILITIES, max_size=12)


@given(P_VALUES)
def test_holm_is_never_below_the_raw_p_value_nor_above_one(p_values: dict[str, float]) -> None:
    """The correction only increases p values, up to 1."""
    adjusted = stats.holm(p_values)
    assert adjusted.keys() == p_values.keys()
    assert all(p_values[key] <= adjusted[key] <= 1.0 for key in p_values)


@given(P_VALUES)
def test_holm_keeps_the_order(p_values: dict[str, float]) -> None:
    """The order of the p values is the same before and after the correction."""
    adjusted = stats.holm(p_values)
    by_raw = sorted(p_values, key=lambda key: p_values[key])
    assert [adjusted[key] for key in by_raw] == sorted(adjusted.values())


@given(P_VALUES, PROBABILITIES)
def test_another_test_never_lowers_adjusted_p_values(p_values: dict[str, float], another: float) -> None:
    """An additional test never lowers the adjusted p value of another test."""
    before = stats.holm(p_values)
    after = stats.holm({**p_values, "z": another})
    assert all(after[key] >= before[key] for key in before)


def test_fisher_of_the_lady_tasting_tea() -> None:
    """Fisher's example: 1 of 4 compared with 3 of 4 has the probability 17/70."""
    assert stats.fisher_less(1, 3, 3, 1) == pytest.approx(17 / 70)


def test_fisher_is_one_sided() -> None:
    """A success above the baseline's is not significantly low."""
    assert stats.fisher_less(95, 5, 1000, 0) < 0.01
    assert stats.fisher_less(1000, 0, 95, 5) > 0.99
