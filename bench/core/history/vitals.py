"""Numbers of a run that a history keeps for charts and tables. They do not influence decisions."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from bench.core.config.load_words import scenario_in_words
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.result import RunResult
from bench.core.run.safe_load import LoadInterval, compared_load
from bench.core.run.summary import RunSummary
from bench.core.samples.metrics import RESPONSE_TIME, metric
from bench.core.samples.sample import Outcome
from bench.core.values import stats, wording
from bench.core.values.record import Count, NotNegative, Number, Record
from bench.core.watch.alerts import describe

_LATENCIES = ("e2e_ms", "ttft_ms")
_DIGITS = 2
_SHARE_DIGITS = 4
_ALMOST_ALL = 0.9999
_MOST_MESSAGES = 20  # a line of a history stays short
_MAX_TEXTS = 20  # most crossed thresholds, and most alerts

Ratio = Annotated[float, Field(ge=0, le=1)]


class LatencyPercentiles(Record):
    """Percentiles of a latency, in milliseconds; null with too few requests."""

    p50: NotNegative | None = None
    """Median."""
    p95: NotNegative | None = None
    """95th percentile."""
    p99: NotNegative | None = None
    """99th percentile."""
    lower_bounds: tuple[str, ...] = ()
    """Names of the statistics that are lower bounds, because requests were ended while they waited."""

    def text(self, name: str) -> str:
        """Return a percentile for people, such as `> 33.6 s`."""
        return wording.duration(getattr(self, name), lower_bound=name in self.lower_bounds)


class ServiceUsage(Record):
    """Resources of one service."""

    cpu_pct: Number
    """Mean use of the processor, in percent of one core."""
    memory_bytes: Count | None
    """Largest memory."""


class Vitals(Record):
    """The main numbers of a run, for people."""

    load: str
    """The load in words."""
    elapsed_s: NotNegative
    """Duration of the run in seconds."""
    requests_rps: NotNegative | None = None
    """Successful requests per second."""
    tokens_tps: NotNegative | None = None
    """Output tokens per second."""
    latencies: dict[str, LatencyPercentiles] = {}
    """Latency percentiles by metric."""
    outcomes: dict[Outcome, Count] = {}
    """Number of requests by outcome."""
    messages: dict[str, NotNegative] = {}
    """Typical response time of each message; empty with more than 20 messages, for a capacity search, and in
    lines of older versions."""
    classes: dict[str, NotNegative] = {}
    """Typical response time of each class of more than 20 messages; empty with more than 20 classes."""
    safe_load: LoadInterval | None = None
    """Interval of the safe load; null if the run is no capacity search."""
    breaks_at: str | None = None
    """Tier at which the safe load ends; null if it is unknown."""
    goodput_ratio: Ratio | None = None
    """Share of requests that met every objective; null without objectives."""
    crossed: tuple[str, ...] = ()
    """Crossed thresholds, as the scenario writes them."""
    usage: dict[str, ServiceUsage] = {}
    """Resources by service, and of the load generator."""
    up: dict[str, Ratio] = {}
    """Share of the time that each health check was up; empty without health checks."""
    alerts: tuple[str, ...] | None = None
    """Alerts, one sentence each; null if they were not checked."""


def vitals_of(result: RunResult) -> Vitals:
    """Return the main numbers of a run, rounded for people."""
    summary = result.summary
    safe = compared_load(result)
    capacity = result.capacity
    messages = {} if capacity is not None else _typical_messages(summary)
    latencies: dict[str, LatencyPercentiles] = {}
    for key in _LATENCIES:
        # Percentiles over the different loads of a search describe none of them.
        if key in summary.metrics and capacity is None:
            latencies[key] = _percentiles(summary.metrics[key])
    usage: dict[str, ServiceUsage] = {}
    for source, resources in summary.resources.items():
        cpu_pct = round(resources.cpu_pct_mean, 1)
        usage[source] = ServiceUsage(cpu_pct=cpu_pct, memory_bytes=resources.memory_bytes_max)
    return Vitals(
        load=scenario_in_words(result.scenario),
        elapsed_s=round(summary.elapsed_s, _DIGITS),
        requests_rps=_round(summary.requests_rps if capacity is None else capacity.throughput_rps),
        tokens_tps=_round(summary.tokens_tps) if capacity is None else None,
        latencies=latencies,
        outcomes=summary.outcomes,
        messages=messages if len(messages) <= _MOST_MESSAGES else {},
        classes=_typical_classes(summary, messages) if len(messages) > _MOST_MESSAGES else {},
        safe_load=None if safe is None else safe.interval,
        breaks_at=None if capacity is None else capacity.breaks_at,
        goodput_ratio=_goodput(result),
        crossed=result.crossed[:_MAX_TEXTS],
        usage=usage,
        up={check: _round_share(checked.up_ratio) for check, checked in summary.availability.items()},
        alerts=None if result.alerts is None else tuple(map(describe, result.alerts[:_MAX_TEXTS])),
    )


def _typical_messages(summary: RunSummary) -> dict[str, float]:
    """Return the typical response time of each message."""
    row = summary.metrics.get(RESPONSE_TIME)
    return {} if row is None else {name: round(value_ms, _DIGITS) for name, value_ms in row.figures.items()}


def _typical_classes(summary: RunSummary, messages: Mapping[str, float]) -> dict[str, float]:
    """Return the typical response time of each class of messages; empty if there are many classes too."""
    by_class: dict[str, list[float]] = {}
    for name, value_ms in messages.items():
        use = summary.messages.get(name)
        if use is not None:
            by_class.setdefault(use.message_class, []).append(value_ms)
    if len(by_class) > _MOST_MESSAGES:
        return {}
    start_ms = metric(RESPONSE_TIME).resolution
    return {name: round(stats.typical(values, start_ms), _DIGITS) for name, values in by_class.items()}


def _goodput(result: RunResult) -> float | None:
    """Return the goodput; None without objectives, and for a search, which tries loads that miss them."""
    goodput = result.summary.goodput
    return None if goodput is None or result.capacity is not None else round(goodput.ratio, _SHARE_DIGITS)


def _round_share(ratio: float) -> float:
    """Round a share; only a share of exactly 1 becomes 1."""
    return 1.0 if ratio >= 1.0 else min(_ALMOST_ALL, round(ratio, _SHARE_DIGITS))


def _percentiles(summary: MetricSummary) -> LatencyPercentiles:
    """Return the reliable percentiles of a latency."""
    percentiles = {"p50": summary.p50, "p95": summary.p95, "p99": summary.p99}
    for name in summary.unreliable:
        percentiles.pop(name, None)
    rounded = dict(zip(percentiles, map(_round, percentiles.values()), strict=True))
    return LatencyPercentiles(**rounded, lower_bounds=summary.lower_bounds)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
