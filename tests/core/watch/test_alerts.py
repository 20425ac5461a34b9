from collections.abc import Sequence

import pytest

from bench.core.config.watching import Limits
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import GaugeSample, Outcome, Probe, ResourceSample
from bench.core.samples.samples import Samples
from bench.core.watch.alerts import (
    FEWEST_REQUESTS,
    Alert,
    Rule,
    checks_as_requests,
    describe,
    describe_limit,
    ended_requests,
    find_alerts,
)
from tests.factories import make_recording, make_run, make_sample


def _requests(count: int, failed: Sequence[int] = (), every_s: float = 1.0) -> list[RequestSample]:
    return [
        make_sample(seq, at_s=seq * every_s, outcome=Outcome.HTTP_ERROR if seq in failed else Outcome.OK)
        for seq in range(count)
    ]


def _found(
    requests: Sequence[RequestSample] = (),
    resources: Sequence[ResourceSample] = (),
    gauges: Sequence[GaugeSample] = (),
    until_s: float = 60.0,
    limits: Limits = Limits(),
) -> dict[Rule, Alert]:
    found = find_alerts(ended_requests(Samples.of(requests)), resources, gauges, (0.0, until_s), limits)
    return {alert.rule: alert for alert in found}


def _memory(*shares: float) -> list[ResourceSample]:
    return [
        ResourceSample(
            at_s=at, source="model", cpu_pct=1.0, memory_bytes=int(share * 1000), memory_limit_bytes=1000
        )
        for at, share in enumerate(shares)
    ]


def test_a_run_without_fault_has_no_alert() -> None:
    """Nothing is beyond a limit: nothing is reported."""
    assert _found(_requests(60), _memory(0.5, 0.8)) == {}
    assert _found() == {}


def test_memory_beyond_its_limit() -> None:
    """More than 80 % of what a service may have: since when, how much, and how often it was seen."""
    alert = _found(resources=_memory(0.5, 0.81, 0.95, 0.3))[Rule.MEMORY]
    assert alert == Alert(rule=Rule.MEMORY, source="model", value=0.95, limit=0.8, at_s=1.0, count=2)
    assert describe(alert) == "model: 95 % of its memory in use"


def test_memory_without_a_limit_is_no_alert() -> None:
    """Of what has no limit no share can be given."""
    sample = ResourceSample(at_s=1.0, source="agent", cpu_pct=1.0, memory_bytes=10**12)
    assert _found(resources=[sample]) == {}


def test_errors_are_counted_in_windows() -> None:
    """Thirty failures in ten minutes are 5 %, but all of them in a minute are 10 % of five minutes."""
    spread = _requests(600, failed=range(0, 600, 20), every_s=1.0)
    assert Rule.ERRORS not in _found(spread, until_s=601.0)
    burst = _requests(600, failed=range(400, 430), every_s=1.0)
    alert = _found(burst, until_s=601.0)[Rule.ERRORS]
    assert alert.value == pytest.approx(0.1, rel=0.01)
    assert 410.0 < alert.at_s < 430.0


def test_a_run_that_is_shorter_than_the_window_is_one_window() -> None:
    """The first request of a run is not all of it, though it failed."""
    assert Rule.ERRORS not in _found(_requests(40, failed=[0]), until_s=41.0)
    short = _found(_requests(40, failed=[0, 1, 2]), until_s=41.0)[Rule.ERRORS]
    assert short.value == pytest.approx(3 / 40)
    assert (short.at_s, short.count) == (41.0, 1)
    until_the_last_answer = _found(_requests(40, failed=[0, 1, 2]), until_s=39.5)[Rule.ERRORS]
    assert (until_the_last_answer.at_s, until_the_last_answer.count) == (39.5, 1)


def test_success_is_that_of_the_whole_run() -> None:
    """94 % are below 95 %; 95 % are not."""
    assert Rule.SUCCESS not in _found(_requests(100, failed=range(5)), until_s=101.0)
    alert = _found(_requests(100, failed=range(6)), until_s=101.0)[Rule.SUCCESS]
    assert alert.value == pytest.approx(0.94)
    assert alert.limit == 0.95


