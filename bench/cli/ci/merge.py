"""`bench ci merge`: several scenarios of one version, judged together."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.judging import (
    SUITE_FORMATS,
    Format,
    Out,
    Strict,
    drawn,
    exit_of,
    judged_together,
    parse_outputs,
    to_stdout,
    write_texts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.core.report.suite import SuiteReport
    from bench.core.run.result import RunResult


def merge(
    runs: Annotated[list[Path], typer.Argument(help="Runs' folders, or their result.json.")],
    *,
    suite: Annotated[
        str | None, typer.Option("--suite", help="All scenarios of this suite must be among them.")
    ] = None,
    strict: Strict = False,
    out: Out = None,
) -> None:
    """Judge runs of several scenarios together.

    A second run of a scenario is what it was measured again with. Among many scenarios one looks worse by
    chance, and what moves all of them may be the machine: both are taken into account.
    """
    from bench.publish.actions import annotations
    from bench.store.results import load

    outputs = parse_outputs(out, SUITE_FORMATS)
    results = {run: load(run) for run in runs}
    report = judged_together([*results.values()], suite)
    printed = to_stdout(outputs)
    if (printed is None or printed.form is Format.TEXT) and os.environ.get("GITHUB_ACTIONS") == "true":
        print(annotations(report), end="")

    def render(form: Format, width: int, *, colour: bool) -> str:
        return (
            _page(report, results) if form is Format.HTML else _rendered(report, form, width, colour=colour)
        )

    write_texts(outputs, render)
    raise typer.Exit(exit_of(report.decision, strict=strict))


def _page(report: "SuiteReport", results: "Mapping[Path, RunResult]") -> str:
    """The report as a page, each run drawn of its own recording."""
    from bench.render.page import render_suite_page
    from bench.store.results import folder_of

    homes = {result.provenance.run_id: folder_of(run) for run, result in results.items()}
    return render_suite_page(
        report, [drawn(each, homes[each.result.provenance.run_id]) for each in report.reports]
    )


def _rendered(report: "SuiteReport", form: Format, width: int, *, colour: bool) -> str:
    """The report as text that ends in a newline."""
    from bench.render.junit import render_suite_junit
    from bench.render.suite import render_suite_markdown, render_suite_terminal

    match form:
        case Format.MARKDOWN:
            return render_suite_markdown(report)
        case Format.JSON:
            return report.model_dump_json(indent=1) + "\n"
        case Format.JUNIT:
            return render_suite_junit(report)
        case _:
            return render_suite_terminal(report, width=width, colour=colour)
