from typing import Any

import numpy as np
import pytest
from scipy.stats import expon, gamma, kstest

from bench.core.config.executors import OpenLoop
from bench.core.load.due_times import plan_due_times
from bench.core.samples.arrays import Floats
from tests.factories import make_scenario

STEADY: dict[str, Any] = {"executor": "constant-arrival-rate", "rate": 500, "duration": "40s"}
RAMP: dict[str, Any] = {
    "executor": "ramping-arrival-rate",
    "start_rate": 100,
    "stages": [{"duration": "20s", "target": 900}, {"duration": "20s", "target": 0}],
}
SERIES: dict[str, Any] = {
    "executor": "arrival-rate-series",
    "rates": [(0, 800), (10, 800), (10, 50), (30, 50), (40, 1000)],
}
LOADS = [STEADY, RAMP, SERIES]
SEEDS = ["1:0:arrivals", "2:0:arrivals", "3:1:arrivals"]
LEAST_P = 0.001
"""A fixed seed passes always or never; a wrong distribution of thousands of gaps is far below."""


def _load(phase: dict[str, Any]) -> OpenLoop:
    load = make_scenario(phases=[phase]).phases[0]
    assert isinstance(load, OpenLoop)
    return load


def _due_s(phase: dict[str, Any], seed: str = "seed") -> Floats:
    return np.array([*plan_due_times(_load(phase), seed)])


def _count_planned(phase: dict[str, Any], moments_s: Any) -> Floats:
    """Return the planned number of requests until each moment, by integrating the rate in small steps."""
    pieces = _load(phase).pieces  # type: ignore[union-attr]
    ends_s = np.cumsum([piece.duration_s for piece in pieces])
    grid_s = np.linspace(0, ends_s[-1], 400_001)
    rates = np.zeros_like(grid_s)
    for piece, end_s in zip(pieces, ends_s, strict=True):
        inside = (grid_s >= end_s - piece.duration_s) & (grid_s <= end_s)
        if piece.duration_s:
            share = (grid_s[inside] - end_s + piece.duration_s) / piece.duration_s
            rates[inside] = piece.start_rps + (piece.end_rps - piece.start_rps) * share
    steps = np.diff(grid_s) * (rates[1:] + rates[:-1]) / 2
    planned: Floats = np.interp(moments_s, grid_s, np.append(0.0, np.cumsum(steps)))
    return planned


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("phase", LOADS)
def test_poisson_gaps_are_exponential_at_every_rate(phase: dict[str, Any], seed: str) -> None:
    """Measured in planned requests, the gaps of a ramp or a series are those of a constant rate."""
    due_s = _due_s({**phase, "arrivals": "poisson"}, seed)
    assert len(due_s) > 10_000
    gaps = np.diff(_count_planned(phase, due_s))
    assert kstest(gaps, expon.cdf).pvalue > LEAST_P
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 5 / len(gaps) ** 0.5


@pytest.mark.parametrize("burstiness", [0.3, 1.0, 4.0, 50.0])
@pytest.mark.parametrize("phase", LOADS)
def test_gamma_gaps_have_burstiness_as_their_shape(phase: dict[str, Any], burstiness: float) -> None:
    """As with vLLM's --burstiness: gamma of this shape, with the mean gap of the rate."""
    due_s = _due_s({**phase, "arrivals": "gamma", "burstiness": burstiness})
    gaps = np.diff(_count_planned(phase, due_s))
    assert kstest(gaps, gamma(burstiness, scale=1 / burstiness).cdf).pvalue > LEAST_P


def test_the_test_of_gaps_tells_distributions_apart() -> None:
    """A burstiness of 0.9 or 1.1 is not taken for Poisson arrivals."""
    for burstiness in (0.9, 1.1):
        gaps = np.diff(_due_s({**STEADY, "arrivals": "gamma", "burstiness": burstiness})) * 500
        assert kstest(gaps, expon.cdf).pvalue < LEAST_P


@pytest.mark.parametrize(
    "arrivals",
    [{"arrivals": "poisson"}, *({"arrivals": "gamma", "burstiness": shape} for shape in (0.1, 0.5, 20))],
)
def test_random_arrivals_have_the_mean_rate_from_the_start(arrivals: dict[str, Any]) -> None:
    """Over many seeds, a short phase and its first tenth have the planned number of requests."""
    phase = {"executor": "constant-arrival-rate", "rate": 20, "duration": 2, **arrivals}
    runs = [_due_s(phase, f"seed {number}") for number in range(1000)]
    for end_s in (0.2, 2.0):
        counts = np.array([(due_s < end_s).sum() for due_s in runs])
        error = counts.std() / len(counts) ** 0.5
        assert abs(counts.mean() - 20 * end_s) < 4 * error


@pytest.mark.parametrize("phase", LOADS)
@pytest.mark.parametrize("arrivals", ["even", "poisson", "gamma"])
def test_requests_are_due_in_order_until_the_end_of_the_phase(phase: dict[str, Any], arrivals: str) -> None:
    """No request is due later, and the same seed gives the same times."""
    shape = {"burstiness": 0.3} if arrivals == "gamma" else {}
    due_s = _due_s({**phase, "arrivals": arrivals, **shape})
    assert (np.diff(due_s) >= 0.0).all()
    assert due_s[0] >= 0.0
    assert 39.0 < due_s[-1] < 40.0
    assert np.array_equal(due_s, _due_s({**phase, "arrivals": arrivals, **shape}))


@pytest.mark.parametrize("phase", [RAMP, SERIES])
def test_even_arrivals_follow_the_rate_to_one_request(phase: dict[str, Any]) -> None:
    """The nth request is due when the planned number of requests reaches n."""
    due_s = _due_s(phase)
    assert _count_planned(phase, due_s) == pytest.approx(np.arange(len(due_s)), abs=0.1)
    assert len(due_s) == pytest.approx(_load(phase).requests, abs=1.0)


def test_given_times_are_kept() -> None:
    """They begin at 0, pass at the speed, and end with the phase; equal times stay equal."""
    times = {"executor": "arrival-times", "times": [100, 100, 101, 104]}
    assert [*_due_s(times)] == [0, 0, 1, 4]
    assert [*_due_s({**times, "speed": 2})] == [0, 0, 0.5, 2]
    assert [*_due_s({**times, "duration": 4})] == [0, 0, 1]
    assert [*_due_s({**times, "duration": 60})] == [0, 0, 1, 4]


def test_a_series_of_rates_ends_with_its_duration() -> None:
    """A part of it has the requests of that part."""
    assert [*_due_s({**SERIES, "duration": 11})] == [*_due_s(SERIES)][: 8000 + 50]
