"""What `bench check`, `compare` and `report` share: a run judged, shown, and its exit code."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from bench.cli.console import say
from bench.errors import ConfigError, Exit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bench.core.report.report import Report
    from bench.core.report.series import Series
    from bench.core.report.suite import SuiteReport
    from bench.core.run.result import RunResult
    from bench.core.verdict.compare import Decision


class Format(StrEnum):
    """What a report can be written as, and the name of the file that it is written to."""

    file: str

    TEXT = "text", "report.txt"
    MARKDOWN = "markdown", "report.md"
    JSON = "json", "report.json"
    JUNIT = "junit", "junit.xml"
    CSV = "csv", "samples.csv"
    HTML = "html", "report.html"

    def __new__(cls, name: str, file: str) -> Self:
        """A format by its name in the command line."""
        made = str.__new__(cls, name)
        made._value_, made.file = name, file
        return made


FormatOption = Annotated[Format, typer.Option("--format", help="How to write the report on stdout.")]
FORMATS = (Format.TEXT,)  # where none is asked for
_COLUMNS = 100  # of a text in a file
BaselineFile = Annotated[
    Path | None, typer.Option("--baseline", help="A baseline file; else the one under baselines/.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 3 instead of 0 when nothing can be told.")]


def judged(result: "RunResult", baseline: Path | None = None, again: "RunResult | None" = None) -> "Report":
    """The report on a run, and on a second one where the first was suspect, beside its baseline.

    Raises:
        StoreError: The baseline cannot be read.
    """
    from bench.core.report.report import make_report
    from bench.core.verdict.compare import compare
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
    from bench.core.report.suite import judge_suite
    from bench.store import scenarios

    found: dict[str, list[RunResult]] = {}
    distinct = {each.provenance.run_id: each for each in runs}  # a run does not confirm itself
    for run in sorted(distinct.values(), key=lambda each: each.provenance.started_at):
        found.setdefault(run.scenario.name, []).append(run)
    expected = scenarios.of_suite(suite) if suite else ()
    return judge_suite([_confirmed(each) for each in found.values()], expected)


def _confirmed(runs: "list[RunResult]") -> "Report":
    from bench.core.run.result import differences

    first, *others = runs
    if len(others) > 1:
        again = "name one, and the one that confirms it"
        raise ConfigError(f"{len(runs)} runs of scenario '{first.scenario.name}'", again)
    if others and (unlike := differences(others[0].fingerprint, first.fingerprint, any_processor=True)):
        what = f"the second run of scenario '{first.scenario.name}' is not of the same"
        raise ConfigError(f"{what}: {', '.join(unlike)}", "leave one out")
    report = judged(first)
    return judged(first, again=others[0]) if others and report.comparison.suspect else report


def rendered(
    report: "Report",
    form: Format,
    home: Path,
    *,
    width: int = _COLUMNS,
    colour: bool = False,
    baseline: Path | None = None,
) -> "Iterator[str]":
    """A report as text that ends in a newline, part by part.

    Args:
        report: What to say.
        form: How.
        home: The run's folder, for what only its recording has.
        width: Columns of a terminal.
        colour: Whether to use a terminal's colours.
        baseline: What it was judged by; None for the one under baselines/.

    Raises:
        StoreError: The recording, or the baseline, cannot be read.
    """
    match form:
        case Format.TEXT:
            from bench.render.terminal import render_terminal

            yield render_terminal(report, width=width, colour=colour)
        case Format.MARKDOWN:
            from bench.render.markdown import render_markdown

            yield render_markdown(report)
        case Format.JSON:
            from bench.render.json_ import render_json

            yield render_json(report)
        case Format.JUNIT:
            from bench.render.junit import render_junit

            yield render_junit(report)
        case Format.CSV:
            from bench.render.samples_csv import render_samples
            from bench.store import results

            # Once to learn the columns, once for the rows: they may be too many to keep.
            tiers = sorted({tier for page in results.requests(home) for tier in page.tiers})
            yield from render_samples(results.requests(home), tiers)
        case Format.HTML:
            from bench.render.page import render_page

            yield render_page(report, drawn(report, home, baseline))


def drawn(report: "Report", home: Path, baseline: Path | None = None) -> "Series":
    """What a page draws of a run; the arguments and errors are those of `rendered`."""
    from bench.core.report.series import make_series
    from bench.store import baselines, results

    expected = baselines.read(baseline) if baseline else baselines.load(report.result)
    if (
        report.comparison.compare_with is not None
    ):  # it was compared with another version, and with no baseline
        expected = None
    return make_series(report.result, results.load_recording(home), expected)


def terminal() -> tuple[int, bool]:
    """How many columns there are on stdout, and whether it has colours."""
    import shutil
    import sys

    return min(shutil.get_terminal_size((_COLUMNS, 24)).columns, 120), sys.stdout.isatty()


def print_report(report: "Report", form: Format, home: Path, baseline: Path | None = None) -> None:
    """Print a report on stdout; the arguments and errors are those of `rendered`."""
    width, colour = terminal()
    for part in rendered(report, form, home, width=width, colour=colour, baseline=baseline):
        print(part, end="", flush=True)


def write(report: "Report", form: Format, home: Path, path: Path, baseline: Path | None = None) -> None:
    """Write a report to a file, whole or not at all; the arguments are those of `rendered`.

    Raises:
        StoreError: The file cannot be written, or the recording not be read.
    """
    from bench.store.files import write_chunks

    write_chunks(path, (part.encode() for part in rendered(report, form, home, baseline=baseline)))


def keep(report: "Report", home: Path) -> None:
    """Write a comparison, and the reports that every judged run has, into the run's folder, and say so.

    Raises:
        StoreError: As of `write`.
    """
    from bench.store.files import write_text

    write_text(home / "comparison.json", report.comparison.model_dump_json(indent=1) + "\n")
    for form in (Format.MARKDOWN, Format.HTML):
        write(report, form, home, home / form.file)
    say(f"\nwritten to {home}")


def write_all(
    report: "Report", forms: "Iterable[Format]", home: Path, folder: Path, baseline: Path | None = None
) -> None:
    """Write a report in several formats, each to a file of its name in a folder, and say so.

    Raises:
        StoreError: As of `write`.
    """
    for form in dict.fromkeys(forms):
        write(report, form, home, folder / form.file, baseline)
        say(f"written to {folder / form.file}")


def refuse(form: Format, *none_of: Format) -> None:
    """Refuse a format that a command has not, before it does anything.

    Raises:
        ConfigError: It has not.
    """
    if form in none_of:
        others = ", ".join(each for each in Format if each not in none_of)
        raise ConfigError(f"--format {form}: this command has {others}", "bench report writes a run's")


def exit_code(report: "Report", *, strict: bool) -> Exit:
    """What a judged run exits with."""
    return exit_of(report.decision, strict=strict)


def exit_of(decision: "Decision", *, strict: bool) -> Exit:
    """What a decision exits with; inconclusive is no failure unless it is asked for."""
    from bench.core.verdict.compare import Decision

    match decision:
        case Decision.PASS:
            return Exit.PASS
        case Decision.FAIL:
            return Exit.REGRESSION
        case Decision.INCONCLUSIVE:
            return Exit.INCONCLUSIVE if strict else Exit.PASS
        case Decision.INVALID:
            return Exit.MEASUREMENT
