"""The format `text` of several runs side by side."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import repeat

from rich.cells import cell_len, set_cell_size

from bench.core.experiment.quantities import CPU, MEMORY
from bench.core.report.side_by_side import SideBySide
from bench.core.samples.cost_metrics import SAFE_LOAD, SAFE_RATE, THROUGHPUT, TOKENS_PER_REQUEST
from bench.core.samples.metrics import RESPONSE_TIME
from bench.core.values import wording
from bench.core.values.escape import escape_terminal, one_line
from bench.render.document.format import SideBySideInput
from bench.render.document.side_by_side import (
    SideBySideDocument,
    extreme_table,
    group_values,
    list_letters,
    list_summary_metrics,
    make_side_by_side_document,
    write_value,
)
from bench.render.document.table import Table
from bench.render.rich_table import make_rich_table
from bench.render.terminal import open_console, read_console

_MOST_COLUMNS = 3
"""Runs that have a column each in a short report."""
_SHORTEST_NAME = 12
"""Characters of the first column on a narrow screen."""
_GAP = 2
_FEWEST_COLUMNS = 3
"""Columns that a table keeps on the narrowest screen."""
_LONGEST = 2_000
"""Characters of a text of several lines."""
_HEADINGS = {
    RESPONSE_TIME: "response",
    THROUGHPUT: "answers/s",
    CPU: "CPU/req",
    MEMORY: "memory",
    TOKENS_PER_REQUEST: "tokens/request",
    SAFE_LOAD: "safe load",
    SAFE_RATE: "safe load",
}
"""Short headings of the metrics that stand next to the name of a run; other metrics are left out."""


@dataclass(frozen=True, slots=True)
class _Screen:
    """The rows that a short report shows."""

    metrics: int
    conditions: int
    warnings: int

    def shrink(self) -> "_Screen | None":
        """Return the next smaller one; None if it is the smallest."""
        if self.conditions > max(1, self.metrics // 2):
            return replace(self, conditions=self.conditions - 1)
        if self.metrics > 1:
            return replace(self, metrics=self.metrics - 1)
        if self.warnings > 1:
            return replace(self, warnings=self.warnings - 1)
        if self.conditions:
            return replace(self, conditions=0)
        return replace(self, metrics=0, warnings=0) if self.metrics or self.warnings else None


def render_side_by_side(side: SideBySideInput) -> Iterator[str]:
    """Yield the report on the runs; with `most_lines`, the smallest differences are left out."""
    document = make_side_by_side_document(side.report)
    if side.most_lines is None:
        yield _write_all(document, side)
        return
    screen: _Screen | None = _Screen(
        len(document.metrics.rows), len(side.report.differing), len(document.warnings)
    )
    text = ""
    while screen is not None:
        text = _write_screen(document, side, screen)
        if len(text.splitlines()) <= side.most_lines:
            break
        screen = screen.shrink()
    yield text


def _write_all(document: SideBySideDocument, side: SideBySideInput) -> str:
    console = open_console(width=side.terminal.width, colour=side.terminal.colour)
    console.print(_clean(document.headline), style="bold")
    console.print(_clean(document.next_step))
    for warning in document.warnings:
        console.print(_clean(f"warning: {warning}"))
    for table in (document.runs, document.metrics, document.differing):
        if table.rows:
            console.print()
            console.print(escape_terminal(table.title), style="bold")
            console.print(make_rich_table(table))
    console.print()
    if not document.differing.rows:
        console.print("No condition differs.")
    shared = "; ".join(map(" ".join, document.shared))
    console.print(_clean(f"The same: {shared}." if shared else "No condition is the same."))
    return read_console(console)


def _write_screen(document: SideBySideDocument, side: SideBySideInput, screen: _Screen) -> str:
    width = side.terminal.width
    console = open_console(width=width, colour=side.terminal.colour)
    console.print(_clean(document.headline), style="bold")
    console.print(_clean(document.next_step))
    for warning in document.warnings[: screen.warnings]:
        console.print(_fit(f"warning: {one_line(warning)}", width))
    metrics, conditions = _make_tables(document, side.report)
    for table in (
        _drop_columns(_list_runs(side.report), width, -1),
        _drop_columns(_cut(metrics, screen.metrics), width, 1),
        _cut(conditions, screen.conditions),
    ):
        if table.rows:
            console.print()
            for number, line in enumerate(_lay_out(table, width)):
                console.print(line, style="" if number else "dim")
    console.print()
    console.print(_describe_shared(document, width))
    hidden = (
        (len(metrics.rows) - screen.metrics, "metric"),
        (len(conditions.rows) - screen.conditions, "difference"),
        (len(document.warnings) - screen.warnings, "warning"),
    )
    more = []
    for count, word in hidden:
        if count > 0:
            more.append(wording.counted(count, f"more {word}"))
    if more:
        console.print(f"{wording.listing(more)}: --verbose")
    return read_console(console)


def _list_runs(side: SideBySide) -> Table:
    """Return a line for each run: its id, its commit, and the metrics that the headline compares."""
    summary = [row for row in list_summary_metrics(side) if row.key in _HEADINGS]
    rows = []
    for number, run in enumerate(side.runs):
        name = f"{run.marked_letter:<2} {run.run_id}"
        succeeded = wording.percent(run.ok / run.requests) if run.requests else wording.DASH
        rows.append(
            (name, run.version, succeeded, *(write_value(row, row.values[number]) for row in summary))
        )
    columns = ("   run", "commit", "ok", *(_HEADINGS[row.key] for row in summary))
    return Table("Runs", columns, tuple(rows), ends_in_number=True)


def _make_tables(document: SideBySideDocument, side: SideBySide) -> tuple[Table, Table]:
    """Return the table of metrics and that of the differing conditions, with few columns for many runs."""
    letters = list_letters(side)
    if len(letters) <= _MOST_COLUMNS:
        metrics = document.metrics
        differing = document.differing
    else:
        metrics = extreme_table(side)
        rows = [(row.name, group_values(letters, row.values)) for row in side.differing]
        differing = Table(document.differing.title, ("condition", "runs"), tuple(rows))
    return (
        replace(metrics, columns=("largest differences", *metrics.columns[1:])),
        replace(differing, columns=("what differs", *differing.columns[1:])),
    )


def _cut(table: Table, rows: int) -> Table:
    return replace(table, rows=table.rows[:rows])


def _drop_columns(table: Table, width: int, place: int) -> Table:
    """Leave out the columns that have no room on a narrow screen; the first column and two others stay.

    Args:
        table: The table.
        width: Columns of the terminal.
        place: Which column is left out first, such as -1 for the last one.
    """
    while len(table.columns) > _FEWEST_COLUMNS and _least_width(table) > width:
        rows = tuple(_without(row, place) for row in table.rows)
        table = replace(table, columns=_without(table.columns, place), rows=rows)
    return table


def _least_width(table: Table) -> int:
    """Return the width of a table whose first column is cut as far as possible."""
    first, *others = zip(table.columns, *table.rows, strict=True)
    width = min(_SHORTEST_NAME, max(map(cell_len, first)))
    for column in others:
        width += _GAP + max(map(cell_len, map(one_line, column)))
    return width


def _without(cells: tuple[str, ...], place: int) -> tuple[str, ...]:
    return tuple(cell for number, cell in enumerate(cells) if number != place % len(cells))


def _lay_out(table: Table, width: int) -> Iterator[str]:
    """Yield the head and the rows of a table, each on one line; cells that have no room are cut."""
    rows = [table.columns, *(tuple(map(one_line, row)) for row in table.rows)]
    widths = []
    for column in zip(*rows, strict=True):
        widths.append(max(map(cell_len, column)))
    gaps = _GAP * (len(widths) - 1)
    widths[0] = max(_SHORTEST_NAME, min(widths[0], width - gaps - sum(widths[1:])))
    room = max(1, (width - gaps - widths[0]) // max(1, len(widths) - 1))
    if sum(widths) + gaps > width:
        widths[1:] = map(min, widths[1:], repeat(room))
    for first, *others in rows:
        cells = [set_cell_size(_fit(first, widths[0]), widths[0])]
        for cell, size in zip(others, widths[1:], strict=True):
            text = _fit(cell, size)
            cells.append(" " * (size - cell_len(text)) + text)
        yield (" " * _GAP).join(cells).rstrip()


def _fit(text: str, width: int) -> str:
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"


def _describe_shared(document: SideBySideDocument, width: int) -> str:
    """Return the common conditions on one line, and the number of those that have no room."""
    if not document.shared:
        return "No condition is the same."
    text = "The same:"
    for number, (name, value) in enumerate(document.shared):
        part = f" {name} {one_line(value)};"
        more = f" {len(document.shared) - number} more: --verbose"
        if number and len(text) + len(part) + len(more) > width:
            return _fit(f"{text}{more}", width)
        text += part
    return _fit(f"{text[:-1]}.", width)


def _clean(text: str) -> str:
    return wording.shorten(one_line(text), _LONGEST)
