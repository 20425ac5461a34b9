"""The format `text`: reports for a terminal."""

from collections.abc import Iterator

from rich.text import Text

from bench.core.history.trend import Trend
from bench.core.report.not_measured import NotMeasured
from bench.core.report.report import Report
from bench.core.report.suite import SuiteReport
from bench.core.report.words import sign_unanswered
from bench.core.values.escape import escape_terminal
from bench.core.verdict.compare import Decision
from bench.render.document.document import Document, make_document, split_headline
from bench.render.document.experiment import make_experiment_document
from bench.render.document.format import ExperimentInput, RunInput, SuiteInput, TrendInput
from bench.render.document.trend import make_trend_document
from bench.render.rich_table import make_grid, make_rich_table
from bench.render.short.run import short_run_text
from bench.render.short.suite import short_suite_text
from bench.render.terminal import open_console, read_console, style_decision

_WORD = 16
"""Columns of a decision with its sign."""


def render_run(run: RunInput) -> Iterator[str]:
    """Yield the report on a run: a short one for a screen, else the complete one."""
    terminal = run.terminal
    if terminal.short is None:
        yield run_text(run.report, width=terminal.width, colour=terminal.colour)
    else:
        yield short_run_text(run.report, terminal.short, width=terminal.width, colour=terminal.colour)


def render_suite(suite: SuiteInput) -> Iterator[str]:
    """Yield the report on a suite: a short one for a screen, else the complete one."""
    terminal = suite.terminal
    if terminal.short is None:
        yield suite_text(suite.report, width=terminal.width, colour=terminal.colour)
    else:
        yield short_suite_text(suite.report, terminal.short, width=terminal.width, colour=terminal.colour)


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
    decision, sentence = split_headline(suite.word, escape_terminal(suite.headline))
    lines = [f"{sign_unanswered(suite.word)}{decision}{sentence}"]
    for reason in suite.reasons:
        lines.append(f"  - {escape_terminal(reason)}")
    for failure in suite.not_measured:
        lines += _log_lines(failure)
    lines.append("")
    for report in suite.reports:
        name = escape_terminal(report.result.scenario.name)
        word = f"{sign_unanswered(report.word)}{report.word.text}"
        lines.append(f"{word:<{_WORD}} {name}: {escape_terminal(report.headline)}")
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
    console.print(Text.assemble(style_decision(document.word, decision), sentence))
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
