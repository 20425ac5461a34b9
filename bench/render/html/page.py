"""A report as one HTML file: nothing is loaded, and it reads without its script as well."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from bench.core.report.report import Report
from bench.core.report.series import RunSeries
from bench.core.report.suite import SuiteReport
from bench.core.report.timeline import Period
from bench.core.run.result import RunResult, environment
from bench.core.samples.metric import MetricKind, Part
from bench.core.samples.metrics import METRICS, metric
from bench.core.values import wording
from bench.core.verdict.verdict import MetricComparison
from bench.render.document.document import Document, make_document
from bench.render.document.format import RunInput, SuiteInput
from bench.render.html.charts import Chart, against_load, course, spread
from bench.render.html.figures import Bar, where_time_goes
from bench.render.html.parts import ENVIRONMENT, Figure, Judged, Parts, drawn, embedded, judged, shipped


@dataclass(frozen=True, slots=True)
class Section:
    """One run on a page.

    Attributes:
        name: Begins the ids of its elements.
        about: Which run it is, part by part.
        document: What every format says.
        figures: What sums it up.
        judged: The tables that decided it.
        bars: Where the time goes.
        spread: Charts of how latencies spread.
        course: Charts over time.
        phases: When each stage sent requests.
        outages: When something was down.
        kept: Whether there are requests to draw over time.
        raw: The numbers, to be copied.
    """

    name: str
    about: tuple[str, ...]
    document: Document
    figures: tuple[Figure, ...]
    judged: tuple[Judged, ...]
    bars: tuple[Bar, ...]
    spread: tuple[Chart, ...]
    course: tuple[Chart, ...]
    phases: tuple[Period, ...]
    outages: tuple[Period, ...]
    kept: bool
    raw: Markup


def render_run(run: RunInput) -> Iterator[str]:
    """Yield the page of a run."""
    yield render_page(run.report, run.series()) + "\n"


def render_suite(suite: SuiteInput) -> Iterator[str]:
    """Yield the page of a suite."""
    yield render_suite_page(suite.report, suite.series()) + "\n"


def render_page(report: Report, series: RunSeries, parts: Parts | None = None) -> str:
    """The report as a page.

    Args:
        report: What to say.
        series: What to draw.
        parts: Style and script; None for those of the package.
    """
    document = make_document(report)
    title = f"{document.decision.upper()} {document.scenario}: {document.headline}"
    return _page(title, [_section("run", report, series)], parts or shipped())


def render_suite_page(suite: SuiteReport, series: Sequence[RunSeries], parts: Parts | None = None) -> str:
    """The decision on several runs, then each of them.

    Args:
        suite: What to say.
        series: What to draw of each of its reports.
        parts: As of a single page.
    """
    each = enumerate(zip(suite.reports, series, strict=True), 1)
    sections = [_section(f"run{number}", report, drawn) for number, (report, drawn) in each]
    title = f"{suite.decision.upper()} {suite.headline}"
    return _page(title, sections, parts or shipped(), suite)


def _page(title: str, sections: Sequence[Section], parts: Parts, suite: SuiteReport | None = None) -> str:
    charts = {
        f"{section.name}-{kind}{number}": drawn(chart)
        for section in sections
        for kind, several in (("spread", section.spread), ("course", section.course))
        for number, chart in enumerate(several, 1)
    }
    return ENVIRONMENT.get_template("page.html.j2").render(
        title=title,
        sections=sections,
        suite=suite,
        style=Markup(parts.style),  # noqa: S704 - the package's own files
        script=Markup(parts.script),  # noqa: S704 - likewise
        policy=policy(parts),
        charts=embedded(charts),
    )


def policy(parts: Parts) -> str:
    """What a browser may do with the page: run this one script, and load nothing.

    The script is known by its digest, so that another one would not run even if it got into the page.
    """
    script, style = _digest(parts.script), _digest(parts.style)
    return f"default-src 'none'; script-src {script}; style-src {style}; img-src data:"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _section(name: str, report: Report, series: RunSeries) -> Section:
    document = make_document(report)
    return Section(
        name=name,
        about=tuple(_about(report.result)),
        document=document,
        figures=tuple(_figures(report)),
        judged=tuple(judged(table) for table in document.judged),
        bars=where_time_goes(report),
        spread=(*spread(series), *against_load(report.result.summary.bottleneck)),
        course=course(series),
        phases=series.timeline.phases if series.timeline else (),
        outages=series.timeline.outages if series.timeline else (),
        kept=series.timeline is not None,
        raw=escape(json.dumps(report.model_dump(mode="json"), indent=1)),
    )


def _about(result: RunResult) -> Iterable[str]:
    made = result.provenance
    yield f"{result.fingerprint.stack} ({environment(result.fingerprint)})"
    if made.commit is not None:
        yield f"commit {made.commit[:9]}"
    yield f"{made.started_at:%Y-%m-%d %H:%M} UTC"


def _figures(report: Report) -> Iterable[Figure]:
    """What is read first: what decides, then how many requests that stands for."""
    summary, compared = report.result.summary, {each.key: each for each in report.comparison.metrics}
    for key in (key for key, row in METRICS.items() if row.part is Part.DECIDES):
        if key in compared and compared[key].head is not None:
            yield _figure(compared[key])
        elif key in summary.metrics:
            own = summary.metrics[key]
            value = own.typical if metric(key).kind is MetricKind.TREND else own.mean
            yield Figure(metric(key).label, wording.value(value, metric(key).unit), "")
    response = summary.metrics.get("e2e_ms")
    if response is not None and response.p95 is not None:
        note = "too few requests to be certain" if "p95" in response.unreliable else ""
        yield Figure("response time, p95", wording.duration(response.p95), note)
    rate = "" if summary.requests_rps is None else f"{summary.requests_rps:,.3g} answers/s"
    yield Figure("requests", f"{summary.requests:,}", rate)


def _figure(each: MetricComparison) -> Figure:
    row = metric(each.key)
    base = wording.value(each.base, row.unit)
    note = (
        f"baseline {base}"
        if each.change_ratio is None
        else f"{wording.change(each.change_ratio)} from {base}"
    )
    return Figure(row.label, wording.value(each.head, row.unit), note)
