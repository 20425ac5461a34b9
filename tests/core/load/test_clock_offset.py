import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.load.clock_offset import ClockOffset, ClockReading, describe_clock, estimate_offset

SECONDS = st.floats(0, 5)
WAYS = st.lists(st.tuples(SECONDS, SECONDS, SECONDS), min_size=1, max_size=20)


@given(st.floats(-1e6, 1e6), WAYS)
def test_the_error_covers_the_true_offset(true_s: float, ways: list[tuple[float, float, float]]) -> None:
    """However long each way takes, the other clock is ahead by the offset, within the error."""
    readings = []
    for start_s, there_s, back_s in ways:
        readings.append(ClockReading(start_s, start_s + there_s + true_s, start_s + there_s + back_s))
    offset = estimate_offset(readings)
    assert abs(offset.offset_s - true_s) <= offset.error_s + 1e-6
    assert offset.error_s == pytest.approx(min(there + back for _, there, back in ways) / 2, abs=1e-6)
    assert offset.slowest_s >= 2 * offset.error_s
    assert offset.from_other(offset.to_other(7.0)) == pytest.approx(7.0)


@given(st.floats(-1, 1), st.floats(0, 0.1), st.floats(0, 0.1), st.floats(0, 1))
def test_the_stated_error_covers_an_even_drift(
    drift_s: float, error_before_s: float, error_after_s: float, moment: float
) -> None:
    """At each moment of the load, the converted time of a clock that drifts evenly is within the error."""
    before = ClockOffset(
        error_before_s, error_before_s, 1.0
    )  # the true offset is 0: the estimate is too large
    after = ClockOffset(drift_s - error_after_s, error_after_s, 1.0)  # the true offset is the drift
    true_s = moment * drift_s
    clock = describe_clock(before, after)
    assert abs(before.offset_s - true_s) <= clock.error_ms / 1000 + 1e-9


def test_a_lost_machine_has_no_drift() -> None:
    """Its error is that of the estimate before the load."""
    clock = describe_clock(ClockOffset(3.0, 0.002, 0.1), None)
    assert clock.error_ms == pytest.approx(2.0)
    assert (clock.offset_s, clock.drift_ms) == (3.0, None)
