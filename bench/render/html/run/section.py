"""The part of a page that shows one run."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.core.report.report import Report
from bench.core.report.reproduce import Reproduction, describe_reproduction
from bench.core.report.series import RunSeries
from bench.render.document.document import Document, error_table, make_document
from bench.render.document.table import Table
from bench.render.html.charts import Chart
from bench.render.html.parts import draw_intervals, limit_rows
from bench.render.html.raw_report import MOST_TEXT, RawReport, embed_report
from bench.render.html.run.compared import ComparedPanel, make_compared
from bench.render.html.run.distributions import Distributions, make_distributions
from bench.render.html.run.failures import FailurePanel, make_failures
from bench.render.html.run.load import LoadPanel, make_load
from bench.render.html.run.messages import MessagePanel, make_messages
from bench.render.html.run.over_time import OverTime, make_over_time
from bench.render.html.run.overview import Overview, make_overview
from bench.render.html.run.resources import Resources, make_resources
from bench.render.html.run.tiers import TierPanel, make_tiers
from bench.render.html.run.waterfall import WaterfallView, make_waterfall


@dataclass(frozen=True, slots=True)
class ContentsEntry:
    """An entry of the table of contents."""

    id: str
    """Id of the element."""
    label: str
    """Its name."""


@dataclass(frozen=True, slots=True)
class RunSection:
    """One run on a page."""

    name: str
    """Prefix of the ids of its elements."""
    document: Document
    """The contents of the report."""
    overview: Overview
    """The first screen."""
    load: LoadPanel | None
    """Results by load; None if the run has one load."""
    tiers: TierPanel | None
    """The time per tier."""
    messages: MessagePanel | None
    """The results per message."""
    compared: ComparedPanel | None
    """The deciding metrics and the thresholds."""
    over_time: OverTime | None
    """Latency, requests per second and requests in flight; None if the run's requests are not stored."""
    distributions: Distributions
    """Distribution and percentiles of each latency."""
    resources: Resources | None
    """CPU, memory and gauges; None if none was watched."""
    failures: FailurePanel
    """The failed requests."""
    numbers: tuple[Table, ...]
    """Tables that have no panel of their own."""
    waterfall: WaterfallView | None
    """Its slowest requests; None if its requests are not stored."""
    raw: RawReport
    """The report as JSON, to be copied or saved."""
    reproduction: Reproduction
    """The commands that measure the run again."""

    @property
    def charts(self) -> dict[str, Chart]:
        """The charts that the script draws, by the id of their element."""
        charts: dict[str, Chart] = {}
        for kind, of_kind in (
            ("time", self.over_time.charts if self.over_time else ()),
            ("distribution", self.distributions.main),
            ("resource", self.resources.charts if self.resources else ()),
            ("latency", self.distributions.others),
        ):
            for number, chart in enumerate(of_kind, 1):
                charts[f"{self.name}-{kind}{number}"] = chart
        return charts

    @property
    def contents(self) -> tuple[ContentsEntry, ...]:
        """The table of contents."""
        return tuple(ContentsEntry(f"{self.name}-{name}", label) for name, label in _name_parts(self))

    @property
    def has_notes(self) -> bool:
        """Whether the page has alerts, findings, warnings or advice."""
        document = self.document
        return bool(document.alerts or document.findings or document.warnings or document.advice)

    def find_part(self, *names: str) -> str | None:
        """Return the id of the first of some parts that the page has; None if it has none of them."""
        present = {entry.id for entry in self.contents}
        wanted = [f"{self.name}-{name}" for name in names]
        return next((id_ for id_ in wanted if id_ in present), None)


def _name_parts(section: RunSection) -> Iterable[tuple[str, str]]:
    yield "headline", "Verdict"
    if section.load and section.document.capacity is not None:
        yield "load", "Load"
    if section.over_time:
        yield "time1", "Over time"
    if section.distributions.main:
        yield "distribution1", "Distribution"
    yield from _name_results(section)
    if section.resources:
        yield "resources", "Resources"
    yield from _name_details(section)


def _name_results(section: RunSection) -> Iterable[tuple[str, str]]:
    if section.tiers:
        yield "tiers", "Tiers"
    if section.messages:
        yield "messages", "Messages"
    if section.load and section.document.capacity is None:
        yield "load", "Load"


def _name_details(section: RunSection) -> Iterable[tuple[str, str]]:
    if section.compared:
        yield "compared", "Metrics"
    if section.overview.failed:
        yield "failures", "Failures"
    if section.waterfall is not None:
        yield "slowest", "Slowest"
    if section.has_notes:
        yield "notes", "Warnings"
    if section.numbers:
        yield "numbers", "Numbers"
    yield "facts", "Setup"
    yield "reproduce", "Repeat"
    yield "raw", "Raw"


def make_section(name: str, report: Report, series: RunSeries, runs: int = 1) -> RunSection:
    """Return the part of a page that shows a run.

    Args:
        name: Prefix of the ids of its elements.
        report: The judged run.
        series: Its curves.
        runs: Number of runs of the page, which share its size.
    """
    document = make_document(report)
    judged = tuple(map(draw_intervals, map(limit_rows, document.judged)))
    load = make_load(report)
    errors = limit_rows(error_table(report))
    shown = (errors, *(load.tables if load else ()))
    details = tuple(map(limit_rows, document.details))
    capacity = report.result.capacity
    has_one_load = capacity is None  # response times of different loads have no common distribution
    return RunSection(
        name=name,
        document=document,
        overview=make_overview(report, series, document),
        load=load,
        tiers=make_tiers(report, judged),
        messages=make_messages(report, judged),
        compared=make_compared(report, judged),
        over_time=make_over_time(series),
        distributions=make_distributions(series) if has_one_load else Distributions((), ()),
        resources=make_resources(series, rows=1 if load else 2),  # the load needs the room of a row
        failures=make_failures(series, errors if errors.rows else None),
        numbers=tuple(table for table in details if table not in shown),
        waterfall=make_waterfall(report, series, runs),
        raw=embed_report(report.model_dump(mode="json"), MOST_TEXT // runs),
        reproduction=describe_reproduction(report),
    )
