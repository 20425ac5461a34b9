"""The site's front page: the judgement, the tiles, and one row for each history, the worst first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.report.dashboard import Dashboard
from bench.core.report.latest_change import describe_change, describe_since, latest_change
from bench.core.report.load_change import describe_load_with_interval
from bench.core.report.newest_needs import fails_threshold, list_needs, name_verdict
from bench.core.report.run_costs import cpu_per_request_ms, memory_bytes
from bench.core.report.site_entry import Entry, describe_commit
from bench.core.report.site_tiles import Status
from bench.core.report.trend_wording import commit
from bench.core.report.words import DECISIONS, FAILS_THRESHOLD, NEEDS_LOOK, Tone, Word
from bench.core.samples.metrics import metric
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.render.document.document import split_headline
from bench.render.html.links import SiteLinks
from bench.render.html.parts import ENVIRONMENT
from bench.render.html.run.overview import headline_size, split_command
from bench.render.html.site_files import POLICY, path_of
from bench.render.html.sparkline import SPARK_HEIGHT, SPARK_WIDTH, Spark, draw_spark

OPEN_ROWS = 25
"""Rows that stay open; the reader unfolds the others, or the script shows them in parts."""
_STATUS_TONES = {
    Status.WORSE: Tone.BAD,
    Status.LOOK: Tone.CAUTION,
    Status.GOOD: Tone.GOOD,
    Status.UNKNOWN: Tone.QUIET,
}
_VERDICTS = {
    DECISIONS[Decision.FAIL]: Word("worse", DECISIONS[Decision.FAIL].tone),
    DECISIONS[Decision.INVALID]: DECISIONS[Decision.INVALID],
    FAILS_THRESHOLD: FAILS_THRESHOLD,
    NEEDS_LOOK: NEEDS_LOOK,
    DECISIONS[Decision.INCONCLUSIVE]: DECISIONS[Decision.INCONCLUSIVE],
    DECISIONS[Decision.PASS]: Word("not worse", DECISIONS[Decision.PASS].tone),
}
"""The verdict on a history among others, by its verdict alone."""


@dataclass(frozen=True, slots=True)
class FrontRow:
    """A history on the front page."""

    name: str
    """Name for people."""
    path: str
    """File of its page."""
    stack: str
    """Name of the stack."""
    environment: str
    """Name of the environment."""
    branch: str
    """Branch of the newest run; empty if it is unknown."""
    word: Word
    """The verdict."""
    needs: str
    """What needs a look in the newest run; may be empty."""
    needs_tone: Tone
    """Its tone: that of a failure if the run crossed its own threshold."""
    metric: str
    """Name of the small line's metric."""
    level: str
    """Present level of that metric."""
    spark: Spark
    """The small line."""
    change: str
    """The worst or the newest change."""
    since: str
    """Since when the level is the present one, or the number of runs."""
    limits: tuple[str, ...]
    """Safe load of a capacity search, or the costs of a run; empty if neither is known."""
    newest: str
    """Day of the newest run."""
    run_page: str | None
    """File of the newest run's page, if the site has it."""
    commit: str
    """Commit of the newest run."""
    commit_text: str
    """Subject and author of that commit; a dash if they are unknown."""
    commit_link: str | None
    """Address of that commit."""
    workflow_link: str | None
    """Address of the workflow run that measured."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a filter."""

    value: str
    """The value."""
    count: int
    """Number of its histories."""
    sign: str = ""
    """Its tone, which has a sign; empty without one."""


