import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.values.histogram import LONGEST_MS, RELATIVE_ERROR, SHORTEST_MS, Histogram

TIMES = st.lists(st.floats(SHORTEST_MS * 2, LONGEST_MS / 2), min_size=1, max_size=200)


def counted(times_ms: list[float]) -> Histogram:
    """Return a histogram of these durations."""
    histogram = Histogram()
    histogram.add(times_ms)
    return histogram


@given(TIMES, st.floats(0, 1))
def test_a_quantile_has_at_most_the_documented_error(times_ms: list[float], probability: float) -> None:
    """Every quantile is within 1 % of the duration of its rank."""
    estimate = counted(times_ms).quantile_ms(probability)
    true = sorted(times_ms)[int(probability * (len(times_ms) - 1))]
    assert estimate == pytest.approx(true, rel=RELATIVE_ERROR * 1.001)


@given(TIMES)
def test_count_and_mean_are_exact(times_ms: list[float]) -> None:
    """Buckets round the durations, but not their number and their sum."""
    histogram = counted(times_ms)
    assert histogram.count == len(times_ms)
    assert histogram.mean_ms() == pytest.approx(np.mean(times_ms))
    assert sum(histogram.buckets().values()) == len(times_ms)


@given(TIMES, TIMES)
def test_two_histograms_merge_without_loss(one: list[float], other: list[float]) -> None:
    """The histograms of two load generators merge to the histogram of one."""
    merged = counted(one)
    expected = counted([*one, *other])
    merged.merge(counted(other))
    assert merged.buckets() == expected.buckets()
    assert merged.mean_ms() == pytest.approx(expected.mean_ms())


def test_a_duration_out_of_range_counts_at_the_end_of_the_range() -> None:
    """Two tokens in one read have the gap 0, and very long durations count as the longest."""
    histogram = counted([0.0, 0.0, 0.0, LONGEST_MS * 10])
    assert histogram.quantile_ms(0.5) == 0.0
    assert histogram.quantile_ms(1.0) == pytest.approx(LONGEST_MS, rel=0.02)


def test_an_empty_histogram_has_no_mean_and_no_quantile() -> None:
    """Missing data is an error, not 0."""
    with pytest.raises(ValueError, match="the histogram is empty"):
        Histogram().mean_ms()
    with pytest.raises(ValueError, match="the histogram is empty"):
        Histogram().quantile_ms(0.5)
