from collections.abc import Sequence

import pytest

from bench.core.config.watching import AlertLimits
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


def _alerts(
    requests: Sequence[RequestSample] = (),
    resources: Sequence[ResourceSample] = (),
    gauges: Sequence[GaugeSample] = (),
    until_s: float = 60.0,
    limits: AlertLimits = AlertLimits(),
) -> dict[Rule, Alert]:
    alerts = find_alerts(ended_requests(Samples.of(requests)), resources, gauges, (0.0, until_s), limits)
    return {alert.rule: alert for alert in alerts}


def _memory(*shares: float) -> list[ResourceSample]:
    return [
        ResourceSample(
            at_s=at, source="model", cpu_pct=1.0, memory_bytes=int(share * 1000), memory_limit_bytes=1000
        )
        for at, share in enumerate(shares)
    ]


def test_a_run_without_fault_has_no_alert() -> None:
    """Values within all limits cause no alert."""
    assert _alerts(_requests(60), _memory(0.5, 0.8)) == {}
    assert _alerts() == {}


def test_memory_above_its_limit_is_an_alert() -> None:
    """The alert has the first time, the highest share and the number of readings above 80 %."""
    alert = _alerts(resources=_memory(0.5, 0.81, 0.95, 0.3))[Rule.MEMORY]
    assert alert == Alert(rule=Rule.MEMORY, source="model", value=0.95, limit=0.8, at_s=1.0, count=2)
    assert describe(alert) == "model: 95 % of its memory in use"


def test_memory_without_a_limit_is_no_alert() -> None:
    """A service without a memory limit never has a memory alert."""
    sample = ResourceSample(at_s=1.0, source="agent", cpu_pct=1.0, memory_bytes=10**12)
    assert _alerts(resources=[sample]) == {}


def test_errors_are_counted_in_windows() -> None:
    """30 failures in ten minutes are allowed; 30 failures in one minute are 10 % of a window."""
    spread = _requests(600, failed=range(0, 600, 20), every_s=1.0)
    assert Rule.ERRORS not in _alerts(spread, until_s=601.0)
    burst = _requests(600, failed=range(400, 430), every_s=1.0)
    alert = _alerts(burst, until_s=601.0)[Rule.ERRORS]
    assert alert.value == pytest.approx(0.1, rel=0.01)
    assert 410.0 < alert.at_s < 430.0
    assert alert.window_s is not None
    start_s, end_s = alert.window_s
    assert end_s - start_s == pytest.approx(300.0)
    assert start_s < 400.0
    assert end_s > 429.0
    assert describe(alert).endswith(f"failed from {start_s:.0f} s to {end_s:.0f} s")


def test_a_run_that_is_shorter_than_the_window_is_one_window() -> None:
    """The error ratio of a short run uses all its requests, so a failed first request alone is no alert."""
    assert Rule.ERRORS not in _alerts(_requests(40, failed=[0]), until_s=41.0)
    short = _alerts(_requests(40, failed=[0, 1, 2]), until_s=41.0)[Rule.ERRORS]
    assert short.value == pytest.approx(3 / 40)
    assert (short.at_s, short.count, short.window_s) == (41.0, 1, (0.0, 41.0))
    until_the_last_response = _alerts(_requests(40, failed=[0, 1, 2]), until_s=39.5)[Rule.ERRORS]
    assert (until_the_last_response.at_s, until_the_last_response.count) == (39.5, 1)


def test_the_success_ratio_covers_the_complete_run() -> None:
    """A success ratio of 94 % is below the limit of 95 %; 95 % is not."""
    assert Rule.SUCCESS not in _alerts(_requests(100, failed=range(5)), until_s=101.0)
    alert = _alerts(_requests(100, failed=range(6)), until_s=101.0)[Rule.SUCCESS]
    assert alert.value == pytest.approx(0.94)
    assert alert.limit == 0.95


def test_ratios_need_at_least_20_requests() -> None:
    """19 requests with failures cause no alert; 20 requests with two failures cause alerts."""
    few = _requests(FEWEST_REQUESTS - 1, failed=[3, 4, 5])
    assert _alerts(few, until_s=20.0) == {}
    enough = _requests(FEWEST_REQUESTS, failed=[3, 4])
    assert {*_alerts(enough, until_s=20.0)} == {Rule.ERRORS, Rule.SUCCESS}


