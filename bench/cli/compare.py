"""`bench compare`: judge a stored run against its baseline."""

import typer

from bench.cli import options
from bench.cli.outputs import RunOut, parse_outputs, short_layout, write_outputs
from bench.cli.verdict import exit_code
from bench.render.formats import RUN_FORMATS
from bench.usecases.compare import compare as compare_run
from bench.usecases.report import render_run


def compare(
    run: options.RunFolder,
    *,
    baseline: options.BaselineFile = None,
    strict: options.Strict = False,
    verbose: options.Verbose = False,
    out: RunOut = None,
) -> None:
    """Judge a stored run against its baseline.

    Exits with 0 for a pass, and with 1 for a regression or a crossed threshold.
    """
    outputs = parse_outputs(out, RUN_FORMATS)
    judged = compare_run(run, baseline=baseline)
    write_outputs(
        outputs,
        lambda form, terminal: render_run(judged, form, terminal),
        judged.folder,
        default=RUN_FORMATS["text"],
        short=None if verbose else short_layout(judged.folder),
    )
    raise typer.Exit(exit_code(judged.decision, strict=strict))
