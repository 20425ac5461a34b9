"""The durations that a baseline keeps to compare 95th percentiles."""

import numpy as np
import pytest

from bench.core.run.summary import summarise
from bench.core.run.tails import Tail, tail_quantile_ms, tails_of
from bench.core.samples.sample import Outcome
from tests.factories import make_recording, make_sample


@pytest.mark.parametrize("count", [1, 2, 7, 100, 333])
def test_a_tail_has_the_durations_above_the_75th_percentile(count: int) -> None:
    """It knows all durations from this percentile on, and the number of the others."""
    times_ms = np.random.default_rng(count).lognormal(6.0, 0.5, count)
    samples = [make_sample(seq, latency_ms=float(time_ms)) for seq, time_ms in enumerate(times_ms)]
    summary = summarise(make_recording(samples))
    tail = tails_of(summary)["e2e_ms"]
    histogram = summary.metrics["e2e_ms"].histogram
    assert histogram is not None
    assert tail.total == count
    assert sum(tail.counts.values()) >= 0.25 * count
    lowest = min(tail.counts)
    assert tail.counts == {key: number for key, number in histogram.counts.items() if key >= lowest}
    without_last = sum(tail.counts.values()) - tail.counts[lowest]
    assert without_last < 0.25 * count


def test_only_deciding_latencies_have_tails() -> None:
    """A tier of a request in twenty has no test of its own."""
    samples = [make_sample(seq, tier_times={"queue": 1.0 + seq}) for seq in range(8)]
    assert tails_of(summarise(make_recording(samples))).keys() == {"e2e_ms"}


def test_a_tail_counts_requests_that_were_ended_while_they_waited() -> None:
    """Their durations are lower bounds."""
    samples = [make_sample(seq) for seq in range(9)]
    samples.append(make_sample(9, latency_ms=9000.0, outcome=Outcome.CUT_OFF))
    tail = tails_of(summarise(make_recording(samples)))["e2e_ms"]
    assert (tail.total, tail.censored) == (10, 1)


def test_a_run_without_durations_has_no_tails() -> None:
    """An older result without histograms is compared without tails."""
    assert tails_of(summarise(make_recording([]))) == {}
    assert Tail(total=0).counts == {}


@pytest.mark.parametrize("probability", [0.76, 0.9, 0.95, 0.99])
def test_a_quantile_of_a_tail_is_that_of_all_requests(probability: float) -> None:
    """A quantile in the tail is that of the requests, to the width of a bucket."""
    times_ms = np.random.default_rng(1).lognormal(6.0, 0.5, 2_000)
    samples = [make_sample(seq, latency_ms=float(time_ms)) for seq, time_ms in enumerate(times_ms)]
    tail = tails_of(summarise(make_recording(samples)))["e2e_ms"]
    expected_ms = float(np.quantile(times_ms, probability))
    assert tail_quantile_ms(tail, probability) == pytest.approx(expected_ms, rel=0.03)


def test_a_quantile_outside_the_tail_is_unknown() -> None:
    """The median is not in the tail, and the 99th percentile of ten requests would be the longest one."""
    tail = tails_of(summarise(make_recording([make_sample(seq) for seq in range(10)])))["e2e_ms"]
    assert tail_quantile_ms(tail.model_copy(update={"counts": {300: 2}}), 0.5) is None
    assert tail_quantile_ms(tail, 0.99) is None
    assert tail_quantile_ms(Tail(total=0), 0.9) is None
