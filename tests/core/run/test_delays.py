import pytest

from bench.core.run.delays import MOST_DELAY, find_delayed
from bench.core.run.result import make_result
from bench.core.samples.sample import Stall
from bench.core.samples.samples import Samples
from tests.factories import (
    make_fingerprint,
    make_provenance,
    make_recording,
    make_sample,
    make_scenario,
    make_spec,
)


def test_a_request_is_delayed_if_the_loop_had_no_turn_for_much_of_its_time() -> None:
    """Only the part of a time without a turn that is within the request counts."""
    turns = [Stall(at_s=1.0, length_s=0.2), Stall(at_s=1.1, length_s=0.2)]  # together from 1.0 to 1.3
    cases = {
        (0.0, 1000.0): False,  # ends when the first one begins
        (0.0, 1060.0): True,  # 60 ms of 1,060 ms
        (0.9, 500.0): True,
        (1.3, 500.0): False,
        (0.0, 5900.0): True,  # 300 ms of 5,900 ms
        (0.0, 6100.0): False,  # 300 ms of 6,100 ms
    }
    samples = Samples.of(
        make_sample(seq, at_s=at_s, latency_ms=took_ms) for seq, (at_s, took_ms) in enumerate(cases)
    )
    assert pytest.approx(0.05) == MOST_DELAY
    assert find_delayed(samples, turns).tolist() == list(cases.values())
    assert not find_delayed(samples, ()).any()


def test_the_times_of_delayed_requests_do_not_count() -> None:
    """They are in no percentile, but in all counts; the result states how many there are."""
    usual = [make_sample(seq, at_s=seq * 0.5, latency_ms=100.0) for seq in range(18)]
    delayed = [make_sample(18 + seq, at_s=9.0, latency_ms=800.0) for seq in range(2)]
    recording = make_recording(
        [*usual, *delayed], longest_turn_s=0.7, long_turns=(Stall(at_s=9.0, length_s=0.7),)
    )
    result = make_result(make_spec(), recording, make_provenance(), make_fingerprint())
    summary = result.summary
    assert summary.requests == 20
    assert summary.metrics["e2e_ms"].max == pytest.approx(100.0)
    assert summary.loop_delays is not None
    assert summary.loop_delays.longest_turn_ms == pytest.approx(700.0)
    assert summary.loop_delays.delayed_requests == 2
    words = "the times of 2 requests do not count: the load generator had no turn for up to 0.7 s"
    assert words in result.warnings


def test_delays_are_on_the_clock_of_the_requests() -> None:
    """Without its warm-up, a run begins later, and the times without a turn with it."""
    phases = [
        {"executor": "constant-vus", "vus": 1, "duration_s": 5, "warm_up": True},
        {"executor": "constant-vus", "vus": 1, "duration_s": 5},
    ]
    samples = [make_sample(seq, phase=int(seq >= 5), at_s=float(seq), latency_ms=100.0) for seq in range(10)]
    recording = make_recording(samples, longest_turn_s=0.1, long_turns=(Stall(at_s=7.0, length_s=0.1),))
    spec = make_spec(make_scenario(phases=phases))
    delays = make_result(spec, recording, make_provenance(), make_fingerprint()).summary.loop_delays
    assert delays is not None
    assert delays.delayed_requests == 1
