"""A report as rows of text, in reading order. Unknown values are a dash.

Every format renders this document, so formats cannot disagree. Text is not escaped here: each format has its
own special characters.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.core.report.report import Report
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.result import RunResult
from bench.core.run.stall_effect import describe_stalls
from bench.core.run.summary import RunSummary
from bench.core.run.unanswered import describe_unanswered
from bench.core.samples.metric import MetricKind, Part
from bench.core.samples.metrics import (
    UNATTRIBUTED,
    is_request_metric,
    label_and_unit,
    metric,
    step_name,
    tier_name,
)
from bench.core.samples.sample import Culprit
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import INTERVAL, MetricComparison, Verdict
from bench.core.watch.alerts import describe
from bench.render.document.facts import facts
from bench.render.document.loads import load_tables
from bench.render.document.table import Table, without_empty
from bench.render.document.watched import alert_table, availability_table, resource_tables

_VERDICTS = {
    Verdict.BETTER: "improved",
    Verdict.UNCHANGED: "~",  # a difference within the noise; it is not proof of equality
    Verdict.WITHIN_TOLERANCE: "slower, within tolerance",
    Verdict.WORSE: "regressed",
    Verdict.INCONCLUSIVE: "cannot tell",
    Verdict.MISSING: "missing",
    Verdict.NEW: "new",
}
_STATISTICS = ("mean", "p50", "p90", "p95", "p99", "p99_9", "max")
"""Statistics of a duration, by the fields of `MetricSummary`."""
_STEP_STATISTICS = ("p50", "p95", "p99", "max")
_OPTIONAL = frozenset({"p99_9"})
"""Statistics that have no column if no row has them, because few runs have so many requests."""
UNRELIABLE = "?: too few requests for a reliable value"
LOWER_BOUND = ">: the real value is longer"
"""Explanations of the marks in tables of durations."""
DECISIONS = {
    Decision.PASS: "pass",
    Decision.FAIL: "fail",
    Decision.INCONCLUSIVE: "cannot tell",
    Decision.INVALID: "invalid",
}
"""The decision in a report for people."""


def split_headline(decision: Decision, headline: str) -> tuple[str, str]:
    """Return the decision in capitals, and the headline without the same word at its start."""
    word = DECISIONS[decision]
    if headline.casefold().startswith(word):
        return word.upper(), headline[len(word) :]
    return word.upper(), f" {headline}"


@dataclass(frozen=True, slots=True)
class Document:
    """The contents of a report, for every format."""

    scenario: str
    """Name of the scenario."""
    decision: Decision
    """The verdict on the run."""
    headline: str
    """The judgement in one sentence."""
    next_step: str
    """The reader's next step."""
    reasons: tuple[str, ...]
    """Further reasons of the judgement."""
    judged: tuple[Table, ...]
    """Tables that decide, then the tiers."""
    details: tuple[Table, ...]
    """Other tables: latencies, resources, errors."""
    facts: tuple[tuple[str, str], ...]
    """Labels with a line each: the load, the run, the baseline, the machine."""
    warnings: tuple[str, ...]
    """Problems of the measurement."""
    findings: tuple[str, ...] = ()
    """Observations about the target, such as a time in which it stood still. They never fail a run."""
    alerts: tuple[str, ...] = ()
    """Alerts. They never fail a run."""


def make_document(report: Report) -> Document:
    """Return the document of a report."""
    result = report.result
    comparison = report.comparison
    summary = result.summary
    alerts = result.alerts or ()
    # The headline contains a single reason.
    reasons = comparison.reasons if len(comparison.reasons) > 1 else ()
    judged = [
        _deciding_metrics(report),
        _pinned_metrics(report),
        _tiers(report),
        comparison_table("Steps", "step", _of_parts(report, Part.STEPS)),
        _costs(report),
        threshold_table(report.result),
        alert_table(alerts),
    ]
    details = [
        *load_tables(summary.bottleneck),
        _latencies(report),
        step_table(report.result.summary),
        _outcomes(report),
        availability_table(summary.availability),
        *resource_tables(summary.resources),
        _errors(report),
    ]
    return Document(
        scenario=result.scenario.name,
        decision=comparison.decision,
        headline=report.headline,
        next_step=report.next_step,
        reasons=reasons,
        judged=without_empty(judged),
        details=without_empty(details),
        facts=facts(report),
        warnings=(*describe_unanswered(summary.unanswered, summary.requests), *result.warnings),
        findings=describe_stalls(summary.stalls, summary.stall_effect),
        alerts=tuple(map(describe, alerts)),
    )


