"""Print the report of a judged run or of a judged suite, and exit with the code of its verdict."""

from collections.abc import Sequence
from typing import NoReturn

import typer

from bench.cli.console import say
from bench.cli.outputs import Output, write_outputs
from bench.cli.verdict import exit_code
from bench.render.document.format import RunInput, SuiteInput
from bench.render.formats import RUN_FORMATS, SUITE_FORMATS
from bench.usecases.compare import JudgedRun
from bench.usecases.merge import JudgedSuite, render_suite
from bench.usecases.report import render_run


def end_with_run(judged: JudgedRun, outputs: Sequence[Output[RunInput]], *, strict: bool) -> NoReturn:
    """Print the report of a run, name its folder, and exit.

    Raises:
        StoreError: The run could not be stored.
        typer.Exit: Always, with the exit code.
    """
    write_outputs(
        outputs,
        lambda form, terminal: render_run(judged, form, terminal),
        judged.folder,
        default=RUN_FORMATS["text"],
    )
    if judged.problem is not None:
        raise judged.problem
    say(f"\nwritten to {judged.folder}")
    raise typer.Exit(exit_code(judged.decision, strict=strict))


def end_with_suite(judged: JudgedSuite, outputs: Sequence[Output[SuiteInput]], *, strict: bool) -> NoReturn:
    """Print the report of a suite, name the folders of its runs, and exit.

    Raises:
        StoreError: A run could not be stored.
        typer.Exit: Always, with the exit code.
    """
    write_suite(judged, outputs)
    raise typer.Exit(exit_code(judged.decision, strict=strict))


def write_suite(judged: JudgedSuite, outputs: Sequence[Output[SuiteInput]]) -> None:
    """Print the report of a suite, and name the folders of its runs.

    Raises:
        StoreError: A run could not be stored.
    """
    write_outputs(
        outputs,
        lambda form, terminal: render_suite(judged, form, terminal),
        folder=None,
        default=SUITE_FORMATS["text"],
    )
    if judged.problem is not None:
        raise judged.problem
    say("")
    for folder in judged.folders.values():
        say(f"written to {folder}")
