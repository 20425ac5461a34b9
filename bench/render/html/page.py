"""The format `html`: a report as one file that loads nothing and can be read without its script."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from bench.core.capacity.capacity_result import CapacityResult
from bench.core.report.capacity_words import describe_load, describe_range
from bench.core.report.report import Report
from bench.core.report.series import RunSeries
from bench.core.report.suite import SuiteReport
from bench.core.report.timeline import Period
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.result import RunResult, environment
from bench.core.samples.metric import Metric, MetricKind, Part
from bench.core.samples.metrics import metric, request_metrics
from bench.core.values import wording
from bench.core.verdict.verdict import MetricComparison
from bench.render.document.document import Document, make_document
from bench.render.document.format import RunInput, SuiteInput
from bench.render.html.capacity_curves import draw_curves
from bench.render.html.charts import Chart, distribution_charts, load_charts, time_charts
from bench.render.html.figures import Bar, tier_bars
from bench.render.html.load_curve import LoadCurve
from bench.render.html.parts import (
    ENVIRONMENT,
    Assets,
    DrawnTable,
    Figure,
    chart_data,
    draw_intervals,
    embed_json,
    load_assets,
)


@dataclass(frozen=True, slots=True)
class RunSection:
    """One run on a page."""

    name: str
    """Prefix of the ids of its elements."""
    about: tuple[str, ...]
    """Stack, commit and time of the run."""
    document: Document
    """The contents of the report."""
    figures: tuple[Figure, ...]
    """The numbers at the top."""
    curves: tuple[LoadCurve, ...]
    """The curves of a capacity search; empty if the run has a load of its own."""
    judged: tuple[DrawnTable, ...]
    """The tables that decided it."""
    bars: tuple[Bar, ...]
    """The tiers' times."""
    distributions: tuple[Chart, ...]
    """Charts of distributions, and of the response time at each load."""
    over_time: tuple[Chart, ...]
    """Charts over time."""
    phases: tuple[Period, ...]
    """Period of each phase."""
    faults: tuple[Period, ...]
    """Periods of the faults that the scenario declares."""
    outages: tuple[Period, ...]
    """Periods in which a health check failed."""
    has_requests: bool
    """The run's requests are stored, so that charts over time can be drawn."""
    raw: Markup
    """The report as JSON, to be copied."""


def render_run(run: RunInput) -> Iterator[str]:
    """Yield the page of a run."""
    yield render_page(run.report, run.series()) + "\n"


def render_suite(suite: SuiteInput) -> Iterator[str]:
    """Yield the page of a suite."""
    yield render_suite_page(suite.report, suite.series()) + "\n"


def render_page(report: Report, series: RunSeries, assets: Assets | None = None) -> str:
    """Return the page of a run.

    Args:
        report: The judged run.
        series: Its curves.
        assets: Style and script; None for those of the package.
    """
    title = f"{report.word.text.upper()} {report.result.scenario.name}: {report.headline}"
    return _render(title, [_make_section("run", report, series)], assets or load_assets())


def render_suite_page(suite: SuiteReport, series: Sequence[RunSeries], assets: Assets | None = None) -> str:
    """Return the page of a suite: the decision on all runs, then each run.

    Args:
        suite: The judged suite.
        series: The curves of each run, in the order of `suite.reports`.
        assets: Style and script; None for those of the package.
    """
    sections = []
    for number, (report, curves) in enumerate(zip(suite.reports, series, strict=True), 1):
        sections.append(_make_section(f"run{number}", report, curves))
    title = f"{suite.word.text.upper()} {suite.headline}"
    return _render(title, sections, assets or load_assets(), suite)


def _render(
    title: str, sections: Sequence[RunSection], assets: Assets, suite: SuiteReport | None = None
) -> str:
    charts = {}
    for section in sections:
        for number, chart in enumerate(section.distributions, 1):
            charts[f"{section.name}-distribution{number}"] = chart_data(chart)
        for number, chart in enumerate(section.over_time, 1):
            charts[f"{section.name}-time{number}"] = chart_data(chart)
    return ENVIRONMENT.get_template("page.html.j2").render(
        title=title,
        sections=sections,
        suite=suite,
        style=Markup(assets.style),  # noqa: S704 - the package's own files
        script=Markup(assets.script),  # noqa: S704 - likewise
        policy=content_security_policy(assets),
        charts=embed_json(charts),
    )


def content_security_policy(assets: Assets) -> str:
    """Return a policy that allows this script and this style, by their digests, and loads nothing.

    Another script does not run, even if it gets into the page.
    """
    return (
        f"default-src 'none'; script-src {_digest(assets.script)}; "
        f"style-src {_digest(assets.style)}; img-src data:"
    )


def _digest(text: str) -> str:
    sha256 = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(sha256).decode()}'"


def _make_section(name: str, report: Report, series: RunSeries) -> RunSection:
    document = make_document(report)
    timeline = series.timeline
    capacity = report.result.capacity
    distributions: tuple[Chart, ...] = ()
    if capacity is None:  # response times of different loads have no common distribution
        distributions = (*distribution_charts(series), *load_charts(report.result.summary.bottleneck))
    return RunSection(
        name=name,
        about=tuple(_about(report.result)),
        document=document,
        figures=tuple(_figures(report) if capacity is None else _capacity_figures(capacity)),
        curves=() if capacity is None else draw_curves(capacity),
        judged=tuple(map(draw_intervals, document.judged)),
        bars=tier_bars(report) if capacity is None else (),
        distributions=distributions,
        over_time=time_charts(series),
        phases=timeline.phases if timeline else (),
        outages=timeline.outages if timeline else (),
        faults=timeline.faults if timeline else (),
        has_requests=timeline is not None,
        raw=escape(json.dumps(report.model_dump(mode="json"), indent=1)),
    )


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
