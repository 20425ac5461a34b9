"""The state of a monitor: the newest sample of each source, and its history in numbers."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import assert_never

from bench.core.config.watching import AlertLimits
from bench.core.samples.sample import HOST, GaugeSample, Probe, ResourceSample
from bench.core.values.record import Record
from bench.core.watch.alerts import Alert, Rule, checks_as_requests, find_alerts
from bench.core.watch.availability import Availability, CheckLog

# A source that missed this many intervals is not shown any more.
_MISSED_INTERVALS = 3
_COUNTERS = {Rule.RESTARTS: "restarts", Rule.OOM: "oom_kills"}
_BYTE_COUNTERS = ("received_bytes", "sent_bytes", "read_bytes", "written_bytes")
Observation = ResourceSample | Probe | GaugeSample


class ResourceUse(Record):
    """Resources that a source uses now."""

    sample: ResourceSample
    """Newest sample."""
    received_bytes_per_s: float | None = None
    """Bytes per second from the network since the previous sample."""
    sent_bytes_per_s: float | None = None
    """Bytes per second to the network."""
    read_bytes_per_s: float | None = None
    """Bytes per second from disks."""
    written_bytes_per_s: float | None = None
    """Bytes per second to disks."""

    @property
    def memory_ratio(self) -> float | None:
        """Share of the memory limit that is in use; `None` without a limit."""
        limit = self.sample.memory_limit_bytes
        used = self.sample.memory_bytes
        return used / limit if limit and used is not None else None


class CheckState(Record):
    """A health check now and since the start."""

    probe: Probe
    """Newest probe."""
    so_far: Availability
    """Results since the start."""


class GaugeState(Record):
    """A gauge now and since the start."""

    sample: GaugeSample
    """Newest sample."""
    highest: float
    """Highest value since the start."""


class Snapshot(Record):
    """Everything that a monitor shows at one moment."""

    stack: str | None
    """Name of the stack; `None` if only the machine is watched."""
    elapsed_s: float
    """Seconds since the start."""
    planned_s: float | None
    """Planned seconds; `None` if the monitor runs until it is stopped."""
    uses: tuple[ResourceUse, ...] = ()
    """Resource use by service, the machine last."""
    checks: tuple[CheckState, ...] = ()
    """Health checks in the order of their names."""
    gauges: tuple[GaugeState, ...] = ()
    """Gauges in the order of services and names."""
    alerts: tuple[Alert, ...] = ()
    """Alerts that are active now or were within the error window."""
    past_alerts: tuple[Alert, ...] = ()
    """Earlier alerts."""
    new_alerts: tuple[Alert, ...] = ()
    """Those of `alerts` that appear for the first time."""


@dataclass(slots=True)
class Monitoring:
    """Collects observations and summarises them at any moment."""

    stack: str | None
    """Name of the stack; `None` if only the machine is watched."""
    planned_s: float | None
    """Planned seconds; `None` if the monitor runs until it is stopped."""
    limits: AlertLimits
    """Limits beyond which an alert is raised."""
    interval_s: float = 2.0
    """Seconds between two readings."""
    _recent: deque[Observation] = field(default_factory=deque, init=False)
    _uses: dict[str, ResourceUse] = field(default_factory=dict, init=False)
    _checks: dict[str, tuple[Probe, CheckLog]] = field(default_factory=dict, init=False)
    _gauges: dict[tuple[str, str], GaugeState] = field(default_factory=dict, init=False)
    _alerts: dict[tuple[Rule, str], Alert] = field(default_factory=dict, init=False)
    _increases: Counter[tuple[Rule, str]] = field(default_factory=Counter, init=False)

    def add(self, observation: Observation) -> None:
        """Add an observation that is later than the previous ones."""
        self._recent.append(observation)
        match observation:
            case ResourceSample():
                self._add_resource(observation)
            case Probe():
                self._add_probe(observation)
            case GaugeSample():
                self._add_gauge(observation)
            case _:
                assert_never(observation)

    def _add_resource(self, sample: ResourceSample) -> None:
        previous = self._uses[sample.source].sample if sample.source in self._uses else sample
        self._uses[sample.source] = _use(previous, sample)
        for rule, name in _COUNTERS.items():
            before = getattr(previous, name)
            now = getattr(sample, name)
            if before is not None and now is not None:
                self._increases[rule, sample.source] += max(0, now - before)

    def _add_probe(self, probe: Probe) -> None:
        log = self._checks[probe.check][1] if probe.check in self._checks else CheckLog()
        log.add(probe)
        self._checks[probe.check] = probe, log

    def _add_gauge(self, sample: GaugeSample) -> None:
        key = sample.service, sample.name
        highest = max(sample.value, self._gauges[key].highest) if key in self._gauges else sample.value
        self._gauges[key] = GaugeState(sample=sample, highest=highest)

    def snapshot(self, elapsed_s: float) -> Snapshot:
        """Return the state at a moment, in seconds since the start."""
        window_start_s = elapsed_s - self.limits.error_window_s
        while self._recent and self._recent[0].at_s < window_start_s:
            self._recent.popleft()
        current = self._current_alerts(window_start_s, elapsed_s)
        past = [alert for key, alert in sorted(self._alerts.items()) if key not in current]
        new: list[Alert] = []
        active: list[Alert] = []
        for key, alert in current.items():
            if key not in self._alerts:
                new.append(alert)
            self._alerts[key] = self._count_since_start(key, _worst(self._alerts.get(key), alert))
            active.append(self._alerts[key])
        checks = []
        for _, (probe, log) in sorted(self._checks.items()):
            checks.append(CheckState(probe=probe, so_far=log.until(elapsed_s)))
        return Snapshot(
            stack=self.stack,
            elapsed_s=elapsed_s,
            planned_s=self.planned_s,
            uses=self._fresh_uses(elapsed_s),
            checks=tuple(checks),
            gauges=tuple(self._gauges[key] for key in sorted(self._gauges)),
            alerts=tuple(active),
            past_alerts=tuple(past),
            new_alerts=tuple(new),
        )

    def _fresh_uses(self, elapsed_s: float) -> tuple[ResourceUse, ...]:
        oldest_s = elapsed_s - _MISSED_INTERVALS * self.interval_s
        fresh = [use for use in self._uses.values() if use.sample.at_s >= oldest_s]
        return tuple(sorted(fresh, key=lambda use: (use.sample.source == HOST, use.sample.source)))

    def _count_since_start(self, key: tuple[Rule, str], alert: Alert) -> Alert:
        """Replace the count within the window by the count since the start, for counters of services."""
        if alert.rule not in _COUNTERS:
            return alert
        count = max(alert.count, self._increases[key])
        return alert.model_copy(update={"count": count, "value": float(count)})

    def _current_alerts(self, start_s: float, end_s: float) -> dict[tuple[Rule, str], Alert]:
        probes: list[Probe] = []
        resources: list[ResourceSample] = []
        gauges: list[GaugeSample] = []
        for observation in self._recent:
            match observation:
                case Probe():
                    probes.append(observation)
                case ResourceSample():
                    resources.append(observation)
                case GaugeSample():
                    gauges.append(observation)
                case _:
                    assert_never(observation)
        period_s = (max(0.0, start_s), end_s)
        alerts = find_alerts(checks_as_requests(probes), resources, gauges, period_s, self.limits)
        return {(alert.rule, alert.source): alert for alert in alerts}


def _use(previous: ResourceSample, sample: ResourceSample) -> ResourceUse:
    elapsed_s = sample.at_s - previous.at_s
    if elapsed_s <= 0:
        return ResourceUse(sample=sample)
    rates = {}
    for name in _BYTE_COUNTERS:
        before = getattr(previous, name)
        now = getattr(sample, name)
        if before is not None and now is not None and now >= before:
            rates[f"{name}_per_s"] = (now - before) / elapsed_s
    return ResourceUse(sample=sample, **rates)


def _worst(earlier: Alert | None, alert: Alert) -> Alert:
    """Combine an alert with its earlier state: the earliest time, the worst value, the highest count."""
    if earlier is None:
        return alert
    worst = min if alert.rule is Rule.SUCCESS else max
    return alert.model_copy(
        update={
            "at_s": earlier.at_s,
            "value": worst(earlier.value, alert.value),
            "count": max(earlier.count, alert.count),
        }
    )
