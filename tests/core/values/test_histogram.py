import numpy as np
import pytest
from ddsketch import DDSketch
from hypothesis import given
from hypothesis import strategies as st

from bench.core.values.histogram import LONGEST_MS, RELATIVE_ERROR, SHORTEST_MS, DurationCounts, Histogram
from bench.core.values.units import Values

TIMES = st.lists(st.floats(SHORTEST_MS * 2, LONGEST_MS / 2), min_size=1, max_size=200)
ERROR = RELATIVE_ERROR * 1.001


def counted(times_ms: Values) -> Histogram:
    """Return a histogram of these durations."""
    histogram = Histogram()
    histogram.add(times_ms)
    return histogram


def read_with_library(written: DurationCounts) -> DDSketch:
    """Read a histogram as the documentation shows."""
    growth = (1 + written.relative_error) / (1 - written.relative_error)
    sketch = DDSketch(written.relative_error)
    for key, count in written.counts.items():
        sketch.add(2 * growth**key / (growth + 1), count)
    if written.zero_count:
        sketch.add(0.0, written.zero_count)
    return sketch


@given(TIMES, st.floats(0, 1))
def test_a_quantile_has_at_most_the_documented_error(times_ms: list[float], probability: float) -> None:
    """Every quantile is within 1 % of numpy's, which interpolates between two durations."""
    estimate = counted(times_ms).quantile_ms(probability)
    assert estimate == pytest.approx(float(np.quantile(times_ms, probability)), rel=ERROR)


@pytest.mark.parametrize("count", [2, 20, 101, 5_000])
def test_few_durations_have_the_same_error_as_many(count: int) -> None:
    """The rank is interpolated, so the largest gap between two durations is no error of a percentile."""
    times_ms = np.random.default_rng(count).lognormal(3.0, 1.0, count)
    for probability in (0.5, 0.9, 0.95, 0.99, 0.999):
        estimate = counted(times_ms).quantile_ms(probability)
        assert estimate == pytest.approx(float(np.quantile(times_ms, probability)), rel=ERROR)


@given(TIMES)
def test_count_mean_and_maximum_are_exact(times_ms: list[float]) -> None:
    """Buckets round the durations, but not their number, their sum and the longest one."""
    histogram = counted(times_ms)
    assert histogram.count == len(times_ms)
    assert histogram.mean_ms() == pytest.approx(np.mean(times_ms))
    assert histogram.max_ms == max(times_ms)
    assert histogram.quantile_ms(1.0) <= histogram.max_ms


@given(TIMES, TIMES)
def test_two_histograms_merge_without_loss(one: list[float], other: list[float]) -> None:
    """The histograms of two load generators merge to the histogram of one."""
    merged = counted(one)
    merged.merge(counted(other))
    expected = counted([*one, *other]).written()
    assert merged.written() == expected.model_copy(update={"sum_ms": merged.sum_ms})
    assert merged.sum_ms == pytest.approx(expected.sum_ms)


@given(TIMES)
def test_a_file_contains_the_whole_histogram(times_ms: list[float]) -> None:
    """A histogram that is written as JSON and read again is the same."""
    histogram = counted([0.0, *times_ms])
    text = histogram.written().model_dump_json()
    assert Histogram.of(DurationCounts.model_validate_json(text)).written() == histogram.written()


@given(TIMES, st.floats(0, 1))
def test_a_public_library_reads_the_written_histogram(times_ms: list[float], probability: float) -> None:
    """The library of DDSketch returns the duration of a rank, to 1 %."""
    sketch = read_with_library(counted([0.0, *times_ms]).written())
    assert sketch.count == len(times_ms) + 1
    ascending = sorted([0.0, *times_ms])
    lower, upper = (np.quantile(ascending, probability, method=name) for name in ("lower", "higher"))
    value_ms = sketch.get_quantile_value(probability)
    assert value_ms is not None
    assert lower * (1 - ERROR) <= value_ms <= upper * (1 + ERROR)


def test_a_library_counts_in_the_same_buckets() -> None:
    """The keys are those of the library, so that histograms of other programs can be added."""
    times_ms = [0.5, 1.0, 33.3, 512.0, 1e6]
    sketch = DDSketch(RELATIVE_ERROR)
    keys = [sketch._mapping.key(time_ms) for time_ms in times_ms]
    assert list(counted(times_ms).written().counts) == keys


def test_a_duration_out_of_range_counts_at_the_end_of_the_range() -> None:
    """Two tokens in one read have the gap 0, and very long durations count as the longest."""
    histogram = counted([0.0, 0.0, 0.0, LONGEST_MS * 10])
    assert (histogram.quantile_ms(0.5), histogram.zero_count) == (0.0, 3)
    assert histogram.quantile_ms(1.0) == pytest.approx(LONGEST_MS, rel=0.02)
    assert histogram.max_ms == LONGEST_MS * 10


def test_the_rest_of_a_duration_is_weighted_by_time() -> None:
    """Of 9 durations of 1 ms and one of 11 ms, 6 of 20 ms are at least 5 ms before their end."""
    assert counted([1.0] * 9 + [11.0]).residual_ratio(5.0) == pytest.approx(0.3, rel=0.03)
    assert counted([0.0, 0.0]).residual_ratio(1.0) == 0.0


def test_an_empty_histogram_has_no_statistics() -> None:
    """Missing data is an error, not 0."""
    for compute in (
        Histogram.mean_ms,
        lambda empty: empty.quantile_ms(0.5),
        lambda empty: empty.residual_ratio(1),
    ):
        with pytest.raises(ValueError, match="the histogram is empty"):
            compute(Histogram())
