"""The format `text`: reports for a terminal."""

import io
from collections.abc import Iterable, Iterator
from textwrap import wrap

from rich.console import Console, JustifyMethod
from rich.table import Table as RichTable
from rich.text import Text

from bench.core.history.trend import Trend
from bench.core.report.not_measured import NotMeasured
from bench.core.report.report import Report
from bench.core.report.suite import SuiteReport
from bench.core.report.words import Tone, find_word
from bench.core.values.escape import escape_terminal
from bench.core.verdict.compare import Decision
from bench.render.document.document import Document, make_document, split_headline
from bench.render.document.experiment import make_experiment_document
from bench.render.document.format import ExperimentInput, RunInput, SuiteInput, TrendInput
from bench.render.document.table import Table
from bench.render.document.trend import make_trend_document

_STYLES = {
    Tone.BAD: "red",
    Tone.CAUTION: "yellow",
    Tone.GOOD: "green",
    Tone.UNSURE: "magenta",
    Tone.QUIET: "",
}
_GAP = 2
"""Columns of text between two cells."""
_NARROW = 80
"""Width of a usual terminal: a table that fits needs no headings of several lines."""


def render_run(run: RunInput) -> Iterator[str]:
    """Yield the report on a run."""
    yield run_text(run.report, width=run.terminal.width, colour=run.terminal.colour)


def render_suite(suite: SuiteInput) -> Iterator[str]:
    """Yield the report on a suite."""
    yield suite_text(suite.report, width=suite.terminal.width, colour=suite.terminal.colour)


def render_trends(trends: TrendInput) -> Iterator[str]:
    """Yield the trends, with an empty line between two."""
    width, colour = trends.terminal.width, trends.terminal.colour
    texts = []
    for trend in trends.trends:
        texts.append(trend_text(trend, width=width, colour=colour))
    yield "\n".join(texts)


def render_experiment(experiment: ExperimentInput) -> Iterator[str]:
    """Yield the report on an experiment."""
    document = make_experiment_document(experiment.result)
    yield document_text(document, width=experiment.terminal.width, colour=experiment.terminal.colour)


def run_text(report: Report, *, width: int, colour: bool) -> str:
    """Return the report on a run as text that ends in a newline.

    Args:
        report: The judged run.
        width: Columns of the terminal.
        colour: Use ANSI colours.
    """
    return document_text(make_document(report), width=width, colour=colour)


def suite_text(suite: SuiteReport, *, width: int, colour: bool) -> str:
    """Return the decision, one line for each run, and the whole report of each run that did not pass.

    The arguments are those of `run_text`.
    """
    lines = ["".join(split_headline(suite.word, escape_terminal(suite.headline)))]
    for reason in suite.reasons:
        lines.append(f"  - {escape_terminal(reason)}")
    for failure in suite.not_measured:
        lines += _log_lines(failure)
    lines.append("")
    for report in suite.reports:
        name = escape_terminal(report.result.scenario.name)
        lines.append(f"{report.word.text:<11} {name}: {escape_terminal(report.headline)}")
    text = "\n".join(lines) + "\n"
    for report in suite.reports:
        if report.decision is not Decision.PASS:
            name = escape_terminal(report.result.scenario.name)
            text += f"\n{name}\n{run_text(report, width=width, colour=colour)}"
    return text


def _log_lines(failure: NotMeasured) -> list[str]:
    """Return the end of the log of a scenario that was not measured."""
    if not failure.log:
        return []
    lines = ["", f"The end of the log of {escape_terminal(failure.scenario)}:"]
    for line in failure.log:
        lines.append(f"  {escape_terminal(line)}")
    return lines


def trend_text(trend: Trend, *, width: int, colour: bool) -> str:
    """Return a trend as text that ends in a newline. The arguments are those of `run_text`."""
    return document_text(make_trend_document(trend), width=width, colour=colour)


def document_text(document: Document, *, width: int, colour: bool) -> str:
    """Return a document as text that ends in a newline. The arguments are those of `run_text`."""
    console = open_console(width=width, colour=colour)
    if document.capacity is not None:
        console.print(escape_terminal(document.capacity.answer), style="bold")
    decision, sentence = split_headline(document.word, escape_terminal(document.headline))
    console.print(Text.assemble((decision, f"bold {_STYLES[document.word.tone]}"), sentence))
    console.print(escape_terminal(document.next_step))
    for reason in document.reasons:
        console.print(f"  - {escape_terminal(reason)}")
    for finding in document.findings:
        console.print(f"finding: {escape_terminal(finding)}")
    for warning in document.warnings:
        console.print(f"warning: {escape_terminal(warning)}")
    for advice in document.advice:
        console.print(f"advice: {escape_terminal(advice)}")
    capacity = document.capacity
    tables = (
        (*document.judged, *document.details) if capacity is None else capacity.select_tables(document.judged)
    )
    for table in tables:
        console.print()
        console.print(escape_terminal(table.title), style="bold")
        console.print(make_rich_table(table))
    console.print()
    console.print(make_grid(document.facts if capacity is None else capacity.facts))
    return read_console(console)


def open_console(*, width: int, colour: bool) -> Console:
    """Return a console that writes into memory. The arguments are those of `run_text`."""
    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def read_console(console: Console) -> str:
    """Return the text of a console that `open_console` made, without blanks at the ends of lines."""
    assert isinstance(console.file, io.StringIO)  # noqa: S101 - see open_console
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


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
        style = _STYLES[word.tone] if word else ""
        drawn = () if table.drawing is None else (table.drawing.cells[number],)
        cells = map(escape_terminal, row[1:-1])
        rich_table.add_row(escape_terminal(row[0]), *drawn, *cells, Text(escape_terminal(row[-1]), style))
    return rich_table
