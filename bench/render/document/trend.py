"""A trend as rows of text."""

from bench.core.history.change_points import ChangePoint, MetricTrend
from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.history.trend import Trend
from bench.core.report.trend_wording import commit, headline, next_step
from bench.core.report.words import DECISIONS, VERDICTS, verdict_text
from bench.core.samples.metrics import metric, tier_name
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import Verdict
from bench.render.document.document import Document, comparison_table
from bench.render.document.table import Table, without_empty


def make_trend_document(trend: Trend) -> Document:
    """Return the document of a trend."""
    tables = (
        _levels(trend),
        change_point_table(trend),
        comparison_table("Compared with the pinned baseline", "metric", trend.against_pinned),
    )
    warnings = []
    for key in trend.vanished:
        warnings.append(f"{_name(key)} is in earlier runs and not in the newest")
    return Document(
        scenario=trend.scenario,
        decision=trend.decision,
        word=DECISIONS[trend.decision],
        headline=headline(trend),
        next_step=next_step(trend),
        reasons=(),
        judged=without_empty(tables),
        details=(),
        facts=_facts(trend),
        warnings=tuple(warnings),
    )


def _levels(trend: Trend) -> Table:
    rows = []
    for row in trend.metrics:
        level = wording.value(row.level, metric(row.key).unit)
        changes = str(len(row.change_points))
        rows.append((_name(row.key), level, str(row.level_runs), changes, _verdict(row)))
    return Table("Levels now", ("metric", "level", "runs on it", "changes", "verdict"), tuple(rows))


def _verdict(row: MetricTrend) -> str:
    if row.runs < MIN_TREND_RUNS:
        return VERDICTS[Verdict.INCONCLUSIVE].text
    is_worse = any(change.unresolved for change in row.change_points)
    return VERDICTS[Verdict.WORSE if is_worse else Verdict.UNCHANGED].text


def trend_verdict(trend: Trend) -> str:
    """Return the judgement in a word or two."""
    verdicts = {Decision.FAIL: Verdict.WORSE, Decision.PASS: Verdict.UNCHANGED}
    return VERDICTS[verdicts.get(trend.decision, Verdict.INCONCLUSIVE)].text


def change_point_table(trend: Trend) -> Table:
    """Return one row for each change point."""
    rows = []
    for row in trend.metrics:
        for change in row.change_points:
            rows.append(_change_row(change))
    columns = ("metric", "since", "commits", "before", "after", "change", "p", "verdict")
    return Table("Change points", columns, tuple(rows))


def _change_row(change: ChangePoint) -> tuple[str, ...]:
    unit = metric(change.key).unit
    return (
        _name(change.key),
        f"{change.started_at:%Y-%m-%d}",
        f"{commit(change.last_commit)}..{commit(change.commit)}",
        wording.value(change.before, unit),
        wording.value(change.after, unit),
        wording.change(change.change_ratio),
        f"{change.p_value:.2g}",
        _change_verdict(change),
    )


def _change_verdict(change: ChangePoint) -> str:
    if not change.worse:
        return verdict_text(change.key, Verdict.BETTER)
    if change.recovered:
        return "fixed"
    return VERDICTS[Verdict.WORSE].text if change.recent else "old"


def _facts(trend: Trend) -> tuple[tuple[str, str], ...]:
    period = f"{trend.first_at:%Y-%m-%d} to {trend.newest_at:%Y-%m-%d}"
    facts = [
        ("scenario", f"{trend.scenario} on {trend.stack}, {trend.environment}"),
        ("runs", f"{trend.runs}, {period}"),
    ]
    if trend.left_out:
        # The values are digests; only the names of the fields can be read.
        fields = wording.listing([field.partition(":")[0] for field in trend.left_out_for])
        facts.append(("left out", f"{trend.left_out} runs, the newest of which differs in {fields}"))
    facts.append(("recent", f"the newest {trend.recent_runs} runs; only a recent change can fail"))
    return tuple(facts)


def _name(key: str) -> str:
    return tier_name(key) or metric(key).label
