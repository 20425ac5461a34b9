import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.config.executors import ConstantVus
from bench.core.report.timeline import MOST_DOTS, MOST_SLICES, Timeline, slice_width_s, timeline
from bench.core.run.recording import Recording
from bench.core.samples.sample import GaugeSample, Outcome
from bench.core.samples.samples import Samples
from tests.factories import make_recording, make_sample, make_use

FIRST_PHASE = ConstantVus(executor="constant-vus", vus=10, duration_s=15, think_time_s=(1, 2))
SECOND_PHASE = ConstantVus(executor="constant-vus", vus=20, duration_s=15, think_time_s=(1, 2))


def timeline_of(recording: Recording) -> Timeline:
    """Return the timeline of a recording that has one."""
    drawn_timeline = timeline(recording, (FIRST_PHASE, SECOND_PHASE))
    assert drawn_timeline is not None
    return drawn_timeline


def test_a_run_without_requests_or_time_has_no_timeline() -> None:
    """Without requests, and with a duration of 0, there is no timeline."""
    assert timeline(make_recording([]), (FIRST_PHASE,)) is None
    assert timeline(make_recording(elapsed_s=0.0), (FIRST_PHASE,)) is None


def test_every_curve_has_a_value_for_each_slice() -> None:
    """All curves have one value for each point of the time axis."""
    uses = (make_use("model", 3.0),)
    drawn_timeline = timeline_of(make_recording(resources=uses))
    curves = (
        *drawn_timeline.latencies,
        *drawn_timeline.rates,
        drawn_timeline.in_flight,
        *drawn_timeline.cpu_pct,
        *drawn_timeline.memory_bytes,
    )
    assert {len(curve.values) for curve in curves} == {len(drawn_timeline.at_s)}
    assert drawn_timeline.at_s == tuple(sorted(drawn_timeline.at_s))


def test_a_reading_without_memory_is_no_point_of_the_curve() -> None:
    """A container whose memory cannot be read has a curve of its processor, and none of its memory."""
    drawn_timeline = timeline_of(make_recording(resources=(make_use("model", 3.0, memory_bytes=None),)))
    assert [curve.label for curve in drawn_timeline.cpu_pct] == ["model"]
    assert drawn_timeline.memory_bytes == ()


@given(st.floats(0.001, 1e5), st.integers(1, 10**6))
def test_slices_are_limited_and_have_round_widths(end_s: float, requests: int) -> None:
    """The number of slices is limited for any duration and any number of requests."""
    width_s = slice_width_s(end_s, requests)
    assert end_s / width_s <= MOST_SLICES * 1.001
    assert f"{width_s:e}".split("e", maxsplit=1)[0] in {"1.000000", "2.000000", "2.500000", "5.000000"}


def test_slices_have_enough_requests() -> None:
    """A short run has a few requests in each slice, a longer run has twenty."""
    assert slice_width_s(30.0, 60) == 2.0
    assert slice_width_s(30.0, 600) == 1.0
    assert slice_width_s(300.0, 100_000) == 2.0


def test_the_last_slice_includes_the_remainder() -> None:
    """A very short last slice would make a single request look like the highest rate."""
    drawn_timeline = timeline_of(make_recording(elapsed_s=30.4))
    assert drawn_timeline.slice_s == 2.0
    assert len(drawn_timeline.at_s) == 15
    assert drawn_timeline.at_s[-1] == pytest.approx((28 + 30.4) / 2)


def test_requests_per_second_add_up() -> None:
    """The rates times the slice widths are the numbers of successful and failed requests."""
    samples = [
        make_sample(seq, outcome=Outcome.TIMEOUT if seq % 10 == 0 else Outcome.OK) for seq in range(100)
    ]
    drawn_timeline = timeline_of(make_recording(samples, elapsed_s=30.4))
    widths_s = np.array([2.0] * 14 + [2.4])
    counts = {curve.label: round(float(np.dot(curve.values, widths_s))) for curve in drawn_timeline.rates}  # type: ignore[arg-type]
    assert counts == {"succeeded": 90, "failed": 10}


def test_requests_in_flight_are_the_mean_of_a_slice() -> None:
    """Requests of 500 ms, one after the other, give a mean of one request in flight."""
    samples = [make_sample(seq, at_s=seq * 0.5, latency_ms=500.0) for seq in range(20)]
    drawn_timeline = timeline_of(make_recording(samples, elapsed_s=10.0))
    assert drawn_timeline.slice_s == 2.0
    assert drawn_timeline.in_flight.values == (1.0,) * 5


