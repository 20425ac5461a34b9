"""The answers at the top of a history's page: how much, who, where and since when."""

from dataclasses import dataclass

from bench.core.history.change_points import ChangePoint
from bench.core.report.latest_change import LatestChange, describe_change, grown_tiers, latest_change
from bench.core.report.newest_needs import list_needs
from bench.core.report.trend_page import TrendPage
from bench.core.report.trend_wording import commit
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, tier_name
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.success import SUCCESS
from bench.render.html.links import Links, SiteLinks, link


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question that readers ask."""

    question: str
    """The question in two words."""
    text: str
    """The answer."""
    note: str = ""
    """Details; may be empty."""
    links: tuple[str, ...] = ()
    """Links that help, as HTML."""


def make_answers(page: TrendPage, links: Links) -> tuple[Answer, ...]:
    """Return the answers.

    Args:
        page: The history.
        links: Addresses of commits and workflow runs.
    """
    change = latest_change(page.trend)
    if change is None or page.trend.decision is not Decision.FAIL:
        return tuple(filter(None, (_level(page), _newest(page), _quiet_since(page, change))))
    answers = (_how_much(page, change), _who(page), _where(page), _since(page, change, links))
    return tuple(filter(None, answers))


def newest_links(page: TrendPage, links: SiteLinks) -> tuple[str, ...]:
    """Return the links to the newest run, as HTML."""
    shown: list[str] = []
    run_page = links.run_pages.get(page.newest.run_id)
    if run_page is not None:
        shown.append(link("Open the newest run", run_page))
    workflow = links.github.workflow_run(page.newest.workflow_run)
    if workflow is not None:
        shown.append(link("Open the workflow run of the newest run", workflow))
    return tuple(shown)


def _level(page: TrendPage) -> Answer:
    levels = []
    for row in page.trend.metrics:
        if row.part is Part.DECIDES:
            measured = metric(row.key)
            levels.append(f"{measured.label} {wording.value(row.level, measured.unit)}")
    first, *others = levels or [wording.DASH]
    return Answer("Level now", first, ", ".join(others))


def _newest(page: TrendPage) -> Answer | None:
    """Return what needs a look in the newest run; None if nothing does."""
    needs = list_needs(page.newest)
    return Answer("Newest run", needs[0], "; ".join(needs[1:])) if needs else None


def _who(page: TrendPage) -> Answer | None:
    """Return whom the change affects; None for a change of no message."""
    return Answer("Affected", page.affected) if page.affected else None


def _quiet_since(page: TrendPage, change: LatestChange | None) -> Answer:
    runs = wording.counted(len(page.runs), "run")
    if change is None or change.since is None:
        return Answer("Since when", f"{page.trend.first_at:%Y-%m-%d}", f"no change in {runs}")
    text = f"last change: {describe_change(change)}"
    return Answer("Since when", f"{change.since:%Y-%m-%d}", f"{text}, {runs} in total")


def _how_much(page: TrendPage, change: LatestChange) -> Answer:
    unit = metric(change.key).unit
    notes = []
    is_shown = change.key == SUCCESS or change.key in SAFE_LOADS or change.ratio is None
    if change.before is not None and change.after is not None and not is_shown:
        notes.append(f"{wording.value(change.before, unit)} → {wording.value(change.after, unit)}")
    others: list[str] = []
    for key in sorted(page.trend.worse - {change.key}):
        if metric(key).part is Part.DECIDES:
            others.append(metric(key).label)
    if others:
        notes.append(f"also worse: {wording.listing(others)}")
    return Answer("How much", describe_change(change), "; ".join(notes))


def _since(page: TrendPage, change: LatestChange, links: Links) -> Answer:
    point = change.point
    if point is None:
        day = "" if change.since is None else f"{change.since:%Y-%m-%d}"
        return Answer("Since when", day or "the pinned baseline", "compared with the pinned baseline")
    run = page.runs[point.position]
    runs = wording.counted(len(page.runs) - point.position, "run")
    day = f"{point.started_at:%Y-%m-%d} ({runs})"
    address = links.between(point.last_commit, point.commit)
    shown = (link("Show these commits", address),) if address else ()
    if run.subject is None:
        return Answer("Since when", day, commit(run.commit), shown)
    author = f" by {run.author}" if run.author else ""
    return Answer("Since when", run.subject, f"{day}, commit {commit(run.commit)}{author}", shown)


def _where(page: TrendPage) -> Answer | None:
    """Return the tier that grew most; None if the history has no tiers."""
    if not any(tier_name(row.key) for row in page.trend.metrics):
        return None
    grown = grown_tiers(page.trend)
    if not grown:
        return Answer("Tier", "none", "no tier became worse for long")
    worst = grown[0]
    others = {point.key for point in grown} - {worst.key}
    note = _levels(worst)
    if others:
        note += f"; also {wording.listing(sorted(tier_name(key) or key for key in others))}"
    return Answer("Tier", f"`{tier_name(worst.key)}`", note)


def _levels(point: ChangePoint) -> str:
    unit = metric(point.key).unit
    levels = f"{wording.value(point.before, unit)} → {wording.value(point.after, unit)}"
    return f"{levels} ({wording.change(point.change_ratio)})"
