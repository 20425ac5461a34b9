"""`bench report`: write the report of a stored run."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.judging import BaselineFile, RunOut, judged, parse_outputs, write_outputs
from bench.render.formats import RUN_FORMATS


def report(
    result: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder, or its result.json.")],
    *,
    baseline: BaselineFile = None,
    out: RunOut = None,
) -> None:
    """Write the report of a stored run.

    Exits with 0 for every verdict; `bench compare` exits with the verdict's code.
    """
    from bench.store.results import folder_of, load

    outputs = parse_outputs(out, RUN_FORMATS)
    write_outputs(judged(load(result), baseline), outputs, folder_of(result), baseline, text=False)