def test_cancelled_requests_are_not_errors() -> None:
    """Requests that the load generator cancelled on purpose count in no ratio."""
    cancelled = [make_sample(seq, outcome=Outcome.CANCELLED) for seq in range(40)]
    assert _alerts([*cancelled, *_requests(20)]) == {}


def test_slow_requests_are_an_alert() -> None:
    """The alert has the number of requests above 30 s, the longest and the end of the first."""
    slow = [make_sample(seq, at_s=0.0, latency_ms=ms) for seq, ms in enumerate((30_000, 31_000, 45_000))]
    alert = _alerts(slow)[Rule.SLOW]
    assert (alert.value, alert.at_s, alert.count) == (45.0, 31.0, 2)
    assert describe(alert) == "requests: 2 took longer than 30 s, the longest 45.0 s"


def test_a_long_queue_is_an_alert() -> None:
    """Only the gauge `queue_depth` counts, and only above 100."""
    read = [
        GaugeSample(at_s=at, service="model", name=name, value=value)
        for at, name, value in ((1, "running", 500), (2, "queue_depth", 100), (3, "queue_depth", 140))
    ]
    alert = _alerts(gauges=read)[Rule.QUEUE]
    assert (alert.source, alert.value, alert.at_s, alert.count) == ("model", 140.0, 3.0, 1)


def test_restarts_and_kills_count_from_the_start_of_the_run() -> None:
    """Restarts and kills before the run are ignored; those during the run are counted."""
    samples = [
        ResourceSample(
            at_s=at, source="agent", cpu_pct=1.0, memory_bytes=1, restarts=restarts, oom_kills=oom_kills
        )
        for at, restarts, oom_kills in ((0, 4, 1), (1, 4, 1), (2, 5, 2), (3, 6, 2))
    ]
    assert _alerts(resources=samples[:2]) == {}
    alerts = _alerts(resources=samples)
    assert describe(alerts[Rule.RESTARTS]) == "agent: restarted 2 times"
    assert describe(alerts[Rule.OOM]) == "agent: killed once because memory ran out"
    assert alerts[Rule.RESTARTS].at_s == 2.0


def test_the_limits_of_a_stack_replace_the_defaults() -> None:
    """Limits that the stack declares replace the default limits."""
    limits = AlertLimits(memory_ratio=0.4, slow_s=0.1, queue_depth=0)
    queue = [GaugeSample(at_s=1.0, service="model", name="queue_depth", value=1.0)]
    alerts = _alerts(_requests(1), _memory(0.5), queue, limits=limits)
    assert {*alerts} == {Rule.MEMORY, Rule.SLOW, Rule.QUEUE}


def test_a_monitor_counts_health_checks_as_requests() -> None:
    """Without load, the ratios are those of the health checks."""
    probes = [
        Probe(at_s=at, check="chat", up=at % 4 > 0, took_ms=5.0 if at % 4 else None) for at in range(40)
    ]
    alerts = find_alerts(checks_as_requests(probes), [], [], (0.0, 40.0), AlertLimits())
    assert [describe(alert) for alert in alerts] == [
        "checks: 75 % of 40 succeeded",
        "checks: 25 % of 40 failed from 0 s to 40 s",
    ]


def test_every_rule_describes_its_limit() -> None:
    """`describe_limit` has a text for each rule."""
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


def test_an_alert_does_not_make_a_run_invalid() -> None:
    """A run with alerts has the same validity as a run without alerts."""
    without_alerts = make_run()
    with_alerts = make_run(make_recording(resources=tuple(_memory(0.99))))
    assert without_alerts.alerts == ()
    assert [alert.rule for alert in with_alerts.alerts or ()] == [Rule.MEMORY]
    assert with_alerts.validity == without_alerts.validity


@pytest.mark.parametrize("rule", [Rule.ERRORS, Rule.SUCCESS])
def test_a_share_of_an_unknown_number_of_requests_is_a_percentage(rule: Rule) -> None:
    """An alert that was stored without its number of requests still has its share."""
    alert = Alert(rule=rule, source="requests", value=0.125, limit=0.05, at_s=1.0, count=1)
    assert "12.5 %" in describe(alert)
