from bench.core.config.watching import Limits
from bench.core.samples.sample import HOST, GaugeSample, Probe, ResourceSample
from bench.core.watch.alerts import Rule
from bench.core.watch.monitoring import Monitoring
from tests.factories import make_use


def _monitoring(**limits: float) -> Monitoring:
    return Monitoring("embedded", 60.0, Limits.model_validate(limits))


def _used(at_s: float, source: str = "model", **changes: object) -> ResourceSample:
    return make_use(source, at_s, **{"cpu_pct": 10.0, "memory_bytes": 50} | changes)


def test_the_newest_is_shown_with_its_rates() -> None:
    """Counters become bytes per second since the reading before; a first reading has none."""
    state = _monitoring()
    state.add(_used(0.0, received_bytes=100, sent_bytes=900))
    (first,) = state.snapshot(0.5).uses
    assert (first.received_bytes_per_s, first.memory_ratio) == (None, None)
    state.add(_used(2.0, received_bytes=300, sent_bytes=10, memory_limit_bytes=200))
    (second,) = state.snapshot(2.5).uses
    assert (second.received_bytes_per_s, second.sent_bytes_per_s, second.read_bytes_per_s) == (
        100,
        None,
        None,
    )
    assert second.memory_ratio == 0.25
    state.add(_used(2.0, received_bytes=400))
    assert state.snapshot(2.5).uses[0].received_bytes_per_s is None


def test_the_machine_comes_last() -> None:
    """Services in the order of their names, then the machine."""
    state = _monitoring()
    for source in (HOST, "model", "agent", "worker"):
        state.add(_used(0.0, source))
    assert [use.sample.source for use in state.snapshot(1.0).uses] == ["agent", "model", "worker", HOST]


def test_what_is_gone_is_not_shown() -> None:
    """A service that was not read for three intervals has no place among those that run."""
    state = _monitoring()
    state.add(_used(0.0, "agent"))
    state.add(_used(5.0, "model"))
    assert [use.sample.source for use in state.snapshot(6.0).uses] == ["agent", "model"]
    assert [use.sample.source for use in state.snapshot(6.5).uses] == ["model"]


def test_checks_are_shown_as_they_are_and_as_they_were() -> None:
    """The newest probe, beside what the check found since the beginning."""
    state = _monitoring()
    for at_s, up in ((0.0, True), (2.0, False), (4.0, True)):
        state.add(Probe(at_s=at_s, check="chat", up=up, took_ms=3.0 if up else None))
    (check,) = state.snapshot(8.0).checks
    assert check.probe.up
    assert (check.so_far.asked, check.so_far.up_ratio) == (3, 0.75)


def test_gauges_have_their_highest() -> None:
    """A queue that was long and is short again is seen to have been long."""
    state = _monitoring()
    for at_s, value in ((0.0, 3.0), (2.0, 8.0), (4.0, 1.0)):
        state.add(GaugeSample(at_s=at_s, service="model", name="queue_depth", value=value))
    (gauge,) = state.snapshot(5.0).gauges
    assert (gauge.sample.value, gauge.highest) == (1.0, 8.0)


def test_an_alert_is_new_once_and_past_when_its_window_is() -> None:
    """It is told when it is first seen, stands while the window has it, grows worse, and is not forgotten."""
    state = _monitoring(error_window_s=10.0)
    state.add(_used(1.0, memory_bytes=90, memory_limit_bytes=100))
    first = state.snapshot(2.0)
    assert [alert.rule for alert in first.new_alerts] == [Rule.MEMORY]
    state.add(_used(3.0, memory_bytes=95, memory_limit_bytes=100))
    second = state.snapshot(4.0)
    assert second.new_alerts == ()
    assert [(alert.at_s, alert.value) for alert in second.alerts] == [(1.0, 0.95)]
    later = state.snapshot(20.0)
    assert later.alerts == ()
    assert [(alert.at_s, alert.value) for alert in later.past_alerts] == [(1.0, 0.95)]


def test_restarts_are_counted_since_the_beginning() -> None:
    """Each in a window of its own is not once; and those before the monitor began are not its own."""
    state = _monitoring(error_window_s=10.0)
    for at_s, restarts in ((0.0, 4), (5.0, 5), (40.0, 5), (45.0, 6), (80.0, 6), (85.0, 7)):
        state.add(_used(at_s, restarts=restarts))
        state.snapshot(at_s)
    alerts = state.snapshot(85.0).alerts
    assert [(alert.rule, alert.at_s, alert.count) for alert in alerts] == [(Rule.RESTARTS, 5.0, 3)]


def test_the_worst_success_is_the_lowest() -> None:
    """Of a share that should be high the lowest is kept."""
    state = _monitoring(error_window_s=1000.0, error_ratio=1.0)
    for at_s in range(20):
        state.add(Probe(at_s=at_s, check="chat", up=at_s >= 4))
    assert state.snapshot(20.0).alerts[0].value == 0.8
    for at_s in range(20, 25):
        state.add(Probe(at_s=at_s, check="chat", up=True))
    assert state.snapshot(25.0).alerts[0].value == 0.8


def test_without_anything_seen_there_is_nothing_to_show() -> None:
    """The machine alone, before its first reading."""
    moment = Monitoring(None, None, Limits()).snapshot(0.0)
    assert (moment.uses, moment.checks, moment.gauges, moment.alerts) == ((), (), (), ())
