"""The page of a history: the answers, its charts, its changes and its runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress

from bench.core.history.change_points import ChangePoint
from bench.core.history.history import HistoryPoint
from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.report.load_change import describe_load_with_interval
from bench.core.report.newest_needs import advise_history, name_verdict
from bench.core.report.site_entry import describe_commit, success_of, typical_of, wait_of
from bench.core.report.trend_page import TrendPage
from bench.core.report.trend_wording import commit
from bench.core.values import wording
from bench.render.document.document import Document, split_headline
from bench.render.document.table import Table
from bench.render.document.trend import change_point_table, make_trend_document
from bench.render.html.charts import Chart
from bench.render.html.history_answers import Answer, make_answers, newest_links
from bench.render.html.links import Links, SiteLinks, link
from bench.render.html.newest_run import newest_run_facts
from bench.render.html.parts import ENVIRONMENT, DrawnTable, draw_intervals, embed_charts
from bench.render.html.run.overview import NextStep, headline_size, split_command
from bench.render.html.site_files import POLICY, badge_path, path_of, year_path
from bench.render.html.trend_charts import cost_charts, deciding_charts, long_term_charts, tier_charts

NEWEST_RUNS = 20
"""Rows of a history's table of runs."""
_RESULTS = ("success", "response time", "p95", "first token")
"""Results of a run that is no capacity search."""


@dataclass(frozen=True, slots=True)
class ChartGroup:
    """Charts of one subject."""

    id: str
    """Prefix of the ids of the charts."""
    title: str
    """Heading."""
    charts: tuple[Chart, ...]
    """The charts."""
    size: str
    """Width of a panel: `half` or `third` of a row."""


@dataclass(frozen=True, slots=True)
class HistorySection:
    """The contents of a history's page."""

    about: tuple[str, ...]
    """Stack, environment, number and period of the runs."""
    document: Document
    """The contents of the trend's report."""
    decision: str
    """The judgement in capitals."""
    headline: str
    """The judgement in one sentence, without that word at its start."""
    answers: tuple[Answer, ...]
    """How much, since when and where."""
    step: NextStep
    """What the reader can do now."""
    newest_links: tuple[str, ...]
    """Links to the newest run."""
    main: Chart
    """The chart next to the answers."""
    changes: Table
    """The change points."""
    unchanged: str
    """The sentence for a history without change points."""
    judged: tuple[DrawnTable, ...]
    """The other tables that decided it."""
    groups: tuple[ChartGroup, ...]
    """The charts; a group without charts is left out."""
    newest: tuple[tuple[str, str], ...]
    """Label and text of each number of the newest run."""
    runs: Table
    """The newest runs."""


def render_history(
    name: str,
    page: TrendPage,
    years: Sequence[int] = (),
    links: SiteLinks = SiteLinks(),
    badges: Sequence[str] = (),
) -> str:
    """Return the page of a history.

    Args:
        name: Name of the history for people.
        page: The history.
        years: Years whose runs are files next to the page.
        links: Addresses of commits, workflow runs and pages of runs.
        badges: Names of the badges next to the page.
    """
    home = "../" * path_of(page.where).count("/")
    section = _make_section(page, links.seen_from(home))
    document = section.document
    charts = {"main": section.main}
    for group in section.groups:
        for number, chart in enumerate(group.charts, 1):
            charts[f"{group.id}{number}"] = chart
    return ENVIRONMENT.get_template("site_history.html.j2").render(
        title=f"{document.word.text.upper()} {name}: {document.headline}",
        policy=POLICY,
        home=home,
        name=name,
        size=headline_size(section.headline),
        it=section,
        years={year: f"{home}{year_path(page.where, year)}" for year in years},
        badges={badge: f"{home}{badge_path(page.where, badge)}" for badge in badges},
        charts=embed_charts(charts),
    )


