"""Alerts: limits that a stack exceeded. An alert is a warning and never fails a run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import numpy as np
import numpy.typing as npt

from bench.core.config.watching import AlertLimits
from bench.core.samples.sample import QUEUE_DEPTH, GaugeSample, Outcome, Probe, ResourceSample
from bench.core.samples.samples import Samples
from bench.core.values import wording
from bench.core.values.record import Count, Number, Record

FEWEST_REQUESTS = 20
"""A share of fewer requests raises no alert."""
REQUESTS = "requests"
CHECKS = "checks"
Floats = npt.NDArray[np.float64]


class Rule(StrEnum):
    """The subject of an alert."""

    MEMORY = "memory"
    ERRORS = "errors"
    QUEUE = "queue"
    SLOW = "slow"
    SUCCESS = "success"
    RESTARTS = "restarts"
    OOM = "oom"


class Alert(Record):
    """A limit that was exceeded."""

    rule: Rule
    """Subject of the alert."""
    source: str
    """Name of the service, `requests`, or `checks` for a monitor."""
    value: Number
    """Worst value: a ratio, a number or seconds, in the unit of the limit."""
    limit: Number
    """Limit that was exceeded."""
    at_s: Number
    """Time at which it was first exceeded, in seconds since the start."""
    count: Count = 1
    """Number of samples, requests or windows beyond the limit."""
    requests: Count | None = None
    """Number of requests of which the value is a share; null if it is none."""
    window_s: tuple[Number, Number] | None = None
    """Start and end of the time with the value, in seconds since the start; null if it has no length."""


@dataclass(frozen=True, slots=True)
class EndedRequests:
    """Requests in the order in which they ended, as columns of equal length."""

    finished_s: Floats
    """End of each request, in seconds since the start."""
    took_s: Floats
    """Seconds from the planned time to the end."""
    failed: npt.NDArray[np.bool_]
    """True for each request that failed."""
    source: str = REQUESTS
    """Source that alerts name."""


def ended_requests(samples: Samples) -> EndedRequests:
    """Return the requests of a run that were answered or failed."""
    answered = samples.without_cancelled()
    order = np.argsort(answered.column("finished_s"), kind="stable")
    finished_s = answered.column("finished_s")[order]
    return EndedRequests(
        finished_s=finished_s,
        took_s=finished_s - answered.column("scheduled_s")[order],
        failed=~answered.has_outcome(Outcome.OK)[order],
    )


def checks_as_requests(probes: Sequence[Probe]) -> EndedRequests:
    """Return health checks in the form of requests, for a monitor, which sends no others."""
    rows = [(probe.at_s, (probe.took_ms or 0.0) / 1000.0, not probe.up) for probe in probes]
    table = np.array(rows, dtype=float).reshape(-1, 3)
    return EndedRequests(
        finished_s=table[:, 0], took_s=table[:, 1], failed=table[:, 2].astype(bool), source=CHECKS
    )


def find_alerts(
    requests: EndedRequests,
    resources: Iterable[ResourceSample],
    gauges: Iterable[GaugeSample],
    period_s: tuple[float, float],
    limits: AlertLimits,
) -> tuple[Alert, ...]:
    """Return all alerts of a period; docs/reference/monitoring.md has the table of rules.

    Args:
        requests: Requests that ended in the period.
        resources: Resource samples of the period, of any source.
        gauges: Gauge samples of the period, of any service.
        period_s: Start and end of the period, in seconds.
        limits: Limits beyond which an alert is raised.
    """
    by_source: dict[str, list[ResourceSample]] = {}
    for sample in resources:
        by_source.setdefault(sample.source, []).append(sample)
    alerts = [
        *_success(requests, period_s[1], limits),
        *_errors(requests, period_s, limits),
        *_slow(requests, limits),
        *_queue(gauges, limits),
    ]
    for source, samples in sorted(by_source.items()):
        alerts += _memory(source, samples, limits)
        alerts += _increase(Rule.RESTARTS, source, [(sample.at_s, sample.restarts) for sample in samples])
        alerts += _increase(Rule.OOM, source, [(sample.at_s, sample.oom_kills) for sample in samples])
    return tuple(alerts)


def _success(requests: EndedRequests, end_s: float, limits: AlertLimits) -> Iterator[Alert]:
    if len(requests.failed) < FEWEST_REQUESTS:
        return
    ratio = 1.0 - float(requests.failed.mean())
    if ratio < limits.success_ratio:
        yield Alert(
            rule=Rule.SUCCESS,
            source=requests.source,
            value=ratio,
            limit=limits.success_ratio,
            at_s=end_s,
            requests=len(requests.failed),
        )


def _errors(requests: EndedRequests, period_s: tuple[float, float], limits: AlertLimits) -> Iterator[Alert]:
    """Look at every window within the period that ends with a request or with the period."""
    start_s, end_s = period_s
    window_s = limits.error_window_s
    ends_s = np.unique(np.append(requests.finished_s, end_s))
    first_end_s = min(start_s + window_s, ends_s[-1])
    ends_s = ends_s[ends_s >= first_end_s]
    counts = _count_in_windows(requests.finished_s, ends_s, window_s)
    failures = _count_in_windows(requests.finished_s[requests.failed], ends_s, window_s)
    ratios = np.where(counts >= FEWEST_REQUESTS, failures / np.maximum(counts, 1), 0.0)
    worst = int(np.argmax(ratios))
    worst_s = (max(start_s, float(ends_s[worst]) - window_s), float(ends_s[worst]))
    changes = {"requests": int(counts[worst]), "window_s": worst_s}
    for alert in _exceeded(Rule.ERRORS, requests.source, ends_s, ratios, limits.error_ratio):
        yield alert.model_copy(update=changes)


def _count_in_windows(moments_s: Floats, ends_s: Floats, window_s: float) -> npt.NDArray[np.int64]:
    """Count the moments in the half-open window (end - length, end] of each end; both arrays are sorted."""
    until_end = np.searchsorted(moments_s, ends_s, side="right")
    until_start = np.searchsorted(moments_s, ends_s - window_s, side="right")
    return np.asarray(until_end - until_start, dtype=np.int64)


def _slow(requests: EndedRequests, limits: AlertLimits) -> Iterator[Alert]:
    yield from _exceeded(Rule.SLOW, requests.source, requests.finished_s, requests.took_s, limits.slow_s)


def _queue(gauges: Iterable[GaugeSample], limits: AlertLimits) -> Iterator[Alert]:
    by_service: dict[str, tuple[list[float], list[float]]] = {}
    for gauge in gauges:
        if gauge.name == QUEUE_DEPTH:
            at_s, depths = by_service.setdefault(gauge.service, ([], []))
            at_s.append(gauge.at_s)
            depths.append(gauge.value)
    for service, (at_s, depths) in sorted(by_service.items()):
        yield from _exceeded(Rule.QUEUE, service, at_s, depths, limits.queue_depth)


def _memory(source: str, samples: Sequence[ResourceSample], limits: AlertLimits) -> Iterator[Alert]:
    at_s: list[float] = []
    ratios: list[float] = []
    for sample in samples:
        if sample.memory_limit_bytes and sample.memory_bytes is not None:
            at_s.append(sample.at_s)
            ratios.append(sample.memory_bytes / sample.memory_limit_bytes)
    yield from _exceeded(Rule.MEMORY, source, at_s, ratios, limits.memory_ratio)


def _exceeded(
    rule: Rule, source: str, at_s: Sequence[float] | Floats, values: Sequence[float] | Floats, limit: float
) -> Iterator[Alert]:
    beyond = np.flatnonzero(np.asarray(values) > limit)
    if len(beyond):
        worst = float(np.max(values))
        first_s = float(at_s[beyond[0]])
        yield Alert(rule=rule, source=source, value=worst, limit=limit, at_s=first_s, count=len(beyond))


def _increase(rule: Rule, source: str, readings: Sequence[tuple[float, int | None]]) -> Iterator[Alert]:
    """Report a counter that rose after its first reading; the count before the run is not the run's."""
    first: int | None = None
    highest = 0
    rose_at_s: float | None = None
    for at_s, count in readings:
        if count is None:
            continue
        if first is None:
            first = highest = count
        elif count > first and rose_at_s is None:
            rose_at_s = at_s
        highest = max(highest, count)
    if first is not None and rose_at_s is not None:
        increase = highest - first
        yield Alert(rule=rule, source=source, value=increase, limit=0, at_s=rose_at_s, count=increase)


