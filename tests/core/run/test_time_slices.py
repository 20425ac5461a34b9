import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.run.time_slices import MOST_SLICES, slice_run
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from tests.factories import make_sample


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=50), st.floats(0.01, 90_000.0))
def test_each_request_is_in_one_slice(moments: list[float], elapsed_s: float) -> None:
    """The slices follow each other from the start to the end, and contain all requests."""
    samples = Samples.of(
        make_sample(seq, at_s=0.0, finished_s=at * elapsed_s) for seq, at in enumerate(moments)
    )
    slices = slice_run(samples, elapsed_s)
    assert 1 <= len(slices) <= MOST_SLICES
    assert (slices[0].start_s, slices[-1].end_s) == (0.0, elapsed_s)
    assert [part.end_s for part in slices[:-1]] == [part.start_s for part in slices[1:]]
    assert sum(part.requests for part in slices) == len(moments)


@pytest.mark.parametrize(
    ("elapsed_s", "length_s", "count"), [(0.4, 0.4, 1), (31.0, 1.0, 31), (60.4, 2.0, 30), (3_600.0, 60.0, 60)]
)
def test_slices_have_equal_lengths_of_whole_seconds(elapsed_s: float, length_s: float, count: int) -> None:
    """A slice is as short as sixty of them allow, but at least a second."""
    slices = slice_run(Samples.of([make_sample()]), elapsed_s)
    assert (slices[0].end_s, len(slices)) == (length_s, count)


def test_a_slice_counts_what_ended_in_it() -> None:
    """Requests, failures, tokens and times belong to the slice in which the response ended."""
    first = [make_sample(seq, at_s=0.1, latency_ms=100.0 * (seq + 1), tokens=5) for seq in range(5)]
    late = make_sample(5, at_s=0.2, latency_ms=2_000.0, tokens=7)
    failed = make_sample(6, at_s=2.5, outcome=Outcome.HTTP_ERROR, status=500, detail="busy", tokens=None)
    before, empty, after = slice_run(Samples.of([*first, late, failed]), 3.0)
    assert (before.requests, before.failed, before.tokens) == (5, 0, 25)
    assert (before.p50, before.p95, before.max) == pytest.approx((300.0, 480.0, 500.0))
    assert (empty.requests, empty.p50, empty.max) == (0, None, None)
    assert (after.requests, after.failed, after.tokens) == (2, 1, 7)
    assert after.max == pytest.approx(2_000.0)


def test_a_run_without_requests_has_no_slices() -> None:
    """There is nothing to divide."""
    assert slice_run(Samples.of([]), 30.0) == ()
    assert slice_run(Samples.of([make_sample()]), 0.0) == ()
