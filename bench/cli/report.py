"""`bench report`: write the report of a stored run."""

from bench.cli import options
from bench.cli.outputs import RunOut, parse_outputs, write_outputs
from bench.render.formats import RUN_FORMATS
from bench.usecases.compare import compare
from bench.usecases.report import render_run


def report(run: options.RunFolder, *, baseline: options.BaselineFile = None, out: RunOut = None) -> None:
    """Write the report of a stored run.

    Exits with 0 for every verdict; `bench compare` exits with the code of the verdict.
    """
    outputs = parse_outputs(out or ["text"], RUN_FORMATS)
    judged = compare(run, baseline=baseline)
    write_outputs(outputs, lambda form, terminal: render_run(judged, form, terminal), judged.folder)
