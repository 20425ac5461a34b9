"""What `bench check`, `compare` and `report` share: a run judged, shown, and its exit code."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.core.compare import Decision
    from bench.core.report import Report
    from bench.core.result import RunResult
    from bench.core.suite import SuiteReport


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


def judged_together(runs: "Sequence[RunResult]", suite: str | None = None) -> "SuiteReport":
    """The report on runs of several scenarios; a second run of one is what it was measured again with.

    Args:
        runs: In any order.
        suite: Whose scenarios must all be among them; None to ask for none.

    Raises:
        ConfigError: There are more than two runs of a scenario.
        StoreError: A baseline cannot be read.
    """
    from bench.core.suite import judge_suite
    from bench.store import scenarios

    found: dict[str, list[RunResult]] = {}
    distinct = {each.provenance.run_id: each for each in runs}  # a run does not confirm itself
    for run in sorted(distinct.values(), key=lambda each: each.provenance.started_at):
        found.setdefault(run.scenario.name, []).append(run)
    expected = scenarios.of_suite(suite) if suite else ()
    return judge_suite([_confirmed(each) for each in found.values()], expected)


def _confirmed(runs: "list[RunResult]") -> "Report":
    from bench.core.result import differences
    from bench.errors import ConfigError

    first, *others = runs
    if len(others) > 1:
        again = "name one, and the one that confirms it"
        raise ConfigError(f"{len(runs)} runs of scenario '{first.scenario.name}'", again)
    if others and (unlike := differences(others[0].fingerprint, first.fingerprint, any_processor=True)):
        what = f"the second run of scenario '{first.scenario.name}' is not of the same"
        raise ConfigError(f"{what}: {', '.join(unlike)}", "leave one out")
    report = judged(first)
    return judged(first, again=others[0]) if others and report.comparison.suspect else report


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
