"""Tables and lists of facts for a terminal."""

from collections.abc import Iterable
from textwrap import wrap

from rich.console import JustifyMethod
from rich.table import Table as RichTable
from rich.text import Text

from bench.core.report.words import find_word
from bench.core.values.escape import escape_terminal
from bench.render.document.table import Table
from bench.render.terminal import STYLES

_GAP = 2
"""Columns of text between two cells."""
_NARROW = 80
"""Width of a usual terminal: a table that fits needs no headings of several lines."""


def make_grid(facts: Iterable[tuple[str, str]]) -> RichTable:
    """Return labels with a text each."""
    grid = RichTable.grid(padding=(0, 2, 0, 0))
    for label, text in facts:
        grid.add_row(label, escape_terminal(text))
    return grid


def _width(table: Table) -> int:
    """Return the width of a table whose headings are in one line."""
    width = 0
    for index, heading in enumerate(table.columns):
        width += max(map(len, (heading, *(row[index] for row in table.rows)))) + _GAP
    if table.drawing is not None:
        width += max(map(len, (table.drawing.heading, *table.drawing.cells))) + _GAP
    return width - _GAP


def _wrap_heading(table: Table, index: int) -> str:
    """Return a heading in lines that are not wider than the cells below it, if the table needs the space."""
    heading = table.columns[index]
    if _width(table) <= _NARROW:
        return heading
    widest = max(map(len, (*(row[index] for row in table.rows), *heading.split())), default=1)
    return "\n".join(wrap(heading, widest))


def make_rich_table(table: Table) -> RichTable:
    """Return a table without its heading."""
    rich_table = RichTable(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    words = {0} if table.ends_in_number else {0, len(table.columns) - 1}
    for index in range(len(table.columns)):
        justify: JustifyMethod = "left" if index in words else "right"
        rich_table.add_column(_wrap_heading(table, index), justify=justify, overflow="fold")
        if index == 0 and table.drawing is not None:
            rich_table.add_column(table.drawing.heading, no_wrap=True)
    for number, row in enumerate(table.rows):
        word = find_word(row[-1])
        style = STYLES[word.tone] if word else ""
        drawn = () if table.drawing is None else (table.drawing.cells[number],)
        cells = map(escape_terminal, row[1:-1])
        rich_table.add_row(escape_terminal(row[0]), *drawn, *cells, Text(escape_terminal(row[-1]), style))
    return rich_table
