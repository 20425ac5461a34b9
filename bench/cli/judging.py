"""What `bench check`, `compare` and `report` share: a run judged, shown, and its exit code."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.errors import Exit

if TYPE_CHECKING:
    from bench.core.compare import Decision
    from bench.core.report import Report
    from bench.core.result import RunResult


class Format(StrEnum):
    """What a report can be written as."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="How to write the report on stdout.")]
BaselineFile = Annotated[
    Path | None, typer.Option("--baseline", help="A baseline file; else the one under baselines/.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 3 instead of 0 when nothing can be told.")]


def judged(result: "RunResult", baseline: Path | None = None, again: "RunResult | None" = None) -> "Report":
    """The report on a run, and on a second one where the first was suspect, beside its baseline.

    Raises:
        StoreError: The baseline cannot be read.
    """
    from bench.core.compare import compare
    from bench.core.report import make_report
    from bench.store import baselines, noise

    expected = baselines.read(baseline) if baseline else baselines.load(result)
    return make_report(result, compare(result, expected, again, noise.load(result)))


def rendered(report: "Report", form: Format) -> str:
    """A report as text that ends in a newline."""
    match form:
        case Format.TEXT:
            import shutil
            import sys

            from bench.render.terminal import render_terminal

            width = min(shutil.get_terminal_size((100, 24)).columns, 120)
            return render_terminal(report, width=width, colour=sys.stdout.isatty())
        case Format.MARKDOWN:
            from bench.render.markdown import render_markdown

            return render_markdown(report)
        case Format.JSON:
            from bench.render.json_ import render_json

            return render_json(report)


def exit_code(report: "Report", *, strict: bool) -> Exit:
    """What a judged run exits with."""
    return exit_of(report.decision, strict=strict)


def exit_of(decision: "Decision", *, strict: bool) -> Exit:
    """What a decision exits with; undecided is no failure unless it is asked for."""
    from bench.core.compare import Decision

    match decision:
        case Decision.PASS:
            return Exit.PASS
        case Decision.FAIL:
            return Exit.REGRESSION
        case Decision.UNDECIDED:
            return Exit.UNDECIDED if strict else Exit.PASS
        case Decision.INVALID:
            return Exit.MEASUREMENT
