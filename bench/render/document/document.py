"""A report as rows of text, in the order in which it is read. What is not known is a dash.

Every format is made from this, so none can say another thing. Nothing is escaped here: each format has its
own dangerous characters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.core.report.report import Report
from bench.core.samples.metric import MetricKind, Part
from bench.core.samples.metrics import METRICS, UNATTRIBUTED, label_and_unit, metric, tier_name
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import INTERVAL, MetricComparison, Verdict
from bench.core.watch.alerts import describe
from bench.render.document.facts import facts
from bench.render.document.loads import loads
from bench.render.document.table import Table
from bench.render.document.watched import alerts, availabilities, resources

_VERDICTS = {
    Verdict.IMPROVED: "improved",
    Verdict.UNCHANGED: "~",  # no difference that could be told from noise, which is not the same as none
    Verdict.REGRESSED: "regressed",
    Verdict.INCONCLUSIVE: "cannot tell",
    Verdict.MISSING: "missing",
    Verdict.NEW: "new",
}


@dataclass(frozen=True, slots=True)
class Document:
    """What every format shows.

    Attributes:
        scenario: Name of the scenario.
        decision: The verdict on the run.
        headline: The judgement in one sentence.
        next_step: What the reader does now.
        reasons: What the judgement rests on beside the headline.
        judged: What decided it, first, and then where the time goes.
        details: The rest: latencies, resources, errors.
        facts: Label and text: the load, the run, the baseline, the machine.
        warnings: What was odd.
        alerts: What somebody should look at, though it fails no run.
    """

    scenario: str
    decision: Decision
    headline: str
    next_step: str
    reasons: tuple[str, ...]
    judged: tuple[Table, ...]
    details: tuple[Table, ...]
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    alerts: tuple[str, ...] = ()


def make_document(report: Report) -> Document:
    """The document of a report."""
    result, comparison = report.result, report.comparison
    # A single reason is the headline already.
    reasons = comparison.reasons if len(comparison.reasons) > 1 else ()
    return Document(
        scenario=result.scenario.name,
        decision=comparison.decision,
        headline=report.headline,
        next_step=report.next_step,
        reasons=reasons,
        judged=_filled(
            [
                _decided(report),
                _pinned(report),
                _located(report),
                _thresholds(report),
                alerts(report.result.alerts or ()),
            ]
        ),
        details=_filled(
            [
                *loads(result.summary.bottleneck),
                _latencies(report),
                _outcomes(report),
                availabilities(report.result.summary.availability),
                *resources(report.result.summary.resources),
                _errors(report),
            ]
        ),
        facts=facts(report),
        warnings=result.warnings,
        alerts=tuple(describe(alert) for alert in result.alerts or ()),
    )


def _filled(tables: Iterable[Table]) -> tuple[Table, ...]:
    return tuple(table for table in tables if table.rows)


def _decided(report: Report) -> Table:
    rows = [each for each in report.comparison.metrics if each.part in {Part.DECIDES, Part.TAILS}]
    return compare_with(f"Beside {report.comparison.base_name or 'the baseline'}", "metric", rows)


def _pinned(report: Report) -> Table:
    return compare_with("Beside the anchor", "metric", report.comparison.against_pinned)


def _located(report: Report) -> Table:
    rows = [each for each in report.comparison.metrics if each.part in {Part.LOCATES, Part.EXPLAINS}]
    return compare_with("Where the time goes", "tier", rows)


def compare_with(title: str, name: str, rows: Sequence[MetricComparison], head: str = "this run") -> Table:
    """Metrics of a run, or of what `head` says, beside those of others."""
    columns = (name, "baseline", head, "change", f"{INTERVAL:.0%} interval", "detectable", "verdict")
    return Table(title, columns, tuple(_compared(each) for each in rows), tuple(rows))


def _compared(each: MetricComparison) -> tuple[str, ...]:
    row, tier = metric(each.key), tier_name(each.key)
    return (
        tier or row.label,
        wording.value(each.base, row.unit),
        wording.value(each.head, row.unit),
        *(_shares(each) if tier is None else _milliseconds(each)),
        _VERDICTS[each.verdict],
    )


def _shares(each: MetricComparison) -> tuple[str, str, str]:
    """Change, interval and the smallest detectable change, in per cent of the baseline."""
    low, high = wording.change(each.low_ratio), wording.change(each.high_ratio)
    interval = wording.DASH if each.low_ratio is None else f"{low.removesuffix(' %')} to {high}"
    return wording.change(each.change_ratio), interval, wording.change(each.mde_ratio)


def _milliseconds(each: MetricComparison) -> tuple[str, str, str]:
    """The same in milliseconds: of a tier that takes one, a share of it says little."""
    low, high, smallest = (
        None if ratio is None or each.base is None else ratio * each.base
        for ratio in (each.low_ratio, each.high_ratio, each.mde_ratio)
    )
    start, end = wording.change_ms(low), wording.change_ms(high)
    if end.endswith(" ms"):
        start = start.removesuffix(" ms")
    interval = wording.DASH if low is None else f"{start} to {end}"
    return wording.change_ms(each.change), interval, wording.change_ms(smallest)


def _thresholds(report: Report) -> Table:
    rows = []
    for each in report.result.thresholds:
        label, unit = label_and_unit(each.metric)
        verdict = "crossed" if each.crossed else "kept"
        rows.append((label, each.expression.source, wording.value(each.value, unit), verdict))
    return Table("Thresholds", ("metric", "limit", "this run", "verdict"), tuple(rows))


def _latencies(report: Report) -> Table:
    summaries = report.result.summary.metrics
    keys = [key for key in summaries if metric(key).kind is MetricKind.TREND]
    rows = []
    for key in sorted(keys, key=lambda key: (key not in METRICS, tier_name(key) == UNATTRIBUTED)):
        each = summaries[key]
        quantiles = {"p50": each.p50, "p90": each.p90, "p95": each.p95, "p99": each.p99}
        shown = [
            f"{wording.duration(value)}{_mark(name, each.unreliable, value)}"
            for name, value in quantiles.items()
        ]
        rows.append((metric(key).label, str(each.count), wording.duration(each.mean), *shown))
    columns = ("latency", "requests", "mean", "p50", "p90", "p95", "p99")
    return Table("Latencies (? has too few requests to be certain)", columns, tuple(rows))


def _mark(name: str, unreliable: Sequence[str], value: float | None) -> str:
    return "?" if value is not None and name in unreliable else ""


def _outcomes(report: Report) -> Table:
    outcomes = report.result.summary.outcomes
    rows = tuple((outcome.value, str(count)) for outcome, count in outcomes.items())
    return Table("Outcomes", ("outcome", "requests"), rows)


def _errors(report: Report) -> Table:
    rows = tuple(
        (
            each.outcome.value,
            wording.DASH if each.status is None else str(each.status),
            each.prompt,
            f"{each.at_s:.1f} s",
            each.detail or wording.DASH,
        )
        for each in report.result.summary.errors
    )
    return Table("Failed requests", ("outcome", "status", "message", "at", "detail"), rows)
