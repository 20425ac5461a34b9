"""Print the report of a judged run or of a judged suite, and exit with the code of its verdict."""

import os
from collections.abc import Sequence
from typing import NoReturn

import typer

from bench.cli.console import say
from bench.cli.outputs import Output, count_lines, short_layout, write_outputs
from bench.cli.verdict import exit_code
from bench.render.document.format import RunInput, SuiteInput
from bench.render.formats import RUN_FORMATS, SUITE_FORMATS
from bench.usecases.compare import JudgedRun
from bench.usecases.merge import JudgedSuite, render_suite
from bench.usecases.report import render_run

_MOST_FOLDERS = 3
"""Folders that are named one by one below a short report."""


def end_with_run(
    judged: JudgedRun, outputs: Sequence[Output[RunInput]], *, strict: bool, verbose: bool
) -> NoReturn:
    """Print the report of a run, name its folder, and exit.

    Raises:
        StoreError: The run could not be stored.
        typer.Exit: Always, with the exit code.
    """
    written = f"written to {judged.folder}"
    below = count_lines([written])
    write_outputs(
        outputs,
        lambda form, terminal: render_run(judged, form, terminal),
        judged.folder,
        default=RUN_FORMATS["text"],
        short=None if verbose else short_layout(judged.folder, below=below),
    )
    if judged.problem is not None:
        raise judged.problem
    say(f"\n{written}" if verbose else written)
    raise typer.Exit(exit_code(judged.decision, strict=strict))


def end_with_suite(
    judged: JudgedSuite, outputs: Sequence[Output[SuiteInput]], *, strict: bool, verbose: bool
) -> NoReturn:
    """Print the report of a suite, name the folders of its runs, and exit.

    Raises:
        StoreError: A run could not be stored.
        typer.Exit: Always, with the exit code.
    """
    write_suite(judged, outputs, verbose=verbose)
    raise typer.Exit(exit_code(judged.decision, strict=strict))


def write_suite(judged: JudgedSuite, outputs: Sequence[Output[SuiteInput]], *, verbose: bool) -> None:
    """Print the report of a suite, and name the folders of its runs.

    Raises:
        StoreError: A run could not be stored.
    """
    written = [*map("written to {}".format, judged.folders.values())]
    if len(written) > _MOST_FOLDERS and not verbose:
        written = [f"{len(written)} runs written to {_common_folder(judged)}"]
    lead = judged.report.lead
    folder = None if lead is None else judged.folders.get(lead.result.scenario.name)
    write_outputs(
        outputs,
        lambda form, terminal: render_suite(judged, form, terminal),
        folder=None,
        default=SUITE_FORMATS["text"],
        short=None if verbose else short_layout(folder, below=count_lines(written)),
    )
    if judged.problem is not None:
        raise judged.problem
    if verbose:
        say("")
    for line in written:
        say(line)


def _common_folder(judged: JudgedSuite) -> str:
    return os.path.commonpath(list(judged.folders.values()))
