import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.config.executors import ConstantVus
from bench.core.report.timeline import MOST_DOTS, MOST_SLICES, Timeline, slice_width_s, timeline
from bench.core.run.recording import Recording
from bench.core.samples.sample import GaugeSample, Outcome, Probe
from bench.core.samples.samples import Samples
from tests.factories import make_recording, make_sample, make_use

STAGE = ConstantVus(executor="constant-vus", vus=10, duration_s=15, think_time_s=(1, 2))
OTHER = ConstantVus(executor="constant-vus", vus=20, duration_s=15, think_time_s=(1, 2))


def drawn(recording: Recording) -> Timeline:
    """A recording over time, which there is."""
    found = timeline(recording, (STAGE, OTHER))
    assert found is not None
    return found


def test_nothing_has_no_timeline() -> None:
    """A run without requests, and one that took no time, have nothing to draw."""
    assert timeline(make_recording([]), (STAGE,)) is None
    assert timeline(make_recording(elapsed_s=0.0), (STAGE,)) is None


def test_every_curve_has_a_value_for_each_slice() -> None:
    """All that is drawn under one axis has its places."""
    seen = (make_use("model", 3.0),)
    found = drawn(make_recording(resources=seen))
    curves = (*found.latencies, *found.rates, found.in_flight, *found.cpu_pct, *found.memory_bytes)
    assert {len(each.values) for each in curves} == {len(found.at_s)}
    assert found.at_s == tuple(sorted(found.at_s))


@given(st.floats(0.001, 1e5), st.integers(1, 10**6))
def test_slices_are_few_and_round(end_s: float, requests: int) -> None:
    """However long a run is, and however many its requests, there are not too many slices."""
    width = slice_width_s(end_s, requests)
    assert end_s / width <= MOST_SLICES * 1.001
    assert f"{width:e}".split("e", maxsplit=1)[0] in {"1.000000", "2.000000", "2.500000", "5.000000"}


def test_slices_have_enough_requests_to_say_something() -> None:
    """A few in each of a short run, twenty in each of a longer one."""
    assert slice_width_s(30.0, 60) == 2.0
    assert slice_width_s(30.0, 600) == 1.0
    assert slice_width_s(300.0, 100_000) == 2.0


def test_a_rest_belongs_to_the_last_slice() -> None:
    """No slice is so short that one request would make it the busiest."""
    found = drawn(make_recording(elapsed_s=30.4))
    assert found.slice_s == 2.0
    assert len(found.at_s) == 15
    assert found.at_s[-1] == pytest.approx((28 + 30.4) / 2)


def test_requests_per_second_add_up() -> None:
    """Rates times widths are the requests, those that failed apart."""
    samples = [
        make_sample(seq, outcome=Outcome.TIMEOUT if seq % 10 == 0 else Outcome.OK) for seq in range(100)
    ]
    found = drawn(make_recording(samples, elapsed_s=30.4))
    widths = np.array([2.0] * 14 + [2.4])
    counts = {each.label: round(float(np.dot(each.values, widths))) for each in found.rates}  # type: ignore[arg-type]
    assert counts == {"succeeded": 90, "failed": 10}


def test_who_waits_is_counted_in_the_mean() -> None:
    """Ten requests of half a second in a slice of five seconds are one that is always under way."""
    samples = [make_sample(seq, at_s=seq * 0.5, latency_ms=500.0) for seq in range(20)]
    found = drawn(make_recording(samples, elapsed_s=10.0))
    assert found.slice_s == 2.0
    assert found.in_flight.values == (1.0,) * 5


def test_a_slice_without_requests_has_no_latency() -> None:
    """Where nothing was asked there is nothing, which is not 0."""
    samples = [make_sample(seq, at_s=0.1 * seq if seq < 40 else 25 + 0.1 * (seq - 40)) for seq in range(80)]
    found = drawn(make_recording(samples, elapsed_s=30.0))
    assert found.slice_s == 2.0
    p50 = found.latencies[0]
    assert p50.values[0] == 500.0
    assert None in p50.values


