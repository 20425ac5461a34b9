"""`bench recover`: finish runs whose process was killed."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say, warn
from bench.cli.outputs import layout_of_stdout
from bench.errors import Exit
from bench.measure.run.conditions import Listener
from bench.render.results import results_text
from bench.usecases.recover import recover as recover_runs

Run = Annotated[
    Path | None,
    typer.Argument(metavar="[RUN]", help="Folder of the run (default: all unfinished runs)."),
]


def recover(run: Run = None, *, results: options.ResultsFolder = options.DEFAULT_RESULTS) -> None:
    """Finish runs whose process was killed.

    Each gets the result of a run that was interrupted, with all requests that it stored.
    Exits with 130 if a load had not ended, as an interrupted run.
    """
    recovered = recover_runs(run, results=results, listener=Listener(warning=warn))
    if not recovered:
        say(f"no run in {results} is unfinished")
    code = Exit.PASS
    for finished in recovered:
        print(results_text(finished.result, layout_of_stdout()))
        print(finished.folder)
        if finished.result.stop is not None:
            requests = finished.result.summary.requests
            say(f"{finished.result.stop.reason}; {requests} requests are kept in {finished.folder}")
            code = Exit.INTERRUPTED
    raise typer.Exit(code)
