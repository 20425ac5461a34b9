"""A site of all histories: a front page, a page of each, and the style and script that they share."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.resources import files

from markupsafe import Markup

from bench.core.history.history import HistoryPoint
from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.report.dashboard import Dashboard, Entry, Status, success_of, wait_of
from bench.core.report.trend_page import TrendPage
from bench.core.report.trend_wording import commit
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric
from bench.core.values import wording
from bench.core.values.escape import visible_text
from bench.core.verdict.compare import Decision
from bench.render.document.document import Document
from bench.render.document.table import Table
from bench.render.document.trend import changes_of, make_trend_document
from bench.render.html.charts import Chart
from bench.render.html.front import front_tables
from bench.render.html.links import Links
from bench.render.html.parts import ENVIRONMENT, Figure, Judged, Parts, drawn, embedded, judged, shipped
from bench.render.html.trend_charts import SPARK_HEIGHT, SPARK_WIDTH, decides, spark, sparked, tiers

FRONT, STYLE, SCRIPT = "index.html", "assets/site.css", "assets/site.js"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
NEWEST_RUNS = 20  # of a page's table of runs
# Whatever came into a page: it runs the site's own script, and loads nothing from elsewhere.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:"
_STATUS_MARKS = {Status.GOOD: "✓", Status.LOOK: "!", Status.UNKNOWN: "?"}


@dataclass(frozen=True, slots=True)
class Spark:
    """A history in small."""

    label: str
    points: str
    last: tuple[str, str]
    width: int = SPARK_WIDTH
    height: int = SPARK_HEIGHT


@dataclass(frozen=True, slots=True)
class Row:
    """A history on the front page."""

    name: str
    path: str
    decision: Decision
    headline: str
    level: str
    spark: Spark
    newest: str


@dataclass(frozen=True, slots=True)
class History:
    """The page of a history."""

    about: tuple[str, ...]
    document: Document
    figures: tuple[Figure, ...]
    changes: Table
    unchanged: str
    judged: tuple[Judged, ...]
    decides: tuple[Chart, ...]
    tiers: tuple[Chart, ...]
    runs: Table


def render_site(board: Dashboard, links: Links = Links(), parts: Parts | None = None) -> dict[str, str]:
    """The files of a site, by their paths in it.

    Args:
        board: What to say.
        links: Where commits and workflow runs are to be read.
        parts: Style and script; None for those of the package.
    """
    shared = parts or shipped()
    own = (files("bench.render.html") / "templates" / "site.css").read_text(encoding="utf-8")
    pages = {path_of(each.page): _history(each, links) for each in board.entries}
    return {
        FRONT: _front(board),
        STYLE: f"{shared.style}\n{own}",
        SCRIPT: f"{shared.script}\n",
        **pages,
    }


def path_of(page: TrendPage) -> str:
    """Where a history's page is: `<stack>/<environment>/<scenario>.html`, whatever these are called."""
    parts = [_file(each) for each in page.where.split("/", maxsplit=2)]
    return f"{'/'.join(parts)}.html"


def _file(name: str) -> str:
    """A name as that of a file or folder: its digest where it could mean anything else, or is too long."""
    return name if _PLAIN.fullmatch(name) else f"_{hashlib.sha256(name.encode()).hexdigest()[:24]}"


def _front(board: Dashboard) -> str:
    return ENVIRONMENT.get_template("site_front.html.j2").render(
        title=f"{board.decision.upper()} {board.headline}",
        policy=POLICY,
        home="",
        board=board,
        status_marks=_STATUS_MARKS,
        worse=[_row(each) for each in board.entries if each.trend.decision is Decision.FAIL],
        rows=[_row(each) for each in board.entries],
        tables=front_tables(board, lambda each: _linked(each.name, path_of(each.page))),
    )


def _row(entry: Entry) -> Row:
    page = entry.page
    document = make_trend_document(entry.trend)
    course, run = sparked(page), entry.newest
    row = metric(course.key)
    points = spark(course)
    count = wording.counted(len(page.runs), "run")
    x, _, y = points.rpartition(" ")[2].partition(",")
    return Row(
        name=entry.name,
        path=path_of(page),
        decision=document.decision,
        headline=document.headline,
        level=wording.value(course.levels[-1], row.unit),
        spark=Spark(f"{row.label} over {count}", points, (x, y)),
        newest=f"{run.started_at:%Y-%m-%d}",
    )