def test_a_high_quantile_needs_enough_requests() -> None:
    """The 95th percentile is drawn where slices can carry it; each latency that there is has a curve."""
    few = drawn(make_recording([make_sample(seq, first_token_s=seq * 0.3 + 0.1) for seq in range(100)]))
    assert [each.label for each in few.latencies] == ["response time, p50", "time to first token, p50"]
    lots = drawn(make_recording([make_sample(seq, at_s=seq * 0.03) for seq in range(1_000)]))
    assert [each.label for each in lots.latencies] == ["response time, p50", "response time, p95"]


def test_nobody_who_succeeded_has_no_latency() -> None:
    """A run of failures only has its failures to draw."""
    found = drawn(make_recording([make_sample(seq, outcome=Outcome.TIMEOUT) for seq in range(20)]))
    assert found.latencies == ()
    assert [each.label for each in found.rates] == ["failed"]
    assert len(found.failed.at_s) == 20


def test_requests_are_dots_while_they_are_few() -> None:
    """A thousand requests are drawn one by one, more only by their slices."""
    few = drawn(make_recording([make_sample(seq, at_s=seq * 0.03) for seq in range(MOST_DOTS)]))
    assert len(few.succeeded.at_s) == len(few.succeeded.took_ms) == MOST_DOTS
    assert few.succeeded.at_s == tuple(sorted(few.succeeded.at_s))
    more = drawn(make_recording([make_sample(seq, at_s=seq * 0.02) for seq in range(MOST_DOTS + 1)]))
    assert more.succeeded.at_s == ()
    assert more.failed.at_s == ()


def test_what_was_watched_is_a_curve_each() -> None:
    """The mean of each slice by source, and None where it was not looked at."""
    seen = [
        make_use(source, at_s, cpu_pct=cpu)
        for at_s, source, cpu in ((0.5, "model", 50.0), (1.5, "model", 70.0), (1.0, "agent", 5.0))
    ]
    gauges = [GaugeSample(at_s=30.5, service="model", name="queue_depth", value=7.0)]
    found = drawn(make_recording(resources=tuple(seen), gauges=tuple(gauges)))
    assert [each.label for each in found.cpu_pct] == ["agent", "model"]
    assert found.cpu_pct[1].values[0] == 60.0
    assert found.cpu_pct[1].values[-1] is None
    assert [(each.label, each.values[-1]) for each in found.gauges] == [("model queue_depth", 7.0)]


def test_stages_follow_each_other() -> None:
    """A stage goes from its first request to that of the next one, and is called by its load."""
    samples = [make_sample(seq, at_s=float(seq), phase=int(seq >= 15)) for seq in range(30)]
    found = drawn(make_recording(samples))
    assert [(each.label, each.start_s, each.end_s) for each in found.phases] == [
        ("10 VUs, 15 s", 0.0, 15.0),
        ("20 VUs, 15 s", 15.0, 31.0),
    ]


def test_outages_last_until_something_is_up_again() -> None:
    """What two checks saw is told apart; one that is down at the end is down to the end."""
    probes = [Probe(at_s=float(at), check="agent", up=at not in {3, 4}) for at in range(10)]
    probes += [Probe(at_s=float(at), check="model", up=at < 8) for at in reversed(range(10))]
    found = drawn(make_recording(probes=tuple(probes)))
    assert [(each.label, each.start_s, each.end_s) for each in found.outages] == [
        ("agent", 3.0, 5.0),
        ("model", 8.0, 31.0),
    ]


def test_a_timeline_does_not_grow_with_its_requests() -> None:
    """Twenty thousand requests have as many slices at most as are allowed."""
    samples = Samples.of([make_sample(seq, at_s=seq * 0.0015) for seq in range(20_000)])
    found = drawn(make_recording(samples=samples))
    assert len(found.at_s) <= MOST_SLICES
    assert len(found.model_dump_json()) < 30_000