def _deciding_metrics(report: Report) -> Table:
    other = report.comparison.base_name or "the baseline"
    rows = _of_parts(report, Part.DECIDES, Part.TAILS)
    return comparison_table(f"Compared with {other}", "metric", rows)


def _pinned_metrics(report: Report) -> Table:
    return comparison_table("Compared with the pinned baseline", "metric", report.comparison.against_pinned)


def _tiers(report: Report) -> Table:
    rows = _of_parts(report, Part.LOCATES, Part.EXPLAINS)
    return comparison_table("Where the time goes", "tier", rows)


def _costs(report: Report) -> Table:
    return comparison_table("Throughput and resources", "metric", _of_parts(report, Part.COSTS))


def _of_parts(report: Report, *parts: Part) -> list[MetricComparison]:
    return [row for row in report.comparison.metrics if row.part in parts]


def comparison_table(
    title: str, name: str, rows: Sequence[MetricComparison], head: str = "this run"
) -> Table:
    """Return a table of compared metrics.

    Args:
        title: Heading of the table.
        name: Heading of the first column.
        rows: The compared metrics.
        head: Heading of the column of the new values.
    """
    columns = (name, "baseline", head, "change", f"{INTERVAL:.0%} interval", "detectable", "verdict")
    return Table(title, columns, tuple(map(_comparison_row, rows)), tuple(rows))


def _comparison_row(row: MetricComparison) -> tuple[str, ...]:
    tier = tier_name(row.key)
    changes = _relative_changes(row) if tier is None else _absolute_changes(row)
    return (
        tier or step_name(row.key) or metric(row.key).label,
        _cell(row.base_text, row.base, row.base_requests),
        _cell(row.head_text, row.head, row.head_requests),
        *changes,
        _VERDICTS[row.verdict],
    )


def _cell(text: str, value: float | None, requests: int | None) -> str:
    """Return the text of a value; a share of requests is shortened, so that the column stays on one line."""
    return text if requests is None else wording.short_share(value, requests)


def _relative_changes(row: MetricComparison) -> tuple[str, str, str]:
    """Return change, interval and smallest detectable change in per cent of the baseline."""
    low = wording.change(row.low_ratio)
    high = wording.change(row.high_ratio)
    interval = wording.DASH if row.low_ratio is None else f"{low.removesuffix(' %')} to {high}"
    return wording.change(row.change_ratio), interval, wording.change(row.detectable_ratio)


def _absolute_changes(row: MetricComparison) -> tuple[str, str, str]:
    """Return the same in milliseconds. A percentage of a tier of one millisecond has little meaning."""
    low = wording.change_ms(_scale(row.base, row.low_ratio))
    high = wording.change_ms(_scale(row.base, row.high_ratio))
    if high.endswith(" ms"):
        low = low.removesuffix(" ms")
    has_interval = row.base is not None and row.low_ratio is not None
    interval = f"{low} to {high}" if has_interval else wording.DASH
    return wording.change_ms(row.change), interval, wording.change_ms(_scale(row.base, row.detectable_ratio))


def _scale(base: float | None, ratio: float | None) -> float | None:
    return None if base is None or ratio is None else ratio * base


def threshold_table(result: RunResult) -> Table:
    """Return the thresholds of a run with their verdicts."""
    rows = []
    for threshold in result.thresholds:
        label, _ = label_and_unit(threshold.metric)
        verdict = "crossed" if threshold.crossed else "kept"
        rows.append((label, threshold.expression.source, threshold.measured, verdict))
    return Table("Thresholds", ("metric", "limit", "this run", "verdict"), tuple(rows))


