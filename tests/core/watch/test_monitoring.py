from bench.core.config.watching import AlertLimits
from bench.core.samples.sample import HOST, GaugeSample, Probe, ResourceSample
from bench.core.watch.alerts import Rule
from bench.core.watch.monitoring import Monitoring
from tests.factories import make_use


def _monitoring(**limits: float) -> Monitoring:
    return Monitoring("embedded", 60.0, AlertLimits.model_validate(limits))


def _usage(at_s: float, source: str = "model", **changes: object) -> ResourceSample:
    return make_use(source, at_s, **{"cpu_pct": 10.0, "memory_bytes": 50} | changes)


def test_the_newest_reading_is_shown_with_its_rates() -> None:
    """Rates are the counter difference since the previous reading; the first reading has none."""
    monitoring = _monitoring()
    monitoring.add(_usage(0.0, received_bytes=100, sent_bytes=900))
    (first,) = monitoring.snapshot(0.5).uses
    assert (first.received_bytes_per_s, first.memory_ratio) == (None, None)
    monitoring.add(_usage(2.0, received_bytes=300, sent_bytes=10, memory_limit_bytes=200))
    (second,) = monitoring.snapshot(2.5).uses
    assert (second.received_bytes_per_s, second.sent_bytes_per_s, second.read_bytes_per_s) == (
        100,
        None,
        None,
    )
    assert second.memory_ratio == 0.25
    monitoring.add(_usage(2.0, received_bytes=400))
    assert monitoring.snapshot(2.5).uses[0].received_bytes_per_s is None


def test_the_machine_comes_last() -> None:
    """Services are sorted by name, and the machine follows them."""
    monitoring = _monitoring()
    for source in (HOST, "model", "agent", "worker"):
        monitoring.add(_usage(0.0, source))
    assert [use.sample.source for use in monitoring.snapshot(1.0).uses] == ["agent", "model", "worker", HOST]


def test_a_service_without_recent_readings_is_not_shown() -> None:
    """A service disappears after three intervals without a reading."""
    monitoring = _monitoring()
    monitoring.add(_usage(0.0, "agent"))
    monitoring.add(_usage(5.0, "model"))
    assert [use.sample.source for use in monitoring.snapshot(6.0).uses] == ["agent", "model"]
    assert [use.sample.source for use in monitoring.snapshot(6.5).uses] == ["model"]


def test_checks_show_the_newest_probe_and_the_availability() -> None:
    """Each check shows its newest probe and its availability since the start."""
    monitoring = _monitoring()
    for at_s, up in ((0.0, True), (2.0, False), (4.0, True)):
        monitoring.add(Probe(at_s=at_s, check="chat", up=up, took_ms=3.0 if up else None))
    (check,) = monitoring.snapshot(8.0).checks
    assert check.probe.up
    assert (check.so_far.probes, check.so_far.up_ratio) == (3, 0.75)


def test_gauges_show_their_maximum() -> None:
    """A gauge shows its newest value and the highest value so far."""
    monitoring = _monitoring()
    for at_s, value in ((0.0, 3.0), (2.0, 8.0), (4.0, 1.0)):
        monitoring.add(GaugeSample(at_s=at_s, service="model", name="queue_depth", value=value))
    (gauge,) = monitoring.snapshot(5.0).gauges
    assert (gauge.sample.value, gauge.highest) == (1.0, 8.0)


def test_an_alert_is_new_once_and_past_after_its_window() -> None:
    """A snapshot reports an alert as new once, keeps its worst value, and then as past."""
    monitoring = _monitoring(error_window_s=10.0)
    monitoring.add(_usage(1.0, memory_bytes=90, memory_limit_bytes=100))
    first = monitoring.snapshot(2.0)
    assert [alert.rule for alert in first.new_alerts] == [Rule.MEMORY]
    monitoring.add(_usage(3.0, memory_bytes=95, memory_limit_bytes=100))
    second = monitoring.snapshot(4.0)
    assert second.new_alerts == ()
    assert [(alert.at_s, alert.value) for alert in second.alerts] == [(1.0, 0.95)]
    later = monitoring.snapshot(20.0)
    assert later.alerts == ()
    assert [(alert.at_s, alert.value) for alert in later.past_alerts] == [(1.0, 0.95)]


def test_restarts_are_counted_since_the_monitor_started() -> None:
    """Restarts in different windows add up; restarts before the monitor started do not count."""
    monitoring = _monitoring(error_window_s=10.0)
    for at_s, restarts in ((0.0, 4), (5.0, 5), (40.0, 5), (45.0, 6), (80.0, 6), (85.0, 7)):
        monitoring.add(_usage(at_s, restarts=restarts))
        monitoring.snapshot(at_s)
    alerts = monitoring.snapshot(85.0).alerts
    assert [(alert.rule, alert.at_s, alert.count) for alert in alerts] == [(Rule.RESTARTS, 5.0, 3)]


def test_the_worst_success_ratio_is_the_lowest() -> None:
    """An alert about the success ratio keeps the lowest ratio."""
    monitoring = _monitoring(error_window_s=1000.0, error_ratio=1.0)
    for at_s in range(20):
        monitoring.add(Probe(at_s=at_s, check="chat", up=at_s >= 4))
    assert monitoring.snapshot(20.0).alerts[0].value == 0.8
    for at_s in range(20, 25):
        monitoring.add(Probe(at_s=at_s, check="chat", up=True))
    assert monitoring.snapshot(25.0).alerts[0].value == 0.8


def test_without_readings_a_snapshot_is_empty() -> None:
    """A snapshot before the first reading shows no services, checks, gauges or alerts."""
    snapshot = Monitoring(None, None, AlertLimits()).snapshot(0.0)
    assert (snapshot.uses, snapshot.checks, snapshot.gauges, snapshot.alerts) == ((), (), (), ())
