"""`bench compare`: judge a run that was measured before."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.judging import BaselineFile, Format, FormatOption, Strict, exit_code, judged, print_report


def compare(
    result: Annotated[Path, typer.Argument(help="A run's folder, or its result.json.")],
    *,
    baseline: BaselineFile = None,
    strict: Strict = False,
    form: FormatOption = Format.TEXT,
) -> None:
    """Compare a stored run with its baseline, and exit with the verdict."""
    from bench.store.results import folder_of, load

    report = judged(load(result), baseline)
    print_report(report, form, folder_of(result), baseline)
    raise typer.Exit(exit_code(report, strict=strict))
