"""The first screen of a run's page: its origin and the numbers at the top."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.report.capacity_words import describe_load, describe_range
from bench.core.report.report import Report
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.result import RunResult, environment
from bench.core.samples.metric import Metric, MetricKind, Part
from bench.core.samples.metrics import metric, request_metrics
from bench.core.values import wording
from bench.core.verdict.verdict import MetricComparison
from bench.render.html.parts import Figure


@dataclass(frozen=True, slots=True)
class Overview:
    """The first screen."""

    about: tuple[str, ...]
    """Stack, commit and time of the run."""
    figures: tuple[Figure, ...]
    """The numbers at the top."""


def make_overview(report: Report) -> Overview:
    """Return the first screen of a run's page."""
    capacity = report.result.capacity
    figures = _figures(report) if capacity is None else _capacity_figures(capacity)
    return Overview(about=tuple(_about(report.result)), figures=tuple(figures))


def _about(result: RunResult) -> Iterable[str]:
    provenance = result.provenance
    yield f"{result.fingerprint.stack} ({environment(result.fingerprint)})"
    if provenance.commit is not None:
        yield f"commit {provenance.commit[:9]}"
    yield f"{provenance.started_at:%Y-%m-%d %H:%M} UTC"


def _figures(report: Report) -> Iterable[Figure]:
    """Yield the deciding metrics, the p95 of the response time, and the number of requests."""
    summary = report.result.summary
    compared = {row.key: row for row in report.comparison.metrics if row.head is not None}
    for key in request_metrics({**summary.metrics, **compared}):
        if metric(key).part is not Part.DECIDES:
            continue
        if key in compared:
            yield _compared_figure(compared[key])
        else:
            yield _own_figure(metric(key), summary.metrics[key])
    response = summary.metrics.get("e2e_ms")
    if response is not None and response.p95 is not None:
        note = "too few requests to be reliable" if "p95" in response.unreliable else ""
        p95 = wording.duration(response.p95, lower_bound="p95" in response.lower_bounds)
        yield Figure("response time, p95", p95, note)
    rate = "" if summary.requests_rps is None else f"{wording.rate(summary.requests_rps)} answers/s"
    yield Figure("requests", f"{summary.requests:,}", rate)


def _capacity_figures(capacity: CapacityResult) -> Iterable[Figure]:
    """Yield the safe load, its throughput, the tier that breaks, and the load that brings no gain."""
    safe = capacity.safe_load
    if safe is not None:
        is_open = safe.high is None
        load = describe_load(safe.low if is_open else safe.load, capacity.unit)
        interval = f"{wording.confidence(safe.confidence)} interval: {describe_range(safe)}"
        yield Figure("safe load", f"≥ {load}" if is_open else load, "" if is_open else interval)
    if capacity.throughput_rps is not None:
        yield Figure("answers at the safe load", f"{wording.rate(capacity.throughput_rps)}/s", "")
    if capacity.breaks_at is not None:
        yield Figure("breaks at", capacity.breaks_at, "the tier that grows most")
    if capacity.no_gain_from is not None:
        yield Figure("no gain from", describe_load(capacity.no_gain_from, capacity.unit), "")


def _own_figure(row: Metric, summary: MetricSummary) -> Figure:
    if row.kind is not MetricKind.TREND:
        return Figure(row.label, wording.value(summary.mean, row.unit), _of_requests(summary.count))
    is_bound = "typical" in summary.lower_bounds
    return Figure(row.label, wording.value(summary.typical, row.unit, lower_bound=is_bound), "")


def _compared_figure(row: MetricComparison) -> Figure:
    unit = metric(row.key).unit
    note = f"baseline {row.base_text}"
    if row.change_ratio is not None:
        note = f"{wording.change(row.change_ratio)} from {row.base_text}"
    if row.head_requests is not None:
        note = f"{_of_requests(row.head_requests)}, {note}"
    head = wording.value(row.head, unit, lower_bound=row.head_bound)
    return Figure(metric(row.key).label, head, note)


def _of_requests(count: int) -> str:
    return f"of {wording.counted(count, 'request')}"