def _make_section(page: TrendPage, links: SiteLinks) -> HistorySection:
    summary = page.summary
    document = replace(
        make_trend_document(page.trend), word=name_verdict(summary), next_step=advise_history(summary)
    )
    changes = change_point_table(page.trend)
    others = [table for table in document.judged if table.title != changes.title]
    main, *others_run_by_run = deciding_charts(page)
    groups = (
        ChartGroup("deciding", "Run by run", tuple(others_run_by_run), "half"),
        ChartGroup("cost", "Cost", cost_charts(page), "third"),
        ChartGroup("tier", "Tier by tier", tier_charts(page), "third"),
        ChartGroup("all", "All comparable runs", long_term_charts(page), "half"),
    )
    decision, headline = split_headline(document.word, document.headline)
    return HistorySection(
        about=(f"{page.trend.stack} ({page.trend.environment})", *_branch(page.newest), _period(page)),
        document=document,
        decision=decision,
        headline=headline,
        answers=make_answers(page, links.github),
        step=split_command(document.next_step),
        newest_links=newest_links(page, links),
        main=main,
        changes=_name_commits(changes, page, links.github),
        unchanged=_unchanged(page),
        judged=tuple(map(draw_intervals, others)),
        groups=tuple(filter(lambda group: group.charts, groups)),
        newest=newest_run_facts(page.newest),
        runs=_newest_runs(page, links),
    )


def _branch(run: HistoryPoint) -> tuple[str, ...]:
    return () if run.branch is None else (f"branch {run.branch}",)


def _period(page: TrendPage) -> str:
    count = wording.counted(len(page.runs), "run")
    first = f"{page.trend.first_at:%Y-%m-%d}"
    newest = f"{page.trend.newest_at:%Y-%m-%d}"
    return f"{count}, {newest}" if first == newest else f"{count}, {first} to {newest}"


def _unchanged(page: TrendPage) -> str:
    if any(row.runs >= MIN_TREND_RUNS for row in page.trend.metrics):
        return "No change of a level detected."
    return "Too few runs to detect a change of a level."


def _name_commits(table: Table, page: TrendPage, links: Links) -> Table:
    """Link the commits of each change point, and add the subject and author of its first commit."""
    changes: list[ChangePoint] = []
    for trend in page.trend.metrics:
        changes += trend.change_points
    place = table.columns.index("commits")
    rows = []
    for row, change in zip(table.rows, changes, strict=True):
        address = links.between(change.last_commit, change.commit)
        words = describe_commit(page.runs[change.position])
        rows.append((*row[:place], link(row[place], address), *row[place + 1 :], words))
    columns = (*table.columns, "first commit of the new level")
    return replace(table, columns=columns, rows=tuple(rows))


def _newest_runs(page: TrendPage, links: SiteLinks) -> Table:
    rows = []
    for run in reversed(page.runs[-NEWEST_RUNS:]):
        rows.append(_run_row(run, links))
    columns = ("run", "safe load", *_RESULTS, "workflow", "commit", "subject")
    return _drop_unknown(Table("The newest runs", columns, tuple(rows)))


def _drop_unknown(table: Table) -> Table:
    """Remove the columns that have only dashes."""
    is_kept: list[bool] = []
    for cells in zip(*table.rows, strict=True):
        is_kept.append(set(cells) != {wording.DASH})
    rows = tuple(tuple(compress(row, is_kept)) for row in table.rows)
    return replace(table, columns=tuple(compress(table.columns, is_kept)), rows=rows)


def _run_row(run: HistoryPoint, links: SiteLinks) -> tuple[str, ...]:
    changes = " with changes" if run.dirty else ""
    workflow = links.github.workflow_run(run.workflow_run)
    return (
        link(f"{run.started_at:%Y-%m-%d %H:%M}", links.run_pages.get(run.run_id)),
        *_results(run),
        wording.DASH if workflow is None else link("workflow run", workflow),
        link(commit(run.commit) + changes, links.github.commit(run.commit)),
        describe_commit(run),
    )


def _results(run: HistoryPoint) -> tuple[str, ...]:
    """Return the safe load, else the other results: a search tries loads that fail."""
    if run.safe_load is not None:
        return describe_load_with_interval(run.safe_load), *[wording.DASH] * len(_RESULTS)
    return (
        wording.DASH,
        wording.short_share(success_of(run), run.ok + run.failed),
        typical_of(run, "e2e_ms"),
        wait_of(run).text("p95"),
        typical_of(run, "ttft_ms"),
    )
