"""What `bench check`, `compare` and `report` share: a run judged, shown, and its exit code."""

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, NamedTuple

import typer

from bench.cli.console import say
from bench.errors import ConfigError, Exit
from bench.render.document.format import COLUMNS, PLAIN, Format, Input, RunInput, Terminal
from bench.render.formats import RUN_FORMATS, find_format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.core.report.report import Report
    from bench.core.report.series import RunSeries
    from bench.core.report.suite import SuiteReport
    from bench.core.run.result import RunResult
    from bench.core.verdict.compare import Decision


def out_option(formats: Mapping[str, Format[Input]]) -> Any:
    """Return the option `--out` of a command that has these formats."""
    names = ", ".join(formats)
    return typer.Option("--out", metavar="FORMAT[=FILE]", help=f"Write {names}; repeatable (default: text).")


RunOut = Annotated[list[str] | None, out_option(RUN_FORMATS)]


class Output(NamedTuple, Generic[Input]):
    """A format and its file; without a file the output goes to stdout or into the run's folder."""

    form: Format[Input]
    file: Path | None


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


def run_input(
    report: "Report", home: Path, baseline: Path | None = None, terminal: Terminal = PLAIN
) -> RunInput:
    """Return what the formats of a run read.

    Args:
        report: The judged run.
        home: The run's folder, which has the recording.
        baseline: The baseline's file; None for the one under baselines/.
        terminal: Layout of text.
    """
    from bench.store import results

    return RunInput(
        report=report,
        series=lambda: drawn(report, home, baseline),
        samples=lambda: results.requests(home),
        terminal=terminal,
    )


def drawn(report: "Report", home: Path, baseline: Path | None = None) -> "RunSeries":
    """What a page draws of a run; the arguments and errors are those of `run_input`."""
    from bench.core.report.series import make_series
    from bench.store import baselines, results

    expected = baselines.read(baseline) if baseline else baselines.load(report.result)
    if report.comparison.base_name is not None:  # it was compared with another version, and with no baseline
        expected = None
    return make_series(report.result, results.load_recording(home), expected)


def read_terminal() -> Terminal:
    """Return the layout of stdout: its columns, and colours if it is a terminal."""
    columns = shutil.get_terminal_size((COLUMNS, 24)).columns
    return Terminal(min(columns, 120), sys.stdout.isatty())


def write(form: Format[Input], subject: Input, path: Path) -> None:
    """Write a report to a file, completely or not at all, and print the file's name.

    Raises:
        StoreError: The file cannot be written, or the recording cannot be read.
    """
    from bench.store.files import write_chunks

    write_chunks(path, (part.encode() for part in form.render(subject)))
    say(f"written to {path}")


def keep(report: "Report", home: Path) -> None:
    """Write a comparison, and the reports that every judged run has, into the run's folder.

    Raises:
        StoreError: As of `write`.
    """
    from bench.store.files import write_chunks, write_text

    write_text(home / "comparison.json", report.comparison.model_dump_json(indent=1) + "\n")
    for name in ("markdown", "html"):
        form = RUN_FORMATS[name]
        parts = form.render(run_input(report, home))
        write_chunks(home / form.file, (part.encode() for part in parts))
    say(f"\nwritten to {home}")


def parse_outputs(texts: "Sequence[str] | None", formats: Mapping[str, Format[Input]]) -> list[Output[Input]]:
    """Return the outputs that `--out` names, each format once per file.

    Args:
        texts: `FORMAT` or `FORMAT=FILE`.
        formats: The formats of the command.

    Raises:
        ConfigError: A format is unknown, or its file has no name.
    """
    outputs = []
    for text in texts or ():
        name, equals, file = text.partition("=")
        form = find_format(formats, name)
        if equals and not file:
            raise ConfigError(f"--out {text}: the file has no name", f"--out {name}={form.file}")
        outputs.append(Output(form, Path(file) if file else None))
    return list(dict.fromkeys(outputs))


def to_stdout(outputs: "Sequence[Output[Input]]") -> "Output[Input] | None":
    """Return the output for stdout: the first one without a file whose format can be printed."""
    for output in outputs:
        if output.file is None and output.form.printable:
            return output
    return None


def write_outputs(
    report: "Report",
    outputs: "Sequence[Output[RunInput]]",
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
    if printed is not None or text or not outputs:
        form = printed.form if printed else RUN_FORMATS["text"]
        print_report(form, run_input(report, home, baseline, read_terminal()))
    for output in outputs:
        if output is not printed:
            path = output.file or home / output.form.file
            write(output.form, run_input(report, home, baseline), path)


def print_report(form: Format[Input], subject: Input) -> None:
    """Print a report on stdout.

    Raises:
        StoreError: The recording cannot be read.
    """
    for part in form.render(subject):
        print(part, end="", flush=True)


def write_texts(
    outputs: "Sequence[Output[Input]]", default: Format[Input], make_input: Callable[[Terminal], Input]
) -> None:
    """Print one output on stdout and write the others to their files.

    Args:
        outputs: The parsed `--out` options.
        default: Printed if no output goes to stdout.
        make_input: Return the input of the formats, for a layout of text.

    Raises:
        ConfigError: A second output, or a page, has no file.
        StoreError: A file cannot be written.
    """
    printed = to_stdout(outputs)
    for output in outputs:
        if output is not printed and output.file is None:
            name = output.form.name
            raise ConfigError(f"--out {name}: name a file", f"--out {name}={output.form.file}")
    print_report(printed.form if printed else default, make_input(read_terminal()))
    for output in outputs:
        if output.file is not None:
            write(output.form, make_input(PLAIN), output.file)


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