def _latencies(report: Report) -> Table:
    summaries = report.result.summary.metrics
    statistics = present_statistics(summaries.values(), _STATISTICS)
    rows = []
    for key in sorted(
        summaries, key=lambda key: (not is_request_metric(key), tier_name(key) == UNATTRIBUTED)
    ):
        if metric(key).kind is MetricKind.TREND and step_name(key) is None:
            rows.append(_latency_row(key, summaries[key], statistics))
    columns = ("latency", "requests", *map(statistic_label, statistics))
    marks = UNRELIABLE
    if any(not {*summary.lower_bounds}.isdisjoint(_STATISTICS) for summary in summaries.values()):
        marks += f"; {LOWER_BOUND}"
    return Table(f"Latencies ({marks})", columns, tuple(rows))


def _latency_row(key: str, summary: MetricSummary, statistics: Sequence[str]) -> tuple[str, ...]:
    count = f"{summary.count}, {summary.censored} unanswered" if summary.censored else str(summary.count)
    return (metric(key).label, count, *duration_cells(summary, *statistics))


def present_statistics(summaries: Iterable[MetricSummary], statistics: Sequence[str]) -> tuple[str, ...]:
    """Return the statistics of a table of durations: all, but p99.9 only if a duration has it."""
    rows = [*summaries]
    return tuple(
        name
        for name in statistics
        if name not in _OPTIONAL or any(getattr(row, name) is not None for row in rows)
    )


def statistic_label(name: str) -> str:
    """Return the heading of a statistic, by its field: `p99_9` → `p99.9`."""
    return name.replace("_", ".")


def duration_cells(summary: MetricSummary, *statistics: str) -> tuple[str, ...]:
    """Return statistics of a duration by their fields, with the marks `?` and `>`."""
    cells = []
    for name in statistics:
        value_ms = getattr(summary, name)
        text = wording.duration(value_ms, lower_bound=name in summary.lower_bounds)
        is_unreliable = value_ms is not None and name in summary.unreliable
        cells.append(f"{text}?" if is_unreliable else text)
    return tuple(cells)


def step_table(summary: RunSummary) -> Table:
    """Return the requests of each step of a journey, with its tiers."""
    rows = []
    for step, of_step in summary.steps.items():
        success = wording.short_share(of_step.ok / of_step.requests, of_step.requests)
        response_time = of_step.metrics.get("e2e_ms")
        times = [wording.DASH] * len(_STEP_STATISTICS)
        if response_time is not None:
            times = [*duration_cells(response_time, *_STEP_STATISTICS)]
        rows.append((step, str(of_step.requests), success, *times, _describe_tiers(of_step.metrics)))
    columns = ("step", "requests", "success", *_STEP_STATISTICS, "tiers (mean)")
    return Table("Steps of the journey", columns, tuple(rows))


def _describe_tiers(metrics: Mapping[str, MetricSummary]) -> str:
    tiers = []
    for key, row in metrics.items():
        tier = tier_name(key)
        if tier is not None:
            tiers.append(f"{tier} {wording.duration(row.mean)}")
    return ", ".join(tiers) or wording.DASH


def _outcomes(report: Report) -> Table:
    summary = report.result.summary
    rows = []
    for outcome, count in summary.outcomes.items():
        culprits = summary.culprits.get(outcome, {})
        rows.append((outcome.value, str(count), list_culprits(culprits)))
    return Table("Outcomes", ("outcome", "requests", "culprit"), tuple(rows))


def list_culprits(counts: Mapping[Culprit, int]) -> str:
    """Return the culprits of the requests with one outcome: `target`, or `target (3) and network (1)`."""
    if len(counts) <= 1:
        return "".join(counts) or wording.DASH
    return wording.listing([f"{culprit} ({count})" for culprit, count in counts.items()])


def _errors(report: Report) -> Table:
    rows = []
    for error in report.result.summary.errors:
        status = wording.DASH if error.status is None else str(error.status)
        moment = f"{error.at_s:.1f} s"
        rows.append((error.outcome.value, status, error.prompt, moment, error.detail or wording.DASH))
    return Table("Failed requests", ("outcome", "status", "message", "at", "detail"), tuple(rows))
