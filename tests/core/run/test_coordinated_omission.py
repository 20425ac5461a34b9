from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.run.coordinated_omission import correct_p99
from bench.core.samples.request import RequestSample
from bench.core.samples.samples import Samples
from tests.factories import make_sample, make_scenario

CLOSED = make_scenario().phases
OPEN = make_scenario(phases=[{"executor": "constant-arrival-rate", "rate": 10, "duration_s": 30}]).phases


def closed_loop(
    latencies_ms: Sequence[float], think_time_s: float = 0.0, vus: int = 1
) -> list[RequestSample]:
    """Return the requests of VUs that send again after each response; each VU has the same latencies."""
    samples: list[RequestSample] = []
    at_s = 0.0
    for iteration, latency_ms in enumerate(latencies_ms):
        for vu in range(vus):
            place = {"vu": vu, "iteration": iteration}
            samples.append(make_sample(len(samples), at_s=at_s, latency_ms=latency_ms, **place))
        at_s += latency_ms / 1000 + think_time_s
    return samples


def corrected(samples: Sequence[RequestSample]) -> float | None:
    """Return the corrected p99 of a closed loop."""
    return correct_p99(Samples.of(samples), CLOSED)


def with_omitted(latencies_ms: Sequence[float], interval_ms: float) -> list[float]:
    """Add the omitted requests one by one, as HdrHistogram does."""
    times_ms = []
    for latency_ms in latencies_ms:
        times_ms.append(latency_ms)
        missing_ms = latency_ms - interval_ms
        while missing_ms >= interval_ms:
            times_ms.append(missing_ms)
            missing_ms -= interval_ms
    return times_ms


@given(st.lists(st.sampled_from([10.0, 12.0, 90.0, 333.0, 5_000.0]), min_size=200, max_size=400))
def test_the_omitted_requests_are_those_of_hdrhistogram(latencies_ms: list[float]) -> None:
    """The p99 is that of the recorded times and of all times that HdrHistogram adds."""
    samples = closed_loop(latencies_ms)
    starts_s = np.array([sample.scheduled_s for sample in samples])
    interval_ms = 1000.0 * float(np.median(np.diff(starts_s)))
    expected = float(np.quantile(with_omitted(latencies_ms, interval_ms), 0.99, method="inverted_cdf"))
    plain = float(np.quantile(latencies_ms, 0.99))
    assert corrected(samples) == pytest.approx(expected, rel=1e-6) or corrected(samples) == pytest.approx(
        plain
    )


def test_a_slow_period_shows_in_the_corrected_p99() -> None:
    """One VU, 999 responses of 10 ms and one of 5 s: a third of the time was slow, and p99 hides it."""
    latencies_ms = [10.0] * 999 + [5_000.0]
    assert np.quantile(latencies_ms, 0.99) == 10.0
    assert corrected(closed_loop(latencies_ms)) == pytest.approx(4_850, rel=0.01)


def test_a_slow_period_within_the_think_time_omits_nothing() -> None:
    """A VU that pauses for 6 s would have sent no other request meanwhile, so p99 is correct."""
    latencies_ms = [10.0] * 999 + [5_000.0]
    plain = float(np.quantile(latencies_ms, 0.99))
    assert corrected(closed_loop(latencies_ms, think_time_s=6.0)) == pytest.approx(plain)


def test_a_regular_closed_loop_needs_no_correction() -> None:
    """Response times without a slow period have the same p99."""
    latencies_ms = np.random.default_rng(1).uniform(90.0, 110.0, 300).tolist()
    plain = float(np.quantile(latencies_ms * 5, 0.99))
    assert corrected(closed_loop(latencies_ms, vus=5)) == pytest.approx(plain)


def test_each_vu_has_its_own_requests() -> None:
    """More VUs do not shorten the expected interval: it is the time between two requests of one VU."""
    latencies_ms = [10.0] * 999 + [5_000.0]
    one, ten = (corrected(closed_loop(latencies_ms, vus=vus)) for vus in (1, 10))
    assert one == pytest.approx(ten, rel=0.01)


def test_an_open_loop_is_not_corrected() -> None:
    """An open loop sends while a response is slow, so it omits nothing."""
    assert correct_p99(Samples.of(closed_loop([10.0] * 300)), OPEN) is None


@pytest.mark.parametrize("count", [0, 1, 99])
def test_without_a_p99_there_is_no_corrected_one(count: int) -> None:
    """Fewer than 100 requests have neither."""
    assert corrected(closed_loop([10.0] * count)) is None


def test_vus_with_a_single_request_have_no_interval() -> None:
    """If each VU sends one request, none was omitted after it."""
    samples = [make_sample(seq, vu=seq, iteration=0) for seq in range(200)]
    assert corrected(samples) is None