def describe(alert: Alert) -> str:
    """Return an alert as a sentence without a full stop: `model: 85 % of its memory in use`."""
    match alert.rule:
        case Rule.MEMORY:
            text = f"{wording.percent(alert.value)} of its memory in use"
        case Rule.ERRORS:
            text = f"{_share(alert)} failed {_describe_window(alert)}"
        case Rule.QUEUE:
            text = f"{alert.value:,.0f} requests waited"
        case Rule.SLOW:
            text = f"{alert.count:,} took longer than {alert.limit:g} s, the longest {alert.value:.1f} s"
        case Rule.SUCCESS:
            text = f"{_share(alert)} succeeded"
        case Rule.RESTARTS:
            text = f"restarted {_times(alert.count)}"
        case Rule.OOM:
            text = f"killed {_times(alert.count)} because memory ran out"
        case _:
            assert_never(alert.rule)
    return f"{alert.source}: {text}"


def describe_limit(alert: Alert) -> str:
    """Return the limit of an alert in words: `at most 80 %`."""
    match alert.rule:
        case Rule.MEMORY | Rule.ERRORS:
            return f"at most {wording.percent(alert.limit)}"
        case Rule.SUCCESS:
            return f"at least {wording.percent(alert.limit)}"
        case Rule.QUEUE:
            return f"at most {alert.limit:,.0f}"
        case Rule.SLOW:
            return f"at most {alert.limit:g} s"
        case Rule.RESTARTS | Rule.OOM:
            return "never"
        case _:
            assert_never(alert.rule)


def _share(alert: Alert) -> str:
    if alert.requests is None:
        return wording.percent(alert.value)
    return wording.short_share(alert.value, alert.requests)


def _describe_window(alert: Alert) -> str:
    """Return when a share was reached; an alert of an older version does not know it."""
    if alert.window_s is None:
        return "in the worst window"
    start_s, end_s = alert.window_s
    return f"from {start_s:.0f} s to {end_s:.0f} s"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