def test_a_share_of_few_requests_says_nothing() -> None:
    """One failure of nineteen is no alert, however large a share it is; two of twenty are one."""
    few = _requests(FEWEST_REQUESTS - 1, failed=[3, 4, 5])
    assert _found(few, until_s=20.0) == {}
    enough = _requests(FEWEST_REQUESTS, failed=[3, 4])
    assert {*_found(enough, until_s=20.0)} == {Rule.ERRORS, Rule.SUCCESS}


def test_what_we_took_back_is_no_error() -> None:
    """Requests that were cancelled on purpose are in no share."""
    cancelled = [make_sample(seq, outcome=Outcome.CANCELLED) for seq in range(40)]
    assert _found([*cancelled, *_requests(20)]) == {}


def test_slow_requests() -> None:
    """Beyond thirty seconds: how many, the longest, and when the first was over."""
    slow = [make_sample(seq, at_s=0.0, latency_ms=ms) for seq, ms in enumerate((30_000, 31_000, 45_000))]
    alert = _found(slow)[Rule.SLOW]
    assert (alert.value, alert.at_s, alert.count) == (45.0, 31.0, 2)
    assert describe(alert) == "requests: 2 took longer than 30 s, the longest 45.0 s"


def test_the_queue() -> None:
    """More than a hundred waiting, by the gauge of that name and no other."""
    read = [
        GaugeSample(at_s=at, service="model", name=name, value=value)
        for at, name, value in ((1, "running", 500), (2, "queue_depth", 100), (3, "queue_depth", 140))
    ]
    alert = _found(gauges=read)[Rule.QUEUE]
    assert (alert.source, alert.value, alert.at_s, alert.count) == ("model", 140.0, 3.0, 1)


def test_restarts_and_kills_are_those_of_the_run() -> None:
    """What had happened before is not reported; what happens is, by its number."""
    samples = [
        ResourceSample(
            at_s=at, source="agent", cpu_pct=1.0, memory_bytes=1, restarts=restarts, oom_kills=oom_kills
        )
        for at, restarts, oom_kills in ((0, 4, 1), (1, 4, 1), (2, 5, 2), (3, 6, 2))
    ]
    assert _found(resources=samples[:2]) == {}
    found = _found(resources=samples)
    assert describe(found[Rule.RESTARTS]) == "agent: restarted 2 times"
    assert describe(found[Rule.OOM]) == "agent: killed once because memory ran out"
    assert found[Rule.RESTARTS].at_s == 2.0


def test_limits_are_the_stacks_own() -> None:
    """What a stack declares takes the place of the defaults."""
    limits = Limits(memory_ratio=0.4, slow_s=0.1, queue_depth=0)
    queue = [GaugeSample(at_s=1.0, service="model", name="queue_depth", value=1.0)]
    found = _found(_requests(1), _memory(0.5), queue, limits=limits)
    assert {*found} == {Rule.MEMORY, Rule.SLOW, Rule.QUEUE}


def test_a_monitors_requests_are_its_checks() -> None:
    """Where there is no load, health checks are what succeeds or fails."""
    probes = [
        Probe(at_s=at, check="chat", up=at % 4 > 0, took_ms=5.0 if at % 4 else None) for at in range(40)
    ]
    found = find_alerts(checks_as_requests(probes), [], [], (0.0, 40.0), Limits())
    assert [describe(alert) for alert in found] == [
        "checks: 75 % succeeded",
        "checks: 25 % failed within a window",
    ]


def test_every_alert_has_its_limit_in_words() -> None:
    """Each rule says what it allows."""
    limits = {rule: describe_limit(Alert(rule=rule, source="x", value=1, limit=0.8, at_s=0)) for rule in Rule}
    assert limits == {
        Rule.MEMORY: "at most 80 %",
        Rule.ERRORS: "at most 80 %",
        Rule.QUEUE: "at most 1",
        Rule.SLOW: "at most 0.8 s",
        Rule.SUCCESS: "at least 80 %",
        Rule.RESTARTS: "never",
        Rule.OOM: "never",
    }
    assert describe(Alert(rule=Rule.QUEUE, source="model", value=140, limit=100, at_s=0)) == (
        "model: 140 requests waited"
    )


def test_an_alert_fails_no_run() -> None:
    """A result with alerts is as valid as one without."""
    quiet, loud = make_run(), make_run(make_recording(resources=tuple(_memory(0.99))))
    assert quiet.alerts == ()
    assert [alert.rule for alert in loud.alerts or ()] == [Rule.MEMORY]
    assert loud.validity == quiet.validity
