"""The panel of the messages: their changes on the tolerance, or without a baseline their typical times."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.report.report import Report
from bench.core.report.row_words import describe_tolerances
from bench.core.report.sentences import change_text, values_text
from bench.core.report.words import Word
from bench.core.samples.metrics import RESPONSE_TIME, metric
from bench.core.values import wording
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.render.html.parts import DrawnTable
from bench.render.html.run.compact import CompactRow, CompactTable, describe_verdict, list_tones
from bench.render.html.run.compared import is_of_messages

_MOST_OPEN = 9
"""Messages that stay open, without a baseline."""
_MOST_TIMES = 50
"""Messages with a row of their own, without a baseline."""


@dataclass(frozen=True, slots=True)
class MessagePanel:
    """The panel of the messages."""

    rows: CompactTable
    """Classes, then the largest changes; without a baseline the longest times."""
    more: CompactTable | None
    """Further messages, without a baseline; else None."""
    left_out: int
    """Number of messages without a row."""
    complete: DrawnTable | None
    """All messages with their intervals; None without a baseline."""
    tones: tuple[Word, ...]
    """Legend of the signs."""
    tolerances: str = ""
    """Tolerances of the messages; empty without a baseline."""


def make_messages(report: Report, judged: Sequence[DrawnTable]) -> MessagePanel | None:
    """Return the panel; None if the run has fewer than two messages, or is a search of its load.

    Args:
        report: The judged run.
        judged: Its tables, of which one may be that of the messages.
    """
    if report.result.capacity is not None:
        return None
    for table in judged:
        if is_of_messages(table):
            return _list_changes(table)
    return _list_times(report)


def _list_changes(complete: DrawnTable) -> MessagePanel:
    """Return the classes and the first messages of the table of all messages, which is sorted by change."""
    table = complete.table
    rows = []
    for cells, row, interval in zip(table.rows, table.compared, complete.intervals, strict=True):
        rows.append(
            CompactRow(
                name=cells[0],
                cells=(values_text(row), cells[1]),
                change=change_text(row),
                word=describe_verdict(row),
                interval=interval,
                is_group=isinstance(row, MessageComparison) and row.kind is MessageKind.CLASS,
            )
        )
    shown = rows[: table.shown]
    return MessagePanel(
        rows=CompactTable(
            f"{table.title}, by change", ("message", "typical", "requests"), tuple(shown), has_words=False
        ),
        more=None,
        left_out=0,
        complete=complete,
        tones=list_tones(shown),
        tolerances=describe_tolerances(table.compared),
    )


def _list_times(report: Report) -> MessagePanel | None:
    """Return the messages by their typical response time, the longest first."""
    summary = report.result.summary
    response_time = summary.metrics.get(RESPONSE_TIME)
    if response_time is None or len(response_time.figures) <= 1:
        return None
    figures = sorted(response_time.figures.items(), key=lambda item: -item[1])
    longest_ms = figures[0][1]
    rows = []
    for name, time_ms in figures[:_MOST_TIMES]:
        use = summary.messages.get(name)
        share = wording.DASH if use is None else wording.percent(use.requests / summary.requests)
        is_bound = name in response_time.bounded_figures
        rows.append(
            CompactRow(
                name=name,
                cells=(wording.duration(time_ms, lower_bound=is_bound), share),
                bar=round(100.0 * time_ms / longest_ms, 1) if longest_ms > 0 else 0.0,
            )
        )
    columns = ("message", "typical", "requests")
    title = f"Messages by {metric(RESPONSE_TIME).label}"
    more = CompactTable(f"{title}, continued", columns, tuple(rows[_MOST_OPEN:]))
    return MessagePanel(
        rows=CompactTable(title, columns, tuple(rows[:_MOST_OPEN])),
        more=more if more.rows else None,
        left_out=len(figures) - len(rows),
        complete=None,
        tones=(),
    )
