"""The site of all histories: a front page, a page of each history, and their style and script."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from bench.core.history.change_points import ChangePoint
from bench.core.history.history import HistoryPoint
from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.report.dashboard import Dashboard, Entry, Status, success_of, typical_of, wait_of
from bench.core.report.trend_page import TrendPage
from bench.core.report.trend_wording import commit
from bench.core.report.words import DECISIONS, Word
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric
from bench.core.values import wording
from bench.core.values.escape import visible_text
from bench.core.verdict.compare import Decision
from bench.render.document.document import Document
from bench.render.document.table import Table
from bench.render.document.trend import change_point_table, make_trend_document
from bench.render.html.assets import Assets, embed_json, load_assets, read_script, read_style
from bench.render.html.charts import Chart
from bench.render.html.front import OPEN_ROWS, front_tables
from bench.render.html.links import Links
from bench.render.html.parts import (
    ENVIRONMENT,
    DrawnTable,
    Figure,
    chart_data,
    draw_intervals,
)
from bench.render.html.trend_charts import (
    SPARK_HEIGHT,
    SPARK_WIDTH,
    deciding_charts,
    long_term_charts,
    spark_points,
    tier_charts,
)

FRONT = "index.html"
STYLE = "assets/site.css"
SCRIPT = "assets/site.js"
SEARCH = "assets/search.js"
NEWEST_RUNS = 20
"""Rows of a history's table of runs."""
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:"
"""Content security policy: a page runs the site's own script and loads nothing from other servers."""
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_OPEN_REGRESSIONS = 10
"""Regressions that stay open at the top of the front page."""
_STATUS_MARKS = {Status.GOOD: "✓", Status.LOOK: "!", Status.UNKNOWN: "?"}


@dataclass(frozen=True, slots=True)
class Spark:
    """The small line of a history."""

    label: str
    """Description for screen readers."""
    points: str
    """Points of the line, as `x,y x,y …`."""
    last: tuple[str, str]
    """The newest run's x and y."""
    width: int = SPARK_WIDTH
    """Width in pixels."""
    height: int = SPARK_HEIGHT
    """Height in pixels."""


@dataclass(frozen=True, slots=True)
class FrontRow:
    """A history on the front page."""

    name: str
    """Name for people."""
    path: str
    """File of its page."""
    decision: Decision
    """The judgement."""
    word: Word
    """The judgement for people."""
    headline: str
    """The judgement in one sentence."""
    level: str
    """Level of the small line's metric."""
    spark: Spark
    """The small line."""
    newest: str
    """Day of the newest run."""


@dataclass(frozen=True, slots=True)
class HistorySection:
    """The contents of a history's page."""

    about: tuple[str, ...]
    """Stack, environment, number and period of the runs."""
    document: Document
    """The contents of the trend's report."""
    figures: tuple[Figure, ...]
    """The numbers at the top."""
    changes: Table
    """The change points."""
    unchanged: str
    """The sentence for a history without change points."""
    judged: tuple[DrawnTable, ...]
    """The other tables that decided it."""
    deciding: tuple[Chart, ...]
    """Charts of the deciding metrics."""
    tiers: tuple[Chart, ...]
    """Charts of the tiers."""
    long_term: tuple[Chart, ...]
    """Charts of all comparable runs; empty if there are no older runs."""
    runs: Table
    """The newest runs."""


def render_shared(assets: Assets | None = None) -> dict[str, str]:
    """Return the files that all pages load, by their paths; by default with the package's own assets."""
    shared = assets or load_assets()
    return {
        STYLE: f"{shared.style}\n{read_style('site')}\n",
        SCRIPT: f"{shared.script}\n",
        SEARCH: f"{read_script('search')}\n",
    }


def path_of(where: str) -> str:
    """Return the file of a history's page: `<stack>/<environment>/<scenario>.html`."""
    parts = map(_file_name, where.split("/", maxsplit=2))
    return f"{'/'.join(parts)}.html"


def year_path(where: str, year: int) -> str:
    """Return the file with the runs of a year: `<stack>/<environment>/<scenario>/<year>.csv`."""
    return f"{path_of(where).removesuffix('.html')}/{year}.csv"


def _file_name(name: str) -> str:
    """Return a safe name of a file or folder: a digest for a name with special characters or a long one."""
    if _SAFE_NAME.fullmatch(name):
        return name
    return f"_{hashlib.sha256(name.encode()).hexdigest()[:24]}"


def render_front(board: Dashboard) -> str:
    """Return the front page."""
    rows = list(map(_front_row, board.entries))
    worse = [row for row in rows if row.decision is Decision.FAIL]
    return ENVIRONMENT.get_template("site_front.html.j2").render(
        title=f"{DECISIONS[board.decision].text.upper()} {board.headline}",
        policy=POLICY,
        home="",
        board=board,
        word=DECISIONS[board.decision],
        status_marks=_STATUS_MARKS,
        worse=worse[:_OPEN_REGRESSIONS],
        folded_worse=worse[_OPEN_REGRESSIONS:],
        open_rows=rows[:OPEN_ROWS],
        folded_rows=rows[OPEN_ROWS:],
        tables=front_tables(board, lambda entry: _link(entry.name, path_of(entry.summary.where))),
    )


