"""A report as one HTML file: nothing is loaded, and it reads without its script as well."""

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import zip_longest

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bench.core import wording
from bench.core.compare import Decision
from bench.core.metrics import METRICS, Kind, Part, hop_name, metric
from bench.core.report import Report
from bench.core.result import RunResult, environment
from bench.core.series import Series
from bench.core.suite import SuiteReport
from bench.core.timeline import Period
from bench.core.verdict import MetricComparison
from bench.render.charts import Chart, against_load, course, spread
from bench.render.document import Document, Table, make_document
from bench.render.figures import Bar, Interval, intervals, where_time_goes

# A shape for each decision, because a colour alone does not tell everybody.
_MARKS = {Decision.PASS: "✓", Decision.FAIL: "✕", Decision.UNDECIDED: "?", Decision.INVALID: "–"}  # noqa: RUF001
_CELLS = {"~": "no change seen"}
_TONES = {"regressed": "bad", "crossed": "bad", "missing": "bad", "improved": "good"}
_NAME = re.compile(r"`([A-Za-z0-9._-]+)`")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s|MB)(?!\w))")
_SIGNS = frozenset({"+", wording.MINUS, wording.DASH})
_LONG, _LONGEST = 40, 1_000  # characters of a cell that is broken into lines, and of any text
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})  # of Unicode
_LIBRARY = "vendor/uplot"


@dataclass(frozen=True, slots=True)
class Parts:
    """What is put into every page, word for word.

    Attributes:
        style: Its style sheets.
        script: What draws its charts.
    """

    style: str
    script: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that sums the run up, for the top of the page."""

    label: str
    text: str
    note: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A table with an interval for each of its rows; without any where it compares nothing."""

    table: Table
    intervals: tuple[Interval | None, ...]
    tiers: bool


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
        stages: When each stage sent requests.
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
    stages: tuple[Period, ...]
    outages: tuple[Period, ...]
    kept: bool
    raw: Markup


def shipped() -> Parts:
    """The style and the script that come with the package."""
    here = files("bench.render")
    library, own = here / _LIBRARY, here / "templates"
    styles = (library / "uPlot.min.css", own / "page.css")
    scripts = (library / "uPlot.iife.min.js", own / "page.js")
    return Parts(
        style="\n".join(each.read_text(encoding="utf-8").strip() for each in styles),
        script="\n".join(each.read_text(encoding="utf-8").strip() for each in scripts),
    )


def render_page(report: Report, series: Series, parts: Parts | None = None) -> str:
    """The report as a page.

    Args:
        report: What to say.
        series: What to draw.
        parts: Style and script; None for those of the package.
    """
    document = make_document(report)
    title = f"{document.decision.upper()} {document.scenario}: {document.headline}"
    return _page(title, [_section("run", report, series)], parts or shipped())


def render_suite_page(suite: SuiteReport, series: Sequence[Series], parts: Parts | None = None) -> str:
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
        f"{section.name}-{kind}{number}": _drawn(chart)
        for section in sections
        for kind, several in (("spread", section.spread), ("course", section.course))
        for number, chart in enumerate(several, 1)
    }
    return _ENVIRONMENT.get_template("page.html.j2").render(
        title=title,
        sections=sections,
        suite=suite,
        marks=_MARKS,
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


def embedded(value: object) -> Markup:
    """JSON that can stand inside an element `script`: nothing in it ends the element or begins another."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)  # all that is not ASCII is escaped
    for each in "<>&":
        text = text.replace(each, f"\\u{ord(each):04x}")
    return Markup(text)  # noqa: S704 - see above


def _section(name: str, report: Report, series: Series) -> Section:
    document = make_document(report)
    return Section(
        name=name,
        about=tuple(_about(report.result)),
        document=document,
        figures=tuple(_figures(report)),
        judged=tuple(_judged(table) for table in document.judged),
        bars=where_time_goes(report),
        spread=(*spread(series), *against_load(report.result.summary.bottleneck)),
        course=course(series),
        stages=series.timeline.stages if series.timeline else (),
        outages=series.timeline.outages if series.timeline else (),
        kept=series.timeline is not None,
        raw=escape(json.dumps(report.model_dump(mode="json"), indent=1)),
    )


def _judged(table: Table) -> Judged:
    tiers = bool(table.compared) and all(hop_name(each.key) for each in table.compared)
    return Judged(table, intervals(table.compared), tiers)


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
            value = own.typical if metric(key).kind is Kind.TREND else own.mean
            yield Figure(metric(key).label, wording.value(value, metric(key).unit), "")
    response = summary.metrics.get("e2e_ms")
    if response is not None and response.p95 is not None:
        note = "too few requests to be certain" if "p95" in response.uncertified else ""
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


def _drawn(chart: Chart) -> dict[str, object]:
    """What the script needs of a chart."""
    layers = [
        {"at": layer.at, "lines": [asdict(line) | {"label": _visible(line.label)} for line in layer.lines]}
        for layer in chart.layers
    ]
    return {
        "across": chart.across,
        "unit": chart.unit,
        "end": chart.end,
        "layers": layers,
        "stages": [(each.start_s, each.end_s) for each in chart.stages],
        "outages": [(each.start_s, each.end_s) for each in chart.outages],
    }


def code(text: str) -> Markup:
    """A text in which a `name` is shown as code, and a number stays beside its unit; all else is text."""
    parts = _NAME.split(_UNIT.sub("\u00a0", str(_visible(text))))
    names = [Markup("<code>{}</code>").format(each) for each in parts[1::2]]
    return Markup("").join(part for pair in zip_longest(parts[::2], names, fillvalue="") for part in pair)


def _visible(value: object) -> object:
    """Text without what moves a cursor or turns the direction of what follows; all else as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    shown = "".join(" " if unicodedata.category(each) in _INVISIBLE else each for each in value[:_LONGEST])
    return shown if len(value) <= _LONGEST else f"{shown}…"


def ends_in_numbers(table: Table) -> bool:
    """Whether the last column has no words, which it usually has."""
    return all(row[-1][:1].isdecimal() or row[-1][:1] in _SIGNS for row in table.rows)


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("bench.render"),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        code=code,
        shade=lambda cell: f"{_TONES.get(cell, '')} {'long' if len(cell) > _LONG else ''}".strip(),
        ends_in_numbers=ends_in_numbers,
        word=lambda text: _CELLS.get(text, text),
    )
    return made


_ENVIRONMENT = _environment()
