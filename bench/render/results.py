"""The results of a run for a terminal: what `bench run` prints at its end."""

from rich.text import Text

from bench.core.run.result import RunResult
from bench.core.values.escape import escape_terminal
from bench.render.document.format import Terminal
from bench.render.document.results import make_results
from bench.render.text import make_grid, make_rich_table, open_console, read_console


def results_text(result: RunResult, terminal: Terminal) -> str:
    """Return the results of a run as text that ends in a newline."""
    results = make_results(result)
    console = open_console(width=terminal.width, colour=terminal.colour)
    console.print(escape_terminal(results.headline), style="bold")
    for problem in results.problems:
        console.print(Text.assemble(("INVALID", "bold yellow"), f" {escape_terminal(problem)}"))
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
