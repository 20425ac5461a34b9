"""The results of a run for a terminal: what `bench run` prints at its end."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from bench.core.report.words import DECISIONS
from bench.core.run.result import RunResult
from bench.core.values.escape import escape_terminal
from bench.core.verdict.compare import Decision
from bench.render.document.capacity import CapacityDocument, make_capacity_document
from bench.render.document.format import Terminal
from bench.render.document.results import make_results
from bench.render.rich_table import make_grid, make_rich_table
from bench.render.short.results import short_results_text
from bench.render.terminal import open_console, read_console, style_decision


def results_text(result: RunResult, terminal: Terminal) -> str:
    """Return the results of a run as text that ends in a newline: short ones for a screen."""
    if terminal.short is not None:
        return short_results_text(result, terminal.short, width=terminal.width, colour=terminal.colour)
    capacity = make_capacity_document(result)
    if capacity is not None:
        return _capacity_text(result, capacity, terminal)
    results = make_results(result)
    console = open_console(width=terminal.width, colour=terminal.colour)
    console.print(escape_terminal(results.headline), style="bold")
    _print_problems(console, results.problems)
    console.print()
    console.print(make_grid(results.facts))
    for table in results.tables:
        console.print()
        console.print(make_rich_table(table))
        if results.marks and table is results.tables[0]:
            console.print(escape_terminal(results.marks), style="dim")
    if results.findings or results.warnings:
        console.print()
    for finding in results.findings:
        console.print(f"finding: {escape_terminal(finding)}")
    for warning in results.warnings:
        console.print(f"warning: {escape_terminal(warning)}")
    return read_console(console)


def _capacity_text(result: RunResult, document: CapacityDocument, terminal: Terminal) -> str:
    """Return the answer of a capacity search as text: the answer first, the next step last."""
    console = open_console(width=terminal.width, colour=terminal.colour)
    console.print(escape_terminal(document.answer), style="bold")
    _print_problems(console, result.validity.reasons)
    trials = document.terminal_trials
    if trials.rows:
        console.print()
        console.print(trials.title, style="bold")
        console.print(make_rich_table(trials))
    console.print()
    console.print(make_grid(document.facts))
    for warning in result.warnings:
        console.print(f"warning: {escape_terminal(warning)}")
    console.print(escape_terminal(document.next_step))
    return read_console(console)


def _print_problems(console: Console, problems: Sequence[str]) -> None:
    for problem in problems:
        invalid = style_decision(DECISIONS[Decision.INVALID])
        console.print(Text.assemble(invalid, f" {escape_terminal(problem)}"))
