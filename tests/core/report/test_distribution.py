import numpy as np
import pytest

from bench.core.report.distribution import Distribution, distributions
from bench.core.samples.samples import Samples
from bench.core.verdict.baseline import BaselineRun
from tests.factories import make_baseline, make_recording, make_run, make_sample, run_at


def response_time(runs: tuple[BaselineRun, ...] = (), samples: Samples | None = None) -> Distribution:
    """Of the response time of a usual run."""
    (found,) = distributions(run_at(1.0), runs, samples)
    return found


def test_shares_grow_from_none_to_all() -> None:
    """Each curve begins with nobody, ends with everybody, and never falls."""
    samples = make_recording().samples
    found = response_time(make_baseline().runs, samples)
    for curve in (found.requests, found.messages, found.lowest, found.middle, found.highest):
        assert len(curve) == len(found.at_ms) == 160
        assert curve[0] == 0.0
        assert curve[-1] == 1.0
        assert (np.diff(curve) >= 0).all()


def test_a_share_is_of_those_that_took_at_most_so_long() -> None:
    """Of four messages of 300 to 600 ms two take at most 450 ms."""
    found = response_time()
    place = int(np.searchsorted(found.at_ms, 450.0))
    assert found.messages[place] == 0.5


def test_the_band_holds_every_run_of_the_baseline() -> None:
    """No run lies outside lowest and highest, and the median lies between them."""
    found = response_time(make_baseline((1.0, 1.3, 0.8, 1.1, 0.9)).runs)
    assert found.baseline_runs == 5
    assert all(
        low <= middle <= high
        for low, middle, high in zip(found.lowest, found.middle, found.highest, strict=True)
    )
    assert max(np.subtract(found.highest, found.lowest)) > 0.2


def test_without_a_baseline_there_is_no_band() -> None:
    """What nobody measured is not drawn: neither a band without runs, nor requests that were not kept."""
    found = response_time()
    assert (found.lowest, found.middle, found.highest, found.requests) == ((), (), (), ())
    assert found.baseline_runs == 0


def test_runs_of_a_baseline_without_the_metric_are_left_out() -> None:
    """A run that has no figures of the metric is none of the band's."""
    runs = make_baseline().runs
    bare = runs[0].model_copy(update={"figures": {}})
    assert response_time((bare, *runs[1:])).baseline_runs == 9


def test_streamed_answers_have_two_distributions() -> None:
    """The time to first token has one of its own, and a run without any success has none at all."""
    streamed = [make_sample(seq, first_token_s=seq * 0.3 + 0.1) for seq in range(20)]
    found = distributions(make_run(make_recording(streamed)), (), None)
    assert [each.key for each in found] == ["e2e_ms", "ttft_ms"]
    assert distributions(run_at(1.0, failed=range(100)), (), None) == ()


def test_one_time_is_enough_to_draw() -> None:
    """A single message has a curve with one step."""
    (found,) = distributions(make_run(make_recording([make_sample(0, latency_ms=500.0)])), (), None)
    assert set(found.messages) == {0.0, 1.0}
    assert found.at_ms[0] < 500 < found.at_ms[-1]


@pytest.mark.parametrize("requests", [10, 5_000])
def test_a_distribution_does_not_grow(requests: int) -> None:
    """It has as many places for ten requests as for five thousand."""
    samples = Samples.of([make_sample(seq, latency_ms=400.0 + seq % 90) for seq in range(requests)])
    assert len(response_time((), samples).requests) == 160
