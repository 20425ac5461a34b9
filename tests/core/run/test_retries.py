from bench.core.run.retries import RetryCounts, count_retries
from bench.core.samples.metrics import METRICS
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from tests.factories import make_sample


def test_retries_are_counted() -> None:
    """The result has the requests that were sent again, their attempts, successes, and lost time."""
    samples = [
        make_sample(0, retries=0),
        make_sample(1, at_s=10.0, latency_ms=2_600.0, retries=1, retried_s=12.0),
        make_sample(2, at_s=20.0, retries=2, retried_s=23.0, outcome=Outcome.RATE_LIMITED, status=429),
    ]
    counted = count_retries(Samples.of(samples))
    assert counted == RetryCounts(requests=2, retries=3, rescued=1, waited_s=5.0)


def test_without_a_declaration_nothing_is_counted() -> None:
    """A scenario without `retry` has no count, and one whose requests all succeed has zeros."""
    assert count_retries(Samples.of([make_sample(0)])) is None
    counted = count_retries(Samples.of([make_sample(0, retries=0)]))
    assert counted == RetryCounts(requests=0, retries=0, rescued=0, waited_s=0.0)


def test_a_wait_is_response_time_and_no_delay_of_the_load_generator() -> None:
    """The response time counts from the first attempt; the send lag only from the planned last attempt."""
    sample = make_sample(
        0, at_s=10.0, latency_ms=2_600.0, retries=1, retried_s=12.0, sent_s=12.01, connect_s=None
    )
    samples = Samples.of([sample])
    assert METRICS["e2e_ms"].values(samples).round(6).tolist() == [2_600.0]
    assert METRICS["send_lag_ms"].values(samples).round(6).tolist() == [10.0]
