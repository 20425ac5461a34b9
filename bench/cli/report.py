"""`bench report`: write the report of a stored run, or of several side by side."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.outputs import RunOut, parse_outputs, write_outputs
from bench.errors import ConfigError
from bench.render.document.format import PLAIN, Format, SideBySideInput, Terminal
from bench.render.formats import RUN_FORMATS, SIDE_BY_SIDE_FORMATS
from bench.usecases.compare import compare
from bench.usecases.report import render_run
from bench.usecases.side_by_side import load_side_by_side, render_side_by_side

MOST_LINES = 25
"""Lines that a terminal shows of several runs without `--verbose`."""


def report(
    runs: options.RunFolders,
    *,
    baseline: options.BaselineFile = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print every number.")] = False,
    out: RunOut = None,
) -> None:
    """Write the report of one stored run, or of several.

    Up to ten runs are compared with the first one. Exits with 0 for every verdict; `bench compare` exits with
    the code of the verdict.
    """
    if len(runs) == 1:
        _report_run(runs[0], baseline, out)
    else:
        _report_runs(runs, baseline, out, verbose=verbose)


def _report_run(run: Path, baseline: Path | None, out: list[str] | None) -> None:
    outputs = parse_outputs(out or ["text"], RUN_FORMATS)
    judged = compare(run, baseline=baseline)
    write_outputs(outputs, lambda form, terminal: render_run(judged, form, terminal), judged.folder)


def _report_runs(runs: list[Path], baseline: Path | None, out: list[str] | None, *, verbose: bool) -> None:
    if baseline is not None:
        raise ConfigError(
            "--baseline: several runs are compared with the first one and have no baseline",
            f"bench compare {runs[0]} --baseline {baseline}",
        )
    outputs = parse_outputs(out or ["text"], SIDE_BY_SIDE_FORMATS)
    compared = load_side_by_side(runs)

    def render(form: Format[SideBySideInput], terminal: Terminal) -> Iterator[str]:
        is_short = terminal is not PLAIN and not verbose
        return render_side_by_side(compared, form, terminal, MOST_LINES if is_short else None)

    write_outputs(outputs, render, None)
