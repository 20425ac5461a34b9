import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.values.histogram import LONGEST_MS, RELATIVE_ERROR, SHORTEST_MS, Histogram

TIMES = st.lists(st.floats(SHORTEST_MS * 2, LONGEST_MS / 2), min_size=1, max_size=200)


def counted(times_ms: list[float]) -> Histogram:
    """A histogram of these times."""
    histogram = Histogram()
    histogram.add(times_ms)
    return histogram


@given(TIMES, st.floats(0, 1))
def test_a_quantile_is_right_to_the_promised_error(times_ms: list[float], probability: float) -> None:
    """Every quantile is within one per cent of the time of its rank."""
    found = counted(times_ms).quantile_ms(probability)
    true = sorted(times_ms)[int(probability * (len(times_ms) - 1))]
    assert found == pytest.approx(true, rel=RELATIVE_ERROR * 1.001)


@given(TIMES)
def test_count_and_mean_are_exact(times_ms: list[float]) -> None:
    """Buckets lose the times, not their number and not their sum."""
    histogram = counted(times_ms)
    assert histogram.count == len(times_ms)
    assert histogram.mean_ms() == pytest.approx(np.mean(times_ms))
    assert sum(histogram.buckets().values()) == len(times_ms)


@given(TIMES, TIMES)
def test_two_histograms_merge_without_loss(one: list[float], other: list[float]) -> None:
    """What two load generators have counted is what one would have counted."""
    merged, whole = counted(one), counted([*one, *other])
    merged.merge(counted(other))
    assert merged.buckets() == whole.buckets()
    assert merged.mean_ms() == pytest.approx(whole.mean_ms())


def test_what_is_out_of_range_is_counted_at_its_end() -> None:
    """Two tokens in one read have no gap, and an eternity is an eternity."""
    histogram = counted([0.0, 0.0, 0.0, LONGEST_MS * 10])
    assert histogram.quantile_ms(0.5) == 0.0
    assert histogram.quantile_ms(1.0) == pytest.approx(LONGEST_MS, rel=0.02)


def test_of_nothing_there_is_no_time() -> None:
    """An empty histogram has no mean and no quantile, rather than ones of 0."""
    with pytest.raises(ValueError, match="no times"):
        Histogram().mean_ms()
    with pytest.raises(ValueError, match="no times"):
        Histogram().quantile_ms(0.5)
