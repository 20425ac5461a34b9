"""`bench compare`: judge a run that was measured before."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.judging import (
    BaselineFile,
    RunOut,
    Strict,
    exit_code,
    judged,
    parse_outputs,
    write_outputs,
)
from bench.render.formats import RUN_FORMATS


def compare(
    result: Annotated[Path, typer.Argument(help="A run's folder, or its result.json.")],
    *,
    baseline: BaselineFile = None,
    strict: Strict = False,
    out: RunOut = None,
) -> None:
    """Judge a stored run against its baseline."""
    from bench.store.results import folder_of, load

    outputs = parse_outputs(out, RUN_FORMATS)
    report = judged(load(result), baseline)
    write_outputs(report, outputs, folder_of(result), baseline)
    raise typer.Exit(exit_code(report, strict=strict))
