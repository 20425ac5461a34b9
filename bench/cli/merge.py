"""`bench merge`: several scenarios of one version, judged together."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.judging import Format, FormatOption, Strict, exit_of, judged_together


def merge(
    runs: Annotated[list[Path], typer.Argument(help="Runs' folders, or their result.json.")],
    *,
    suite: Annotated[
        str | None, typer.Option("--suite", help="All scenarios of this suite must be among them.")
    ] = None,
    strict: Strict = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """Judge runs of several scenarios as one, and exit with the verdict.

    A second run of a scenario is what it was measured again with. Among many scenarios one looks worse by
    chance, and what moves all of them may be the machine: both are taken into account.
    """
    from bench.publish.actions import annotations
    from bench.render.suite import render_suite_markdown, render_suite_terminal
    from bench.store.results import load

    report = judged_together([load(run) for run in runs], suite)
    if form is Format.TEXT and os.environ.get("GITHUB_ACTIONS") == "true":
        print(annotations(report), end="")
    match form:
        case Format.TEXT:
            import shutil
            import sys

            width = min(shutil.get_terminal_size((100, 24)).columns, 120)
            print(render_suite_terminal(report, width=width, colour=sys.stdout.isatty()), end="")
        case Format.MARKDOWN:
            print(render_suite_markdown(report), end="")
        case Format.JSON:
            print(report.model_dump_json(indent=1))
    raise typer.Exit(exit_of(report.decision, strict=strict))
