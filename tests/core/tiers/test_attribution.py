import math

import pytest

from bench.core.config.target import Target
from bench.core.samples.samples import Samples
from bench.core.tiers.attribution import add_remainder, add_traces, remainder_tier, sum_calls
from bench.core.tiers.request_trace import RequestTrace
from bench.core.tiers.trace_ids import RequestKey
from tests.factories import make_recording, make_run, make_sample, make_target

DURATIONS = {"unit": "ms", "tiers": {"model": "m"}}


def target(**durations: object) -> Target:
    """A target of the service `backend`."""
    answer = {"kind": "json", "text": "a", "durations": {**DURATIONS, **durations}}
    return make_target(service="backend", answer=answer)


def samples(**tier_times: float) -> Samples:
    """Two requests: the first reports tier times, the second none."""
    return Samples.of([make_sample(0, tier_times=tier_times), make_sample(1, tier_times={})])


def service_ms(requests: Samples) -> float:
    """The service time of the first request."""
    sample = requests[0]
    assert sample.sent_s is not None
    return 1000 * (sample.finished_s - sample.sent_s)


def test_the_remainder_belongs_to_the_declared_tier() -> None:
    """A declared tier gets the remainder; so does the asked service if it is the only one."""
    assert remainder_tier(target(remainder="web"), {"backend", "agent"}) == "web"
    assert remainder_tier(target(), {"backend", "agent"}) is None
    assert remainder_tier(target(), {"backend"}) == "backend"
    assert remainder_tier(target(), ()) == "backend"


def test_the_remainder_is_the_service_time_without_the_others() -> None:
    """On each request that reports a tier, the rest is the time of the asked service."""
    requests = add_remainder(samples(model=10.0), "backend")
    assert requests.tier_time("backend")[0] == pytest.approx(service_ms(requests) - 10.0, abs=0.01)
    assert math.isnan(requests.tier_time("backend")[1])


def test_the_remainder_adds_to_a_reported_time() -> None:
    """A service that reports a part of its time gets the rest, too."""
    requests = add_remainder(samples(model=10.0, backend=5.0), "backend")
    assert requests.tier_time("backend")[0] == pytest.approx(service_ms(requests) - 10.0, abs=0.01)


def test_without_tiers_there_is_no_remainder() -> None:
    """If no tier reports a time, the complete response time is not given to one."""
    assert add_remainder(samples(), "backend").tiers == []
    assert add_remainder(samples(model=1.0), None).tiers == ["model"]


def test_traces_replace_the_times_of_answers() -> None:
    """A traced request has the times of its spans only; a tier that it did not need took 0 ms."""
    requests = samples(model=10.0)
    key = RequestKey(requests[0].phase, requests[0].vu, requests[0].iteration, 0)
    other = RequestKey(requests[1].phase, requests[1].vu, requests[1].iteration, 0)
    traces = {key: RequestTrace({"db": 3.0}, {"database_calls": 2})}
    traced = add_traces(requests, traces)
    assert [dict(row.tier_times) for row in traced] == [{"db": 3.0}, {}]
    assert sum_calls(requests, traces) == {}
    both = {**traces, other: RequestTrace({"cache": 1.0}, {"database_calls": 1})}
    assert [dict(row.tier_times) for row in add_traces(requests, both)] == [
        {"db": 3.0, "cache": 0.0},
        {"db": 0.0, "cache": 1.0},
    ]
    assert sum_calls(requests, both) == {"database_calls": 3.0}
    assert add_traces(requests, {}).tiers == []


def test_a_run_names_its_remainder() -> None:
    """The metrics of a run have the remainder under the name of the asked service."""
    rows = [make_sample(number, tier_times={"model": 10.0}) for number in range(4)]
    plain = make_run(make_recording(rows)).summary.metrics
    named = make_run(make_recording(rows, remainder="backend")).summary.metrics
    assert named["tier.backend_ms"].mean == pytest.approx(plain["tier.unattributed_ms"].mean)
    assert named["tier.unattributed_ms"].mean == pytest.approx(0.0, abs=0.01)