def _history(entry: Entry, links: Links) -> str:
    page = entry.page
    document = make_trend_document(entry.trend)
    home = "../" * path_of(page).count("/")
    it = History(
        about=(f"{entry.trend.stack} ({entry.trend.environment})", *_when(page)),
        document=document,
        figures=tuple(_figures(page)),
        changes=_changes(entry, links),
        unchanged=_unchanged(page),
        judged=tuple(judged(table) for table in document.judged if table.title != "Change points"),
        decides=decides(page),
        tiers=tiers(page),
        runs=_runs(page, links),
    )
    groups = {"decides": it.decides, "tier": it.tiers}
    charts = {
        f"{group}{number}": drawn(chart)
        for group, several in groups.items()
        for number, chart in enumerate(several, 1)
    }
    return ENVIRONMENT.get_template("site_history.html.j2").render(
        title=f"{document.decision.upper()} {entry.name}: {document.headline}",
        policy=POLICY,
        home=home,
        it=it,
        between=_between(entry, links),
        older=page.older,
        charts=embedded(charts),
    )


def _between(entry: Entry, links: Links) -> str | None:
    """Where to read what came with the worst of what stands."""
    worst = next(iter(entry.trend.unresolved), None)
    return None if worst is None else links.between(worst.last_commit, worst.commit)


def _when(page: TrendPage) -> Iterable[str]:
    count = wording.counted(len(page.runs), "run")
    yield f"{count}, {page.trend.first_at:%Y-%m-%d} to {page.trend.newest_at:%Y-%m-%d}"


def _unchanged(page: TrendPage) -> str:
    """What is said where there is no change point: with few runs there can be none."""
    enough = any(each.runs >= MIN_TREND_RUNS for each in page.trend.metrics)
    return (
        "No change of a level was seen." if enough else "There are too few runs to see a change of a level."
    )


def _figures(page: TrendPage) -> Iterable[Figure]:
    """The level of what decides, and since when it is so."""
    for each in page.trend.metrics:
        if each.part is Part.DECIDES:
            row = metric(each.key)
            last = each.change_points[-1] if each.change_points else None
            unchanged = "no change seen" if each.runs >= MIN_TREND_RUNS else "too few runs to see a change"
            note = f"since {last.started_at:%Y-%m-%d}" if last else unchanged
            yield Figure(row.label, wording.value(each.level, row.unit), note)


def _changes(entry: Entry, links: Links) -> Table:
    """The change points, with what came between in its own column, linked."""
    table = changes_of(entry.trend)
    found = [change for each in entry.trend.metrics for change in each.change_points]
    place = table.columns.index("commits")
    rows = [
        (
            *row[:place],
            _linked(row[place], links.between(change.last_commit, change.commit)),
            *row[place + 1 :],
        )
        for row, change in zip(table.rows, found, strict=True)
    ]
    return replace(table, rows=tuple(rows))


def _runs(page: TrendPage, links: Links) -> Table:
    shown = page.runs[-NEWEST_RUNS:]
    rows = [
        (
            _linked(f"{run.started_at:%Y-%m-%d %H:%M}", links.workflow_run(run.workflow_run)),
            wording.percent(success_of(run)),
            wording.duration(run.figures.get("e2e_ms")),
            wording.duration(wait_of(run).p95),
            wording.duration(run.figures.get("ttft_ms")),
            _linked(_commit(run), links.commit(run.commit)),
        )
        for run in reversed(shown)
    ]
    columns = ("run", "success", "response time", "p95", "first token", "commit")
    return Table("The newest runs", columns, tuple(rows))


def _commit(run: HistoryPoint) -> str:
    return commit(run.commit) + (" with changes" if run.dirty else "")


def _linked(text: str, address: str | None) -> str:
    """Text that leads somewhere, if it does."""
    if address is None:
        return text
    return Markup('<a href="{}">{}</a>').format(address, visible_text(text))
