"""A trend for a terminal, in Markdown and as JSON: by the same means as a report."""

from bench.core.history.change_points import ChangePoint, MetricTrend
from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.history.trend import Trend
from bench.core.report.trend_wording import commit, headline, next_step
from bench.core.samples.metrics import metric, tier_name
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.render.document.document import Document, compare_with
from bench.render.document.table import Table


def make_trend_document(trend: Trend) -> Document:
    """What every format shows of a trend."""
    tables = (
        _levels(trend),
        changes_of(trend),
        compare_with("Beside the anchor", "metric", trend.against_pinned, "newest runs"),
    )
    return Document(
        scenario=trend.scenario,
        decision=trend.decision,
        headline=headline(trend),
        next_step=next_step(trend),
        reasons=(),
        judged=tuple(table for table in tables if table.rows),
        details=(),
        facts=_facts(trend),
        warnings=tuple(f"{_name(key)} is in earlier runs and not in the newest" for key in trend.vanished),
    )


def _levels(trend: Trend) -> Table:
    rows = tuple(
        (
            _name(each.key),
            wording.value(each.level, metric(each.key).unit),
            str(each.level_runs),
            str(len(each.change_points)),
            _said(each),
        )
        for each in trend.metrics
    )
    return Table("Levels now", ("metric", "level", "runs on it", "changes", "verdict"), rows)


def _said(each: MetricTrend) -> str:
    if each.runs < MIN_TREND_RUNS:
        return "cannot tell"
    return "worse" if any(change.unresolved for change in each.change_points) else "~"


def verdict_of(trend: Trend) -> str:
    """The judgement in a word or two."""
    return {Decision.FAIL: "worse", Decision.PASS: "~"}.get(trend.decision, "cannot tell")


def changes_of(trend: Trend) -> Table:
    """Every change point, a row each."""
    found = [change for each in trend.metrics for change in each.change_points]
    columns = ("metric", "since", "commits", "before", "after", "change", "p", "verdict")
    return Table("Change points", columns, tuple(_change(each) for each in found))


def _change(each: ChangePoint) -> tuple[str, ...]:
    unit = metric(each.key).unit
    verdict = "worse" if each.worse else "better"
    if each.worse and each.recovered:
        verdict = "mended"
    elif each.worse and not each.recent:
        verdict = "long ago"
    return (
        _name(each.key),
        f"{each.started_at:%Y-%m-%d}",
        f"{commit(each.last_commit)}..{commit(each.commit)}",
        wording.value(each.before, unit),
        wording.value(each.after, unit),
        wording.change(each.change_ratio),
        f"{each.p_value:.2g}",
        verdict,
    )


def _facts(trend: Trend) -> tuple[tuple[str, str], ...]:
    runs = f"{trend.runs}, {trend.first_at:%Y-%m-%d} to {trend.newest_at:%Y-%m-%d}"
    # The values are digests: where they differ is what can be read.
    fields = wording.listing([each.partition(":")[0] for each in trend.left_out_for])
    other = f"{trend.left_out} runs, the newest of which differs in {fields}"
    return (
        ("scenario", f"{trend.scenario} on {trend.stack}, {trend.environment}"),
        ("runs", runs),
        *((("left out", other),) if trend.left_out else ()),
        ("recent", f"the newest {trend.recent_runs} runs: an older change for the worse fails nothing"),
    )


def _name(key: str) -> str:
    return tier_name(key) or metric(key).label
