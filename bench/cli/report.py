"""`bench report`: write the report of a stored run, or of several side by side."""

from collections.abc import Iterator
from pathlib import Path

from bench.cli import options
from bench.cli.outputs import RunOut, parse_outputs, short_layout, write_outputs
from bench.errors import ConfigError
from bench.render.document.format import Format, SideBySideInput, Terminal
from bench.render.formats import RUN_FORMATS, SIDE_BY_SIDE_FORMATS
from bench.usecases.compare import compare
from bench.usecases.report import render_run
from bench.usecases.side_by_side import load_side_by_side, render_side_by_side


def report(
    runs: options.RunFolders,
    *,
    baseline: options.BaselineFile = None,
    verbose: options.Verbose = False,
    out: RunOut = None,
) -> None:
    """Write the report of one stored run, or of several.

    Up to ten runs are compared with the first one. Exits with 0 for every verdict; `bench compare` exits with
    the code of the verdict.
    """
    if len(runs) == 1:
        _report_run(runs[0], baseline, out, verbose=verbose)
    else:
        _report_runs(runs, baseline, out, verbose=verbose)


def _report_run(run: Path, baseline: Path | None, out: list[str] | None, *, verbose: bool) -> None:
    outputs = parse_outputs(out or ["text"], RUN_FORMATS)
    judged = compare(run, baseline=baseline)
    write_outputs(
        outputs,
        lambda form, terminal: render_run(judged, form, terminal),
        judged.folder,
        short=None if verbose else short_layout(judged.folder),
    )


def _report_runs(runs: list[Path], baseline: Path | None, out: list[str] | None, *, verbose: bool) -> None:
    if baseline is not None:
        raise ConfigError(
            "--baseline: several runs are compared with the first one and have no baseline",
            f"bench compare {runs[0]} --baseline {baseline}",
        )
    outputs = parse_outputs(out or ["text"], SIDE_BY_SIDE_FORMATS)
    compared = load_side_by_side(runs)

    def render(form: Format[SideBySideInput], terminal: Terminal) -> Iterator[str]:
        most_lines = None if terminal.short is None else terminal.short.lines
        return render_side_by_side(compared, form, terminal, most_lines)

    write_outputs(outputs, render, None, short=None if verbose else short_layout(None))
