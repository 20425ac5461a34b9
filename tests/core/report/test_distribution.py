import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.report.distribution import Basis, Distribution, distributions
from bench.core.run.tails import tails_of
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.verdict.baseline import BaselineRun
from tests.factories import make_baseline, make_recording, make_run, make_sample, run_at


def response_time(runs: tuple[BaselineRun, ...] = (), samples: Samples | None = None) -> Distribution:
    """Return the distribution of the response time of an ordinary run."""
    (distribution,) = distributions(run_at(1.0), runs, samples)
    return distribution


def of_samples(samples: Samples) -> Distribution:
    """Return the distribution of the response time of some requests."""
    (distribution,) = distributions(make_run(make_recording(samples)), (), samples)
    return distribution


def with_tails(runs: tuple[BaselineRun, ...]) -> tuple[BaselineRun, ...]:
    """Return runs that keep their slowest requests."""
    factors = [1.0 + number / 100.0 for number in range(len(runs))]
    return tuple(
        run.model_copy(update={"tails": tails_of(run_at(factor).summary)})
        for run, factor in zip(runs, factors, strict=True)
    )


@given(st.lists(st.floats(1.0, 60_000.0), min_size=1, max_size=80))
def test_each_request_is_in_one_bar_or_longer(times_ms: list[float]) -> None:
    """The bars and the number of longer requests contain each request once; the number of bars is limited."""
    samples = Samples.of([make_sample(seq, latency_ms=time_ms) for seq, time_ms in enumerate(times_ms)])
    distribution = of_samples(samples)
    assert sum(distribution.counts) + distribution.longer == len(times_ms)
    assert len(distribution.edges_ms) == len(distribution.counts) + 1
    assert len(distribution.counts) <= 42
    assert distribution.edges_ms[0] <= distribution.typical.run_ms * 1.001


def test_few_slow_requests_do_not_squeeze_the_others() -> None:
    """One request of a hundred that takes a minute is counted in words, so that the bars show the others."""
    times_ms = [400.0 + seq for seq in range(99)] + [60_000.0]
    samples = Samples.of([make_sample(seq, latency_ms=time_ms) for seq, time_ms in enumerate(times_ms)])
    distribution = of_samples(samples)
    assert distribution.longer == 1
    assert distribution.edges_ms[-1] < 1_100.0


def test_the_typical_times_of_the_baseline_have_their_range() -> None:
    """The range contains every run of the baseline, and the run's own time is that of the report."""
    distribution = response_time(make_baseline((1.0, 1.3, 0.8, 1.1, 0.9)).runs)
    typical = distribution.typical
    assert distribution.baseline_runs == 5
    assert typical.lowest_ms == pytest.approx(0.8 * typical.run_ms, rel=0.01)
    assert typical.middle_ms == pytest.approx(typical.run_ms, rel=0.01)
    assert typical.highest_ms == pytest.approx(1.3 * typical.run_ms, rel=0.01)


def test_without_a_baseline_there_is_no_band() -> None:
    """Without runs there is no typical time of a baseline, and no band of percentiles."""
    distribution = response_time()
    assert distribution.typical.lowest_ms is None
    assert distribution.percentiles.basis is None
    assert distribution.percentiles.lowest_ms == ()
    assert distribution.baseline_runs == 0


def test_percentiles_grow() -> None:
    """Each percentile is at least the one before it; the last ones that need more requests are missing."""
    samples = Samples.of([make_sample(seq, latency_ms=400.0 + seq % 90) for seq in range(500)])
    curve = of_samples(samples).percentiles
    values = [value for value in curve.requests_ms if value is not None]
    assert (np.diff(values) >= 0).all()
    assert values[0] == 400.0
    assert curve.places[-1] == pytest.approx(np.log10(500), rel=1e-3)
    assert curve.places == tuple(sorted(curve.places))


