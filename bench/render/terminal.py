"""A report for a terminal."""

import io

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from bench.core.report.report import Report
from bench.core.verdict.compare import Decision
from bench.render.document import Document, make_document
from bench.render.lines import one_line
from bench.render.table import Table

_STYLES = {
    Decision.PASS: "bold green",
    Decision.FAIL: "bold red",
    Decision.INCONCLUSIVE: "bold yellow",
    Decision.INVALID: "bold yellow",
    "regressed": "red",
    "crossed": "red",
    "missing": "red",
    "improved": "green",
    "worse": "red",
    "better": "green",
}
_LONGEST_CELL = 200


def render_terminal(report: Report, *, width: int, colour: bool) -> str:
    """The report as text that ends in a newline.

    Args:
        report: What to say.
        width: Columns of the terminal.
        colour: Whether to use ANSI colours.
    """
    return show(make_document(report), width=width, colour=colour)


def show(document: Document, *, width: int, colour: bool) -> str:
    """A document as text that ends in a newline; the arguments are those of `render_terminal`."""
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    console.print(Text(document.decision.upper(), _STYLES[document.decision]), clean(document.headline))
    console.print(clean(document.next_step))
    for reason in document.reasons:
        console.print(f"  - {clean(reason)}")
    for warning in document.warnings:
        console.print(f"warning: {clean(warning)}")
    for table in (*document.judged, *document.details):
        console.print()
        console.print(clean(table.title), style="bold")
        console.print(_rich(table))
    console.print()
    facts = RichTable.grid(padding=(0, 2, 0, 0))
    for label, text in document.facts:
        facts.add_row(label, clean(text))
    console.print(facts)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _rich(table: Table) -> RichTable:
    made = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    last = len(table.columns) - 1
    for index, column in enumerate(table.columns):
        made.add_column(column, justify="left" if index in {0, last} else "right", overflow="fold")
    for row in table.rows:
        made.add_row(*(Text(clean(text), _STYLES.get(text, "")) for text in row))
    return made


def clean(text: str) -> str:
    """A text on one line, cut where it is too long, without anything that moves a cursor."""
    line = one_line(text)
    return line if len(line) <= _LONGEST_CELL else f"{line[:_LONGEST_CELL]}…"