def render_front(board: Dashboard, links: SiteLinks = SiteLinks()) -> str:
    """Return the front page.

    Args:
        board: The histories.
        links: Addresses of commits, workflow runs and pages of runs.
    """
    rows = []
    for entry in board.entries:
        rows.append(_make_row(entry, links))
    decision, headline = split_headline(board.word, board.headline)
    return ENVIRONMENT.get_template("site_front.html.j2").render(
        title=f"{board.word.text.upper()} {board.headline}",
        policy=POLICY,
        home="",
        board=board,
        decision=decision,
        headline=headline,
        size=headline_size(headline),
        step=split_command(board.next_step),
        word=board.word,
        status_tones=_STATUS_TONES,
        path_of=path_of,
        open_rows=rows[:OPEN_ROWS],
        folded_rows=rows[OPEN_ROWS:],
        limits_head=_limits_head(board.entries),
        metrics=sorted({row.metric for row in rows}),
        verdicts=_verdict_choices(rows),
        stacks=_choices([row.stack for row in rows]),
        branches=_choices([row.branch for row in rows if row.branch]),
        spark_size=(SPARK_WIDTH, SPARK_HEIGHT),
    )


def _verdict_choices(rows: Sequence[FrontRow]) -> tuple[Choice, ...]:
    counts = Counter(row.word for row in rows)
    choices = []
    for word in _VERDICTS.values():
        if counts[word]:
            choices.append(Choice(word.text, counts[word], word.tone))
    return tuple(choices)


def _choices(values: Sequence[str]) -> tuple[Choice, ...]:
    """Return the values of a filter; none if there is nothing to choose."""
    counts = Counter(values)
    if len(counts) < 2:  # noqa: PLR2004 - a choice needs two values
        return ()
    return tuple(Choice(value, counts[value]) for value in sorted(counts))


def _make_row(entry: Entry, links: SiteLinks) -> FrontRow:
    trend = entry.trend
    newest = entry.newest
    line = entry.summary.line
    change, since = _describe_change(entry)
    return FrontRow(
        name=entry.name,
        path=path_of(entry.summary.where),
        stack=trend.stack,
        environment=trend.environment,
        branch=newest.branch or "",
        word=_VERDICTS[name_verdict(entry.summary)],
        needs="; ".join(list_needs(newest)[:1]),
        needs_tone=Tone.BAD if fails_threshold(newest) else Tone.CAUTION,
        metric=metric(line.key).label,
        level=wording.value(line.level, metric(line.key).unit),
        spark=draw_spark(line, trend),
        change=change,
        since=since,
        limits=_limits(entry),
        newest=f"{newest.started_at:%Y-%m-%d}",
        run_page=links.run_pages.get(newest.run_id),
        commit=commit(newest.commit),
        commit_text=describe_commit(newest),
        commit_link=links.github.commit(newest.commit),
        workflow_link=links.github.workflow_run(newest.workflow_run),
    )


def _describe_change(entry: Entry) -> tuple[str, str]:
    trend = entry.trend
    if trend.decision is Decision.INCONCLUSIVE:
        return "too few runs", f"{trend.runs} of {MIN_TREND_RUNS} runs needed"
    change = latest_change(trend)
    if change is None:
        return "none", f"in {wording.counted(trend.runs, 'run')}"
    return describe_change(change), describe_since(trend, change)


def _limits_head(entries: Sequence[Entry]) -> str:
    """Return the heading of the column of safe loads and costs; empty if no row has one."""
    heads = []
    if any(entry.newest.safe_load is not None for entry in entries):
        heads.append("safe load")
    if any(entry.newest.safe_load is None and _limits(entry) for entry in entries):
        heads.append("cost")
    return ", ".join(heads)


def _limits(entry: Entry) -> tuple[str, ...]:
    """Return the safe load, else the costs."""
    run = entry.newest
    if run.safe_load is not None:
        return (f"safe load {describe_load_with_interval(run.safe_load)}",)
    costs = []
    cpu_ms = cpu_per_request_ms(run)
    if cpu_ms is not None:
        costs.append(f"{wording.duration(cpu_ms)} processor time per request")
    size = memory_bytes(run)
    if size is not None:
        costs.append(f"{wording.memory(round(size))} memory")
    return tuple(costs)