def test_named_percentiles_are_exact() -> None:
    """The curve has the median and the 90th percentile, as a table shows them."""
    samples = Samples.of([make_sample(seq, latency_ms=float(seq)) for seq in range(1, 102)])
    curve = of_samples(samples).percentiles
    values = dict(zip(curve.places, curve.requests_ms, strict=True))
    assert values[0.301] == pytest.approx(51.0)
    assert values[1.0] == pytest.approx(91.0)


def test_slow_requests_are_compared_with_those_of_the_baseline() -> None:
    """A baseline that keeps its slowest requests has a band from the 75th percentile on."""
    curve = response_time(with_tails(make_baseline().runs)).percentiles
    assert curve.basis is Basis.REQUESTS
    known = [place for place, low in zip(curve.places, curve.lowest_ms, strict=True) if low is not None]
    assert known[0] == pytest.approx(-np.log10(0.25), abs=0.05)
    for low, middle, high in zip(curve.lowest_ms, curve.middle_ms, curve.highest_ms, strict=True):
        assert low is None or middle is None or high is None or low <= middle <= high


def test_without_slow_requests_the_messages_are_compared() -> None:
    """A baseline that keeps no requests has a band of its messages, and the run's messages have a curve."""
    runs = tuple(run.model_copy(update={"tails": {}}) for run in make_baseline().runs)
    curve = response_time(runs).percentiles
    assert curve.basis is Basis.MESSAGES
    assert len(curve.messages_ms) == len(curve.places)
    assert curve.lowest_ms[0] is not None


def test_runs_of_a_baseline_without_the_metric_are_left_out() -> None:
    """A baseline run without figures of the metric does not count in the band."""
    runs = make_baseline().runs
    without_figures = runs[0].model_copy(update={"figures": {}})
    assert response_time((without_figures, *runs[1:])).baseline_runs == 9


def test_a_streaming_run_has_two_distributions() -> None:
    """The time to first token has its own distribution; a run without success has no distribution."""
    streamed = [make_sample(seq, first_token_s=seq * 0.3 + 0.1) for seq in range(20)]
    streamed_distributions = distributions(make_run(make_recording(streamed)), (), None)
    assert [distribution.key for distribution in streamed_distributions] == ["e2e_ms", "ttft_ms"]
    assert distributions(run_at(1.0, failed=range(100)), (), None) == ()


def test_requests_are_restored_from_a_result_without_them() -> None:
    """The buckets of the result have each request, to 1 %."""
    samples = [make_sample(seq, latency_ms=400.0 + 10.0 * seq) for seq in range(50)]
    (distribution,) = distributions(make_run(make_recording(samples)), (), None)
    assert sum(distribution.counts) + distribution.longer == 50
    assert distribution.percentiles.requests_ms[0] == pytest.approx(400.0, rel=0.02)


def test_one_request_is_enough_for_a_distribution() -> None:
    """The distribution of a single request is one bar."""
    distribution = of_samples(Samples.of([make_sample(0, latency_ms=500.0)]))
    assert sum(distribution.counts) == 1


def test_requests_that_never_ended_are_counted() -> None:
    """Requests that were ended while they waited count with their wait, and are named."""
    rows = []
    for number in range(20):
        rows.append(make_sample(number, prompt="short"))
        rows.append(make_sample(number, prompt="long", outcome=Outcome.CUT_OFF, latency_ms=900.0))
    distribution = of_samples(Samples.of(rows))
    assert distribution.unfinished == 20
    assert sum(distribution.counts) + distribution.longer == 40


@pytest.mark.parametrize("requests", [10, 5_000])
def test_a_distribution_does_not_grow_with_the_requests(requests: int) -> None:
    """Ten requests and 5,000 requests have a limited number of points."""
    samples = Samples.of([make_sample(seq, latency_ms=400.0 + seq % 90) for seq in range(requests)])
    distribution = response_time((), samples)
    assert len(distribution.percentiles.places) < 100
    assert len(distribution.counts) <= 42