def test_a_slice_without_requests_has_no_latency() -> None:
    """A slice without requests has the latency None, not 0."""
    samples = [make_sample(seq, at_s=0.1 * seq if seq < 40 else 25 + 0.1 * (seq - 40)) for seq in range(80)]
    drawn_timeline = timeline_of(make_recording(samples, elapsed_s=30.0))
    assert drawn_timeline.slice_s == 2.0
    p50 = drawn_timeline.latencies[0]
    assert p50.values[0] == 500.0
    assert None in p50.values


def test_a_high_quantile_needs_enough_requests() -> None:
    """The p95 is drawn only if the slices have enough requests; each measured latency has a curve."""
    few = timeline_of(make_recording([make_sample(seq, first_token_s=seq * 0.3 + 0.1) for seq in range(100)]))
    assert [curve.label for curve in few.latencies] == ["p50 response time", "p50 time to first token"]
    many = timeline_of(make_recording([make_sample(seq, at_s=seq * 0.03) for seq in range(1_000)]))
    assert [curve.label for curve in many.latencies] == ["p50 response time", "p95 response time"]


def test_a_run_without_success_has_no_latency() -> None:
    """A run of failures draws only its failures."""
    drawn_timeline = timeline_of(
        make_recording([make_sample(seq, outcome=Outcome.HTTP_ERROR) for seq in range(20)])
    )
    assert drawn_timeline.latencies == ()
    assert [curve.label for curve in drawn_timeline.rates] == ["failed"]
    assert len(drawn_timeline.failed.at_s) == 20


def test_few_requests_are_drawn_as_dots() -> None:
    """Up to the limit each request is a dot; a larger run shows its slices only."""
    few = timeline_of(make_recording([make_sample(seq, at_s=seq * 0.03) for seq in range(MOST_DOTS)]))
    assert len(few.succeeded.at_s) == len(few.succeeded.took_ms) == MOST_DOTS
    assert few.succeeded.at_s == tuple(sorted(few.succeeded.at_s))
    more = timeline_of(make_recording([make_sample(seq, at_s=seq * 0.02) for seq in range(MOST_DOTS + 1)]))
    assert more.succeeded.at_s == ()
    assert more.failed.at_s == ()


def test_each_watched_source_has_a_curve() -> None:
    """A curve is the mean of each slice, and None in slices without a reading."""
    uses = [
        make_use(source, at_s, cpu_pct=cpu)
        for at_s, source, cpu in ((0.5, "model", 50.0), (1.5, "model", 70.0), (1.0, "agent", 5.0))
    ]
    gauges = [GaugeSample(at_s=30.5, service="model", name="queue_depth", value=7.0)]
    drawn_timeline = timeline_of(make_recording(resources=tuple(uses), gauges=tuple(gauges)))
    assert [curve.label for curve in drawn_timeline.cpu_pct] == ["agent", "model"]
    assert drawn_timeline.cpu_pct[1].values[0] == 60.0
    assert drawn_timeline.cpu_pct[1].values[-1] is None
    assert [(curve.label, curve.values[-1]) for curve in drawn_timeline.gauges] == [
        ("model queue_depth", 7.0)
    ]


def test_phases_follow_each_other() -> None:
    """A phase lasts until the first request of the next phase, and is named by its load."""
    samples = [make_sample(seq, at_s=float(seq), phase=int(seq >= 15)) for seq in range(30)]
    drawn_timeline = timeline_of(make_recording(samples))
    assert [(phase.label, phase.start_s, phase.end_s) for phase in drawn_timeline.phases] == [
        ("10 VUs, 15 s", 0.0, 15.0),
        ("20 VUs, 15 s", 15.0, 31.0),
    ]


def test_failed_requests_are_marked_in_a_large_run() -> None:
    """Few failures of many requests are drawn one by one; many are counted by slice of their planned time."""
    requests = 4 * MOST_DOTS
    for every, drawn, counted in ((100, 40, 0), (2, 0, requests // 2)):
        samples = [
            make_sample(seq, at_s=seq * 0.007, outcome=Outcome.OK if seq % every else Outcome.HTTP_ERROR)
            for seq in range(requests)
        ]
        line = timeline_of(make_recording(samples))
        assert line.succeeded.at_s == ()
        assert len(line.failed.at_s) == drawn
        assert sum(line.failures) == counted


def test_a_timeline_does_not_grow_with_its_requests() -> None:
    """The number of slices is limited for 20,000 requests too."""
    samples = Samples.of([make_sample(seq, at_s=seq * 0.0015) for seq in range(20_000)])
    drawn_timeline = timeline_of(make_recording(samples=samples))
    assert len(drawn_timeline.at_s) <= MOST_SLICES
    assert len(drawn_timeline.model_dump_json()) < 30_000
