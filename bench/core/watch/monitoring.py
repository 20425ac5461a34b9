"""What a monitor shows: the newest of each thing that is watched, and what it came to so far."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import assert_never

from bench.core.config.watching import Limits
from bench.core.samples.sample import HOST, GaugeSample, Probe, ResourceSample
from bench.core.values.record import Record
from bench.core.watch.alerts import Alert, Rule, answered_checks, find_alerts
from bench.core.watch.availability import Availability, CheckLog

# What was not read for so many intervals is gone, and is not shown as if it were there.
_MISSED = 3
# What services count themselves, by the name of its field.
_COUNTED = {Rule.RESTARTS: "restarts", Rule.OOM: "oom_kills"}
Seen = ResourceSample | Probe | GaugeSample


class Use(Record):
    """What a source uses now: its newest sample, and bytes per second since the one before it."""

    sample: ResourceSample
    received_bytes_per_s: float | None = None
    sent_bytes_per_s: float | None = None
    read_bytes_per_s: float | None = None
    written_bytes_per_s: float | None = None

    @property
    def memory_ratio(self) -> float | None:
        """Share of its limit that is in use; None where it has none."""
        limit = self.sample.memory_limit_bytes
        return self.sample.memory_bytes / limit if limit else None


class Checked(Record):
    """A check: its newest probe, and what it found since the beginning."""

    probe: Probe
    so_far: Availability


class Gauged(Record):
    """A gauge: its newest value, and the highest."""

    sample: GaugeSample
    most: float


class Moment(Record):
    """All that is known at a moment.

    Attributes:
        target: Name of the stack; None when only the machine is watched.
        elapsed_s: Since the beginning.
        planned_s: How long it goes on; None until it is ended.
        uses: By service, the machine last.
        checks: In the order of their names.
        gauges: Likewise, by service.
        alerts: What is beyond its limit now, or was within the window of errors.
        past_alerts: What was before that.
        new_alerts: Those of `alerts` that were never before.
    """

    target: str | None
    elapsed_s: float
    planned_s: float | None
    uses: tuple[Use, ...] = ()
    checks: tuple[Checked, ...] = ()
    gauges: tuple[Gauged, ...] = ()
    alerts: tuple[Alert, ...] = ()
    past_alerts: tuple[Alert, ...] = ()
    new_alerts: tuple[Alert, ...] = ()


@dataclass(slots=True)
class Monitoring:
    """Takes what is seen.

    Attributes:
        target: Name of the stack; None when only the machine is watched.
        planned_s: How long it goes on; None until it is ended.
        limits: From where on there is an alert.
        interval_s: Between two readings.
    """

    target: str | None
    planned_s: float | None
    limits: Limits
    interval_s: float = 2.0
    _recent: deque[Seen] = field(default_factory=deque, init=False)
    _uses: dict[str, Use] = field(default_factory=dict, init=False)
    _checks: dict[str, tuple[Probe, CheckLog]] = field(default_factory=dict, init=False)
    _gauges: dict[tuple[str, str], Gauged] = field(default_factory=dict, init=False)
    _alerts: dict[tuple[Rule, str], Alert] = field(default_factory=dict, init=False)
    _risen: Counter[tuple[Rule, str]] = field(default_factory=Counter, init=False)

    def add(self, seen: Seen) -> None:
        """Take what was seen, later than what was before."""
        self._recent.append(seen)
        match seen:
            case ResourceSample():
                before = self._uses[seen.source].sample if seen.source in self._uses else seen
                self._uses[seen.source] = _use(before, seen)
                self._count(before, seen)
            case Probe():
                log = self._checks[seen.check][1] if seen.check in self._checks else CheckLog()
                log.add(seen)
                self._checks[seen.check] = seen, log
            case GaugeSample():
                key = seen.service, seen.name
                most = max(seen.value, self._gauges[key].most) if key in self._gauges else seen.value
                self._gauges[key] = Gauged(sample=seen, most=most)
            case _:
                assert_never(seen)

    def moment(self, elapsed_s: float) -> Moment:
        """What is known now."""
        begin_s = elapsed_s - self.limits.error_window_s
        while self._recent and self._recent[0].at_s < begin_s:
            self._recent.popleft()
        current = self._current(begin_s, elapsed_s)
        past = [alert for key, alert in sorted(self._alerts.items()) if key not in current]
        new = [alert for key, alert in current.items() if key not in self._alerts]
        for key, alert in current.items():
            self._alerts[key] = self._in_all(key, _worse(self._alerts.get(key), alert))
        fresh_s = elapsed_s - _MISSED * self.interval_s
        fresh = [use for use in self._uses.values() if use.sample.at_s >= fresh_s]
        uses = sorted(fresh, key=lambda use: (use.sample.source == HOST, use.sample.source))
        return Moment(
            target=self.target,
            elapsed_s=elapsed_s,
            planned_s=self.planned_s,
            uses=tuple(uses),
            checks=tuple(
                Checked(probe=probe, so_far=log.until(elapsed_s))
                for _, (probe, log) in sorted(self._checks.items())
            ),
            gauges=tuple(gauge for _, gauge in sorted(self._gauges.items())),
            alerts=tuple(self._alerts[key] for key in current),
            past_alerts=tuple(past),
            new_alerts=tuple(new),
        )

    def _count(self, before: ResourceSample, now: ResourceSample) -> None:
        for rule, name in _COUNTED.items():
            earlier, later = getattr(before, name), getattr(now, name)
            if earlier is not None and later is not None:
                self._risen[rule, now.source] += max(0, later - earlier)

    def _in_all(self, key: tuple[Rule, str], alert: Alert) -> Alert:
        """Of what services count, all since the beginning: a window has only its own."""
        if alert.rule not in _COUNTED:
            return alert
        count = max(alert.count, self._risen[key])
        return alert.model_copy(update={"count": count, "value": float(count)})

    def _current(self, begin_s: float, elapsed_s: float) -> dict[tuple[Rule, str], Alert]:
        """Alerts of the window that ends now."""
        found = find_alerts(
            answered_checks([each for each in self._recent if isinstance(each, Probe)]),
            [each for each in self._recent if isinstance(each, ResourceSample)],
            [each for each in self._recent if isinstance(each, GaugeSample)],
            (max(0.0, begin_s), elapsed_s),
            self.limits,
        )
        return {(alert.rule, alert.source): alert for alert in found}


def _use(before: ResourceSample, now: ResourceSample) -> Use:
    if now.at_s <= before.at_s:
        return Use(sample=now)
    names = ("received_bytes", "sent_bytes", "read_bytes", "written_bytes")
    pairs = {name: (getattr(before, name), getattr(now, name)) for name in names}
    passed_s = now.at_s - before.at_s
    return Use(
        sample=now,
        **{
            f"{name}_per_s": (later - earlier) / passed_s
            for name, (earlier, later) in pairs.items()
            if earlier is not None and later is not None and later >= earlier
        },
    )


def _worse(known: Alert | None, alert: Alert) -> Alert:
    """An alert as it began and as bad as it was."""
    if known is None:
        return alert
    worst = min if alert.rule is Rule.SUCCESS else max
    return alert.model_copy(
        update={
            "at_s": known.at_s,
            "value": worst(known.value, alert.value),
            "count": max(known.count, alert.count),
        }
    )
