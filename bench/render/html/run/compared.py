"""The panel of the compared metrics: those that decide, changed costs and thresholds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.core.report.report import Report
from bench.core.report.row_words import describe_tolerances
from bench.core.report.sentences import change_text
from bench.core.report.words import CROSSED, KEPT, PROVEN, Tone
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, step_name
from bench.core.verdict.message_comparison import MessageComparison
from bench.core.verdict.verdict import MetricComparison
from bench.render.document.capacity import make_capacity_document
from bench.render.document.document import describe_sides
from bench.render.document.loads import describe_limit
from bench.render.html.figures import Interval, make_intervals
from bench.render.html.parts import DrawnTable, limit_rows
from bench.render.html.run.compact import CompactRow, CompactTable, describe_verdict

_ALWAYS = (Part.DECIDES, Part.TAILS)
"""Parts that are always shown."""
_IF_CHANGED = (Part.STEPS, Part.COSTS)
"""Parts that are shown if they changed."""


@dataclass(frozen=True, slots=True)
class ThresholdChip:
    """A threshold with its result."""

    limit: str
    """Metric and limit."""
    measured: str
    """Value of this run."""
    word: str
    """`kept` or `crossed`."""
    tone: Tone
    """Its colour."""


@dataclass(frozen=True, slots=True)
class ComparedPanel:
    """The panel of the compared metrics."""

    title: str
    """Heading."""
    rows: CompactTable | None
    """The deciding metrics, and costs that changed; None without a baseline."""
    thresholds: tuple[ThresholdChip, ...]
    """Thresholds of the scenario."""
    complete: tuple[DrawnTable, ...]
    """Tables in folds."""
    tolerances: str = ""
    """Tolerances of the metrics that have a drawn interval; empty without one."""


def make_compared(report: Report, judged: Sequence[DrawnTable]) -> ComparedPanel | None:
    """Return the panel; None if the run has no tables for it.

    Args:
        report: The judged run.
        judged: Its tables; those of tiers and messages have panels of their own.
    """
    capacity = make_capacity_document(report.result)
    complete = []
    for table in judged:
        is_of_search = capacity is not None and table.table == limit_rows(capacity.trials)
        if not table.tiers and not is_of_messages(table) and not is_of_search:
            complete.append(table)
    if not complete:
        return None
    compared = [row for row in report.comparison.metrics if row.part in _ALWAYS]
    rows = _list_rows(report, compared) if compared else None
    return ComparedPanel(
        title="Thresholds of the scenario" if rows is None else "Compared metrics",
        rows=rows,
        thresholds=tuple(_list_thresholds(report)),
        complete=tuple(complete),
        tolerances=describe_tolerances(compared),
    )


def is_of_messages(table: DrawnTable) -> bool:
    """Return whether the rows of a table are messages."""
    return any(isinstance(row, MessageComparison) for row in table.table.compared)


def _list_rows(report: Report, compared: Sequence[MetricComparison]) -> CompactTable:
    """Return the deciding metrics with their intervals, then what else changed."""
    rows = []
    for row, interval in zip(compared, make_intervals(compared), strict=True):
        rows.append(_make_row(row, metric(row.key).label, interval))
    for row in report.comparison.metrics:
        if row.part in _IF_CHANGED and row.verdict in PROVEN:
            rows.append(_make_row(row, step_name(row.key) or metric(row.key).label))
    for row in report.comparison.against_pinned:
        if row.verdict in PROVEN:
            rows.append(_make_row(row, f"{metric(row.key).label}, since the pinned baseline"))
    other = report.comparison.base_name or "the baseline"
    title = f"Metrics compared with {other}"
    return CompactTable(title, ("metric", "typical"), tuple(rows), directions=("lower", "higher"))


def _make_row(row: MetricComparison, name: str, interval: Interval | None = None) -> CompactRow:
    return CompactRow(
        name=name,
        cells=(describe_sides(row),),
        change=change_text(row),
        word=describe_verdict(row),
        interval=interval,
    )


def _list_thresholds(report: Report) -> Iterable[ThresholdChip]:
    if report.result.capacity is not None:
        return
    for threshold in report.result.thresholds:
        word = CROSSED if threshold.crossed else KEPT
        tone = Tone.BAD if threshold.crossed else Tone.GOOD
        yield ThresholdChip(describe_limit(threshold), threshold.measured, word.text, tone)
