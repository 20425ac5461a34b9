"""What `bench check`, `compare` and `report` share: a run judged, shown, and its exit code."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, Protocol, Self

import typer

from bench.cli.console import say
from bench.errors import ConfigError, Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.core.report.report import Report
    from bench.core.report.series import RunSeries
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


Out = Annotated[
    list[str] | None,
    typer.Option(
        "--out", metavar="FORMAT[=FILE]", help="Write the report in this format; repeatable (default: text)."
    ),
]


class Output(NamedTuple):
    """A format and its file; without a file the output goes to stdout or into the run's folder."""

    form: Format
    file: Path | None


RUN_FORMATS = tuple(Format)
SUITE_FORMATS = tuple(form for form in Format if form is not Format.CSV)
TREND_FORMATS = (Format.TEXT, Format.MARKDOWN, Format.JSON)
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


def drawn(report: "Report", home: Path, baseline: Path | None = None) -> "RunSeries":
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


def parse_outputs(texts: "Sequence[str] | None", formats: "Sequence[Format]") -> "list[Output]":
    """Return the outputs that `--out` names, each format once per file.

    Args:
        texts: `FORMAT` or `FORMAT=FILE`.
        formats: The formats of the command.

    Raises:
        ConfigError: A format is unknown, or its file has no name.
    """
    by_name = {form.value: form for form in formats}
    outputs = []
    for text in texts or ():
        name, equals, file = text.partition("=")
        if name not in by_name:
            raise ConfigError(f"--out {text}: unknown format '{name}'", f"formats: {', '.join(by_name)}")
        form = by_name[name]
        if equals and not file:
            raise ConfigError(f"--out {text}: the file has no name", f"--out {name}={form.file}")
        outputs.append(Output(form, Path(file) if file else None))
    return list(dict.fromkeys(outputs))


def to_stdout(outputs: "Sequence[Output]") -> "Output | None":
    """Return the output for stdout: the first one without a file; a page never goes there."""
    for output in outputs:
        if output.file is None and output.form is not Format.HTML:
            return output
    return None


def write_outputs(
    report: "Report",
    outputs: "Sequence[Output]",
    home: Path,
    baseline: Path | None = None,
    *,
    text: bool = True,
) -> None:
    """Print one output on stdout and write the others to their files, or into the run's folder.

    Args:
        report: The report.
        outputs: The parsed `--out` options.
        home: The run's folder.
        baseline: The baseline file that the run was judged by; None for the default one.
        text: Print the text if no output goes to stdout.

    Raises:
        StoreError: A file cannot be written, or the recording cannot be read.
    """
    printed = to_stdout(outputs)
    if printed is not None:
        print_report(report, printed.form, home, baseline)
    elif text or not outputs:
        print_report(report, Format.TEXT, home, baseline)
    for output in outputs:
        if output is not printed:
            path = output.file or home / output.form.file
            write(report, output.form, home, path, baseline)
            say(f"written to {path}")


class Render(Protocol):
    """Return the text of a format for a terminal of `width` columns."""

    def __call__(self, form: Format, width: int, *, colour: bool) -> str:
        """Return the text."""
        ...


def write_texts(outputs: "Sequence[Output]", render: Render) -> None:
    """Print one output on stdout and write the others to their files; print the text if none goes to stdout.

    Raises:
        ConfigError: A second output, or a page, has no file.
        StoreError: A file cannot be written.
    """
    from bench.store.files import write_text

    printed = to_stdout(outputs)
    for output in outputs:
        if output is not printed and output.file is None:
            name = output.form.value
            raise ConfigError(f"--out {name}: name a file", f"--out {name}={output.form.file}")
    width, colour = terminal()
    print(render(printed.form if printed else Format.TEXT, width, colour=colour), end="")
    for output in outputs:
        if output.file is not None:
            write_text(output.file, render(output.form, _COLUMNS, colour=False))
            say(f"written to {output.file}")


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
