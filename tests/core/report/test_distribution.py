import numpy as np
import pytest

from bench.core.report.distribution import Distribution, distributions
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.verdict.baseline import BaselineRun
from tests.factories import make_baseline, make_recording, make_run, make_sample, run_at


def response_time(runs: tuple[BaselineRun, ...] = (), samples: Samples | None = None) -> Distribution:
    """Return the distribution of the response time of an ordinary run."""
    (distribution,) = distributions(run_at(1.0), runs, samples)
    return distribution


def test_shares_grow_from_0_to_1() -> None:
    """Each curve starts at 0, ends at 1, and never falls."""
    samples = make_recording().samples
    distribution = response_time(make_baseline().runs, samples)
    for curve in (
        distribution.requests,
        distribution.messages,
        distribution.lowest,
        distribution.middle,
        distribution.highest,
    ):
        assert len(curve) == len(distribution.at_ms) == 160
        assert curve[0] == 0.0
        assert curve[-1] == 1.0
        assert (np.diff(curve) >= 0).all()


def test_a_share_counts_the_messages_up_to_that_time() -> None:
    """Of four messages of 300 to 600 ms, two take at most 450 ms."""
    distribution = response_time()
    index = int(np.searchsorted(distribution.at_ms, 450.0))
    assert distribution.messages[index] == 0.5


def test_a_message_whose_answers_never_ended_is_in_no_share() -> None:
    """Its typical time is longer than the last point, so the curve ends at half of the messages."""
    rows = []
    for number in range(20):
        ended = make_sample(number, prompt="short")
        rows += [ended, make_sample(number, prompt="long", outcome=Outcome.CUT_OFF, latency_ms=4000.0)]
    run = make_run(make_recording(rows))
    (distribution,) = distributions(run, (), None)
    assert distribution.messages[0] == 0.0
    assert distribution.messages[-1] == 0.5


def test_the_band_contains_every_run_of_the_baseline() -> None:
    """Every run lies between the lowest and the highest curve, and so does the median."""
    distribution = response_time(make_baseline((1.0, 1.3, 0.8, 1.1, 0.9)).runs)
    assert distribution.baseline_runs == 5
    assert all(
        low <= middle <= high
        for low, middle, high in zip(
            distribution.lowest, distribution.middle, distribution.highest, strict=True
        )
    )
    assert max(np.subtract(distribution.highest, distribution.lowest)) > 0.2


def test_without_a_baseline_there_is_no_band() -> None:
    """Without runs there is no band, and without samples there is no curve of requests."""
    distribution = response_time()
    assert (distribution.lowest, distribution.middle, distribution.highest, distribution.requests) == (
        (),
        (),
        (),
        (),
    )
    assert distribution.baseline_runs == 0


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


def test_one_message_is_enough_for_a_distribution() -> None:
    """The distribution of a single message is a curve with one step."""
    (distribution,) = distributions(make_run(make_recording([make_sample(0, latency_ms=500.0)])), (), None)
    assert set(distribution.messages) == {0.0, 1.0}
    assert distribution.at_ms[0] < 500 < distribution.at_ms[-1]


@pytest.mark.parametrize("requests", [10, 5_000])
def test_a_distribution_does_not_grow_with_the_requests(requests: int) -> None:
    """Ten requests and 5,000 requests have the same number of points."""
    samples = Samples.of([make_sample(seq, latency_ms=400.0 + seq % 90) for seq in range(requests)])
    assert len(response_time((), samples).requests) == 160
