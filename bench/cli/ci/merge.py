"""`bench ci merge`: several scenarios of one version, judged together."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.judging import (
    Strict,
    drawn,
    exit_of,
    judged_together,
    out_option,
    parse_outputs,
    to_stdout,
    write_texts,
)
from bench.render.document.format import SuiteInput, Terminal
from bench.render.formats import SUITE_FORMATS


def merge(
    runs: Annotated[list[Path], typer.Argument(help="Runs' folders, or their result.json.")],
    *,
    suite: Annotated[
        str | None, typer.Option("--suite", help="All scenarios of this suite must be among them.")
    ] = None,
    strict: Strict = False,
    out: Annotated[list[str] | None, out_option(SUITE_FORMATS)] = None,
) -> None:
    """Judge runs of several scenarios together.

    A second run of a scenario is what it was measured again with. Among many scenarios one looks worse by
    chance, and what moves all of them may be the machine: both are taken into account.
    """
    from bench.publish.actions import annotations
    from bench.store.results import folder_of, load

    outputs = parse_outputs(out, SUITE_FORMATS)
    results = {run: load(run) for run in runs}
    report = judged_together([*results.values()], suite)
    printed = to_stdout(outputs)
    if (printed is None or printed.form.name == "text") and os.environ.get("GITHUB_ACTIONS") == "true":
        print(annotations(report), end="")

    homes = {result.provenance.run_id: folder_of(run) for run, result in results.items()}

    def make_input(terminal: Terminal) -> SuiteInput:
        return SuiteInput(
            report=report,
            series=lambda: [drawn(run, homes[run.result.provenance.run_id]) for run in report.reports],
            terminal=terminal,
        )

    write_texts(outputs, SUITE_FORMATS["text"], make_input)
    raise typer.Exit(exit_of(report.decision, strict=strict))
