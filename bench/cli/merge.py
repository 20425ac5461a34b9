"""`bench merge`: several scenarios of one version, judged together."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.judging import Format, FormatOption, Strict, exit_of, judged

if TYPE_CHECKING:
    from bench.core.report import Report
    from bench.core.result import RunResult


def merge(
    runs: Annotated[list[Path], typer.Argument(help="Runs' folders, or their result.json.")],
    *,
    strict: Strict = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """Judge runs of several scenarios as one, and exit with the verdict.

    A second run of a scenario is what it was measured again with. Among many scenarios one looks worse by
    chance, and what moves all of them may be the machine: both are taken into account.
    """
    from bench.core.suite import judge_suite
    from bench.render.suite import render_suite_markdown, render_suite_terminal
    from bench.store.results import load

    found: dict[str, list[RunResult]] = {}
    for run in sorted(map(load, runs), key=lambda each: each.provenance.started_at):
        found.setdefault(run.scenario.name, []).append(run)
    suite = judge_suite([_report(each) for each in found.values()])
    match form:
        case Format.TEXT:
            import shutil
            import sys

            width = min(shutil.get_terminal_size((100, 24)).columns, 120)
            print(render_suite_terminal(suite, width=width, colour=sys.stdout.isatty()), end="")
        case Format.MARKDOWN:
            print(render_suite_markdown(suite), end="")
        case Format.JSON:
            print(suite.model_dump_json(indent=1))
    raise typer.Exit(exit_of(suite.decision, strict=strict))


def _report(runs: "list[RunResult]") -> "Report":
    from bench.errors import ConfigError

    first, *others = runs
    if len(others) > 1:
        again = "name one, and the one that confirms it"
        raise ConfigError(f"{len(runs)} runs of scenario '{first.scenario.name}'", again)
    report = judged(first)
    confirms = others and report.comparison.suspect and others[0].validity.valid
    return judged(first, again=others[0]) if confirms else report
