"""`bench export`: print the requests of a stored run."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import warn
from bench.render.formats import SAMPLE_FORMATS
from bench.usecases.export import export as export_requests

Form = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help=f"Print {' or '.join(SAMPLE_FORMATS)}.")
]


def export(run: options.RunFolder, *, form: Form = "jsonl") -> None:
    """Print the requests of a stored run.

    If the file of samples is damaged, the requests before the damage are printed, with a warning.
    """
    for part in export_requests(run, form, on_damage=warn):
        print(part, end="")
