"""What somebody should look at, whatever the verdict: an alert is a warning and fails no run."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import numpy as np
import numpy.typing as npt

from bench.core.config.watching import Limits
from bench.core.samples.sample import GaugeSample, Outcome, Probe, ResourceSample
from bench.core.samples.samples import Samples
from bench.core.values import wording
from bench.core.values.record import Count, Number, Record

# A share of fewer requests than this says nothing.
FEWEST_REQUESTS = 20
QUEUE_DEPTH = "queue_depth"
REQUESTS, CHECKS = "requests", "checks"
Floats = npt.NDArray[np.float64]


class Rule(StrEnum):
    """What an alert is about."""

    MEMORY = "memory"
    ERRORS = "errors"
    QUEUE = "queue"
    SLOW = "slow"
    SUCCESS = "success"
    RESTARTS = "restarts"
    OOM = "oom"


class Alert(Record):
    """A limit that was passed.

    Attributes:
        rule: Which.
        source: The service, or `requests`, or the `checks` of a monitor.
        value: The worst that was seen: a share, a number, or seconds, as the limit is.
        limit: What was passed.
        at_s: When it was first passed.
        count: How often it was seen beyond the limit: samples, requests, or windows.
    """

    rule: Rule
    source: str
    value: Number
    limit: Number
    at_s: Number
    count: Count = 1


@dataclass(frozen=True, slots=True)
class Answers:
    """How requests ended, in the order of their ends; columns of one length.

    Attributes:
        finished_s: When.
        took_s: How long each took, from its planned moment.
        failed: Whether each failed.
        source: What alerts call them.
    """

    finished_s: Floats
    took_s: Floats
    failed: npt.NDArray[np.bool_]
    source: str = REQUESTS


def answers(samples: Samples) -> Answers:
    """The requests of a run that were answered or failed."""
    ended = samples.answered()
    order = np.argsort(ended.column("finished_s"), kind="stable")
    finished_s = ended.column("finished_s")[order]
    return Answers(
        finished_s=finished_s,
        took_s=finished_s - ended.column("scheduled_s")[order],
        failed=~ended.ended(Outcome.OK)[order],
    )


def answered_checks(probes: Sequence[Probe]) -> Answers:
    """Health checks in the place of requests, where there are no others."""
    return Answers(
        finished_s=np.array([probe.at_s for probe in probes], dtype=float),
        took_s=np.array([(probe.took_ms or 0.0) / 1000.0 for probe in probes], dtype=float),
        failed=np.array([not probe.up for probe in probes], dtype=bool),
        source=CHECKS,
    )


def find_alerts(
    ended: Answers,
    resources: Iterable[ResourceSample],
    gauges: Iterable[GaugeSample],
    seen_s: tuple[float, float],
    limits: Limits,
) -> tuple[Alert, ...]:
    """All alerts of what was seen, by the table in docs/reference/monitoring.md.

    Args:
        ended: Requests.
        resources: What was used.
        gauges: What services said of themselves.
        seen_s: From when until when.
        limits: From where on there is an alert.
    """
    by_source: dict[str, list[ResourceSample]] = {}
    for sample in resources:
        by_source.setdefault(sample.source, []).append(sample)
    found = [
        *_success(ended, seen_s[1], limits),
        *_errors(ended, seen_s, limits),
        *_slow(ended, limits),
        *_queue(gauges, limits),
    ]
    for source, samples in sorted(by_source.items()):
        found += _memory(source, samples, limits)
        found += _risen(Rule.RESTARTS, source, [(each.at_s, each.restarts) for each in samples])
        found += _risen(Rule.OOM, source, [(each.at_s, each.oom_kills) for each in samples])
    return tuple(found)


def _success(ended: Answers, until_s: float, limits: Limits) -> Iterator[Alert]:
    count = len(ended.failed)
    if count < FEWEST_REQUESTS:
        return
    ratio = 1.0 - float(ended.failed.mean())
    if ratio < limits.success_ratio:
        yield Alert(
            rule=Rule.SUCCESS, source=ended.source, value=ratio, limit=limits.success_ratio, at_s=until_s
        )


def _errors(ended: Answers, seen_s: tuple[float, float], limits: Limits) -> Iterator[Alert]:
    """Of all windows that lie within what was seen, each ending with a request, or with what was seen."""
    from_s, until_s = seen_s
    ends_s = np.unique(np.append(ended.finished_s, until_s))
    ends_s = ends_s[ends_s >= min(from_s + limits.error_window_s, ends_s[-1])]
    counts = _in_windows(ended.finished_s, ends_s, limits.error_window_s)
    failures = _in_windows(ended.finished_s[ended.failed], ends_s, limits.error_window_s)
    ratios = np.where(counts >= FEWEST_REQUESTS, failures / np.maximum(counts, 1), 0.0)
    yield from _beyond(Rule.ERRORS, ended.source, ends_s, ratios, limits.error_ratio)


def _in_windows(moments_s: Floats, ends_s: Floats, window_s: float) -> npt.NDArray[np.int64]:
    """How many moments lie in the window before each end, that end among them; both sorted."""
    counts = np.searchsorted(moments_s, ends_s, side="right")
    counts -= np.searchsorted(moments_s, ends_s - window_s, side="right")
    return np.asarray(counts, dtype=np.int64)


def _slow(ended: Answers, limits: Limits) -> Iterator[Alert]:
    yield from _beyond(Rule.SLOW, ended.source, ended.finished_s, ended.took_s, limits.slow_s)


def _queue(gauges: Iterable[GaugeSample], limits: Limits) -> Iterator[Alert]:
    by_service: dict[str, list[GaugeSample]] = {}
    for each in gauges:
        if each.name == QUEUE_DEPTH:
            by_service.setdefault(each.service, []).append(each)
    for service, read in sorted(by_service.items()):
        at_s, depths = [each.at_s for each in read], [each.value for each in read]
        yield from _beyond(Rule.QUEUE, service, at_s, depths, limits.queue_depth)


def _memory(source: str, samples: Sequence[ResourceSample], limits: Limits) -> Iterator[Alert]:
    limited = [
        (each.at_s, each.memory_bytes / each.memory_limit_bytes)
        for each in samples
        if each.memory_limit_bytes
    ]
    at_s, shares = [each[0] for each in limited], [each[1] for each in limited]
    yield from _beyond(Rule.MEMORY, source, at_s, shares, limits.memory_ratio)


def _beyond(
    rule: Rule, source: str, at_s: Sequence[float] | Floats, values: Sequence[float] | Floats, limit: float
) -> Iterator[Alert]:
    beyond = np.flatnonzero(np.asarray(values) > limit)
    if len(beyond):
        worst = float(np.max(values))
        first_s = float(at_s[beyond[0]])
        yield Alert(rule=rule, source=source, value=worst, limit=limit, at_s=first_s, count=len(beyond))


def _risen(rule: Rule, source: str, seen: Sequence[tuple[float, int | None]]) -> Iterator[Alert]:
    """What happened before the run is not the run's."""
    known = [(at_s, count) for at_s, count in seen if count is not None]
    higher = [(at_s, count) for at_s, count in known if count > known[0][1]]
    if higher:
        more = max(count for _, count in higher) - known[0][1]
        yield Alert(rule=rule, source=source, value=more, limit=0, at_s=higher[0][0], count=more)


def said(alert: Alert) -> str:
    """An alert as a sentence without its end."""
    match alert.rule:
        case Rule.MEMORY:
            text = f"{wording.percent(alert.value)} of its memory in use"
        case Rule.ERRORS:
            text = f"{wording.percent(alert.value)} failed within a window"
        case Rule.QUEUE:
            text = f"{alert.value:,.0f} requests waited"
        case Rule.SLOW:
            text = f"{alert.count:,} took longer than {alert.limit:g} s, the longest {alert.value:.1f} s"
        case Rule.SUCCESS:
            text = f"{wording.percent(alert.value)} succeeded"
        case Rule.RESTARTS:
            text = f"started again {_times(alert.count)}"
        case Rule.OOM:
            text = f"ended for want of memory {_times(alert.count)}"
        case _:
            assert_never(alert.rule)
    return f"{alert.source}: {text}"


def said_limit(alert: Alert) -> str:
    """The limit of an alert, in words."""
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


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