def _front_row(entry: Entry) -> FrontRow:
    document = make_trend_document(entry.trend)
    line = entry.summary.line
    row = metric(line.key)
    points = spark_points(line.values)
    x, _, y = points.rpartition(" ")[2].partition(",")
    label = f"{row.label} over {wording.counted(line.runs, 'run')}"
    return FrontRow(
        name=entry.name,
        path=path_of(entry.summary.where),
        decision=document.decision,
        word=document.word,
        headline=document.headline,
        level=wording.value(line.level, row.unit),
        spark=Spark(label, points, (x, y)),
        newest=f"{entry.newest.started_at:%Y-%m-%d}",
    )


def render_history(name: str, page: TrendPage, years: Sequence[int] = (), links: Links = Links()) -> str:
    """Return the page of a history.

    Args:
        name: Name of the history for people.
        page: The history.
        years: Years whose runs are files next to the page.
        links: Addresses of commits and workflow runs.
    """
    section = _make_section(page, links)
    document = section.document
    charts = {}
    for number, chart in enumerate(section.deciding, 1):
        charts[f"deciding{number}"] = chart_data(chart)
    for number, chart in enumerate(section.tiers, 1):
        charts[f"tier{number}"] = chart_data(chart)
    for number, chart in enumerate(section.long_term, 1):
        charts[f"all{number}"] = chart_data(chart)
    home = "../" * path_of(page.where).count("/")
    return ENVIRONMENT.get_template("site_history.html.j2").render(
        title=f"{document.word.text.upper()} {name}: {document.headline}",
        policy=POLICY,
        home=home,
        it=section,
        between=_worst_commits(page, links),
        years=[(year, f"{home}{year_path(page.where, year)}") for year in years],
        charts=embed_json(charts),
    )


def _make_section(page: TrendPage, links: Links) -> HistorySection:
    document = make_trend_document(page.trend)
    changes = change_point_table(page.trend)
    others = [table for table in document.judged if table.title != changes.title]
    return HistorySection(
        about=(f"{page.trend.stack} ({page.trend.environment})", _period(page)),
        document=document,
        figures=tuple(_figures(page)),
        changes=_link_commits(changes, page, links),
        unchanged=_unchanged(page),
        judged=tuple(map(draw_intervals, others)),
        deciding=deciding_charts(page),
        tiers=tier_charts(page),
        long_term=long_term_charts(page),
        runs=_newest_runs(page, links),
    )


def _worst_commits(page: TrendPage, links: Links) -> str | None:
    """Return the address of the commits of the worst regression."""
    for change in page.trend.unresolved:
        return links.between(change.last_commit, change.commit)
    return None


def _period(page: TrendPage) -> str:
    count = wording.counted(len(page.runs), "run")
    return f"{count}, {page.trend.first_at:%Y-%m-%d} to {page.trend.newest_at:%Y-%m-%d}"


def _unchanged(page: TrendPage) -> str:
    if any(row.runs >= MIN_TREND_RUNS for row in page.trend.metrics):
        return "No change of a level detected."
    return "Too few runs to detect a change of a level."


def _figures(page: TrendPage) -> Iterable[Figure]:
    """Yield the level of each deciding metric, and its start."""
    for trend in page.trend.metrics:
        if trend.part is not Part.DECIDES:
            continue
        if trend.change_points:
            note = f"since {trend.change_points[-1].started_at:%Y-%m-%d}"
        else:
            enough = trend.runs >= MIN_TREND_RUNS
            note = "no change detected" if enough else "too few runs to detect a change"
        row = metric(trend.key)
        yield Figure(row.label, wording.value(trend.level, row.unit), note)


def _link_commits(table: Table, page: TrendPage, links: Links) -> Table:
    """Link the commits of each change point."""
    changes: list[ChangePoint] = []
    for trend in page.trend.metrics:
        changes += trend.change_points
    place = table.columns.index("commits")
    rows = []
    for row, change in zip(table.rows, changes, strict=True):
        address = links.between(change.last_commit, change.commit)
        rows.append((*row[:place], _link(row[place], address), *row[place + 1 :]))
    return replace(table, rows=tuple(rows))


def _newest_runs(page: TrendPage, links: Links) -> Table:
    rows = []
    for run in reversed(page.runs[-NEWEST_RUNS:]):
        rows.append(_run_row(run, links))
    columns = ("run", "success", "response time", "p95", "first token", "commit")
    return Table("The newest runs", columns, tuple(rows))


def _run_row(run: HistoryPoint, links: Links) -> tuple[str, ...]:
    changes = " with changes" if run.dirty else ""
    return (
        _link(f"{run.started_at:%Y-%m-%d %H:%M}", links.workflow_run(run.workflow_run)),
        wording.short_share(success_of(run), run.ok + run.failed),
        typical_of(run, "e2e_ms"),
        wait_of(run).text("p95"),
        typical_of(run, "ttft_ms"),
        _link(commit(run.commit) + changes, links.commit(run.commit)),
    )


def _link(text: str, address: str | None) -> str:
    """Return a link, or the text alone without an address."""
    if address is None:
        return text
    return Markup('<a href="{}">{}</a>').format(address, visible_text(text))
