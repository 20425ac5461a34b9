"""`bench compare`: judge a run that was measured before."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.judging import BaselineFile, Format, FormatOption, Strict, exit_code, judged, rendered


def compare(
    result: Annotated[Path, typer.Argument(help="A run's folder, or its result.json.")],
    *,
    baseline: BaselineFile = None,
    strict: Strict = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """Compare a stored run with its baseline, and exit with the verdict."""
    from bench.store.results import load

    report = judged(load(result), baseline)
    print(rendered(report, form), end="")
    raise typer.Exit(exit_code(report, strict=strict))
