"""A report as rows of text, in reading order. Unknown values are a dash.

Every format renders this document, so formats cannot disagree. Text is not escaped here: each format has its
own special characters.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.core.report.advice import describe_advice
from bench.core.report.fault_words import describe_faults
from bench.core.report.report import Report
from bench.core.report.row_words import row_verdict_text
from bench.core.report.sentences import change_text, detectable_text, interval_text, values_text
from bench.core.report.words import PROVEN, Word
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.result import RunResult
from bench.core.run.stall_effect import describe_stalls
from bench.core.run.summary import RunSummary
from bench.core.run.unanswered import describe_unanswered
from bench.core.samples.cost_metrics import SAFE_LOADS
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
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.verdict import MetricComparison, Verdict
from bench.core.watch.alerts import describe
from bench.render.document.capacity import CapacityDocument, make_capacity_document
from bench.render.document.facts import facts, measured_facts
from bench.render.document.loads import load_tables
from bench.render.document.table import Compared, Table, without_empty
from bench.render.document.watched import (
    alert_table,
    availability_table,
    resource_tables,
    scaling_table,
)

_STATISTICS = ("mean", "p50", "p90", "p95", "p99", "p99_9", "max")
"""Statistics of a duration, by the fields of `MetricSummary`."""
_STEP_STATISTICS = ("p50", "p95", "p99", "max")
_OPTIONAL = frozenset({"p99_9"})
"""Statistics that have no column if no row has them, because few runs have so many requests."""
UNRELIABLE = "?: too few requests for a reliable value"
LOWER_BOUND = ">: the real value is longer"
"""Explanations of the marks in tables of durations."""
MOST_MESSAGES = 5
"""Messages that stay open where a format can fold rows."""
TYPICAL = "typical (paired by message)"
"""Heading of the column of typical values: the statistic that is judged."""


def split_headline(word: Word, headline: str) -> tuple[str, str]:
    """Return the decision in capitals, and the headline without the same word at its start."""
    if headline.casefold().startswith(word.text):
        return word.text.upper(), headline[len(word.text) :]
    return word.text.upper(), f" {headline}"


@dataclass(frozen=True, slots=True)
class Document:
    """The contents of a report, for every format."""

    scenario: str
    """Name of the scenario."""
    decision: Decision
    """The verdict on the run."""
    word: Word
    """The verdict for people, with its tone."""
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
    advice: tuple[str, ...] = ()
    """What may help, with the evidence of experiments."""
    alerts: tuple[str, ...] = ()
    """Alerts. They never fail a run."""
    capacity: CapacityDocument | None = None
    """The answer of a capacity search; None if the run has a load of its own."""


def make_document(report: Report) -> Document:
    """Return the document of a report."""
    result = report.result
    comparison = report.comparison
    summary = result.summary
    alerts = result.alerts or ()
    # The headline contains a single reason.
    reasons = comparison.reasons if len(comparison.reasons) > 1 else ()
    capacity = make_capacity_document(result)
    judged = [
        _deciding_metrics(report),
        request_table(_of_parts(report, Part.DECIDES)),
        message_table(report.comparison.messages),
        _pinned_metrics(report),
        _tiers(report),
        comparison_table("Steps", "step", _of_parts(report, Part.STEPS)),
        _costs(report),
        threshold_table(report.result) if capacity is None else capacity.trials,
        alert_table(alerts),
    ]
    details = [
        *(load_tables(summary.bottleneck) if capacity is None else (capacity.tiers,)),
        *(() if capacity else (_latencies(report),)),
        step_table(report.result.summary),
        _outcomes(report),
        availability_table(summary.availability),
        scaling_table(result.scaling),
        *resource_tables(summary.resources),
        error_table(report),
    ]
    return Document(
        scenario=result.scenario.name,
        decision=comparison.decision,
        word=report.word,
        headline=report.headline,
        next_step=report.next_step if capacity is None or capacity.is_complete else capacity.next_step,
        reasons=reasons,
        judged=without_empty(judged),
        details=without_empty(details),
        facts=facts(report) if capacity is None else (*capacity.facts, *_facts_of_any_load(report)),
        warnings=(*describe_unanswered(summary.unanswered, summary.requests), *result.warnings),
        findings=(*describe_faults(summary), *describe_stalls(summary.stalls, summary.stall_effect)),
        advice=tuple(map(describe_advice, report.advice)),
        alerts=tuple(map(describe, alerts)),
        capacity=capacity,
    )


def _facts_of_any_load(report: Report) -> tuple[tuple[str, str], ...]:
    """Return the facts without those that join the requests of different loads."""
    joined = dict(measured_facts(report.result)).keys() | {"load"}
    return tuple((label, line) for label, line in facts(report) if label not in joined)


def _deciding_metrics(report: Report) -> Table:
    other = report.comparison.base_name or "the baseline"
    rows = _of_parts(report, Part.DECIDES, Part.TAILS)
    return comparison_table(f"Compared with {other}", "metric", rows)


def message_table(messages: Sequence[MessageComparison]) -> Table:
    """Return the classes of messages, then the messages, the largest change for the worse first."""
    rows = [
        *_sort_by_change(messages, MessageKind.CLASS),
        *_sort_by_change(messages, MessageKind.MESSAGE),
    ]
    keys = {row.key for row in rows}
    of_metric = f" ({metric(rows[0].key).label})" if len(keys) == 1 else ""
    columns = ("message", "requests", TYPICAL, "change", interval_label(rows), "verdict")
    classes = len([row for row in rows if row.kind is MessageKind.CLASS])
    cells = [_message_row(row, with_metric=len(keys) > 1) for row in rows]
    return Table(f"Messages{of_metric}", columns, tuple(cells), tuple(rows), shown=classes + MOST_MESSAGES)


def _sort_by_change(rows: Sequence[MessageComparison], kind: MessageKind) -> list[MessageComparison]:
    of_kind = [row for row in rows if row.kind is kind]
    return sorted(of_kind, key=lambda row: (row.verdict is not Verdict.WORSE, -(row.change_ratio or 0.0)))


def _message_row(row: MessageComparison, *, with_metric: bool) -> tuple[str, ...]:
    is_class = row.kind is MessageKind.CLASS
    name = f"{row.name} ({wording.counted(row.messages, 'message')})" if is_class else row.name
    name += f", {metric(row.key).label}" if with_metric else ""
    return (
        name,
        wording.percent(row.requests_ratio),
        values_text(row),
        change_text(row),
        interval_text(row),
        row_verdict_text(row),
    )


def _pinned_metrics(report: Report) -> Table:
    return comparison_table("Compared with the pinned baseline", "metric", report.comparison.against_pinned)


def _tiers(report: Report) -> Table:
    rows = _of_parts(report, Part.LOCATES, Part.EXPLAINS)
    return comparison_table("Where the time goes", "tier", rows)


def _costs(report: Report) -> Table:
    """Return throughput and resources; empty if the base has none of them, as in an older baseline."""
    rows = _of_parts(report, Part.COSTS)
    if all(row.verdict is Verdict.NEW for row in rows):
        rows = []
    return comparison_table("Throughput and resources", "metric", rows)


def _of_parts(report: Report, *parts: Part) -> list[MetricComparison]:
    return [row for row in report.comparison.metrics if row.part in parts]


def comparison_table(title: str, name: str, rows: Sequence[MetricComparison]) -> Table:
    """Return a table of compared metrics.

    Args:
        title: Heading of the table.
        name: Heading of the first column.
        rows: The compared metrics.
    """
    is_load = bool(rows) and SAFE_LOADS.issuperset([row.key for row in rows])
    values = "base → head" if is_load else TYPICAL
    columns = (name, values, "change", interval_label(rows), "detectable", "verdict")
    return Table(title, columns, tuple(map(_comparison_row, rows)), tuple(rows))


def request_table(rows: Sequence[MetricComparison]) -> Table:
    """Return mean and median of all requests of both sides, which users know from other tools."""
    cells = []
    for row in rows:
        if row.head_mean is not None or row.head_p50 is not None:
            unit = metric(row.key).unit
            mean = wording.pair(row.base_mean, row.head_mean, unit)
            p50 = wording.pair(row.base_p50, row.head_p50, unit)
            cells.append((metric(row.key).label, mean, p50))
    return Table("All requests, not paired", ("metric", "mean", "p50"), tuple(cells), ends_in_number=True)


def interval_label(rows: Sequence[Compared]) -> str:
    """Return the heading of the intervals, with their confidence if all have the same."""
    confidences = {wording.confidence(row.confidence) for row in rows if row.confidence is not None}
    return f"{confidences.pop()} interval" if len(confidences) == 1 else "interval"


def _comparison_row(row: MetricComparison) -> tuple[str, ...]:
    tier = tier_name(row.key)
    changes = (change_text(row), interval_text(row), detectable_text(row))
    if tier is not None:
        changes = _absolute_changes(row)
    return (
        tier or step_name(row.key) or metric(row.key).label,
        describe_sides(row),
        *changes,
        row_verdict_text(row),
    )


def describe_sides(row: MetricComparison) -> str:
    """Return the values of both sides; a share of requests is shortened, so that it stays on one line."""
    if row.base_requests is None and row.head_requests is None:
        return values_text(row)
    base = wording.DASH if row.base_requests is None else wording.short_share(row.base, row.base_requests)
    head = wording.DASH if row.head_requests is None else wording.short_share(row.head, row.head_requests)
    return f"{base} → {head}"


def _absolute_changes(row: MetricComparison) -> tuple[str, str, str]:
    """Return change, interval and smallest detectable change in milliseconds.

    A percentage of a tier of one millisecond has little meaning.
    """
    exact = row.verdict in PROVEN
    interval = wording.DASH
    if row.base is not None and row.low_ratio is not None and row.high_ratio is not None:
        low_ms = row.base * row.low_ratio
        interval = wording.change_interval_ms(low_ms, row.base * row.high_ratio, exact=exact)
    detectable = wording.duration(_scale(row.base, row.detectable_ratio))
    return wording.change_ms(row.change, exact=exact), interval, detectable


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


def error_table(report: Report) -> Table:
    """Return the first failed requests of each outcome."""
    rows = []
    for error in report.result.summary.errors:
        status = wording.DASH if error.status is None else str(error.status)
        moment = f"{error.at_s:.1f} s"
        rows.append((error.outcome.value, status, error.prompt, moment, error.detail or wording.DASH))
    return Table("Failed requests", ("outcome", "status", "message", "at", "detail"), tuple(rows))
