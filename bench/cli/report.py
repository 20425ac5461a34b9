"""`bench report`: say again what a stored run was judged to be."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import say
from bench.cli.judging import BaselineFile, Format, FormatOption, judged, rendered


def report(
    result: Annotated[Path, typer.Argument(help="A run's folder, or its result.json.")],
    *,
    form: FormatOption = Format.TEXT,
    baseline: BaselineFile = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write, not stdout.")] = None,
) -> None:
    """Write the report on a stored run. Exits with 0 whatever the verdict; `bench compare` exits with it."""
    from bench.store.files import write_text
    from bench.store.results import load

    text = rendered(judged(load(result), baseline), form)
    if output is None:
        print(text, end="")
    else:
        write_text(output, text)
        say(f"written to {output}")
