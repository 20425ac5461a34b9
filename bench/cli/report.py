"""`bench report`: say again what a stored run was judged to be."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import say
from bench.cli.judging import FORMATS, BaselineFile, Format, judged, print_report, write, write_all
from bench.errors import ConfigError

Formats = Annotated[
    list[Format] | None,
    typer.Option("--format", help="How to write the report; several times for several files."),
]
OutputFolder = Annotated[
    Path | None,
    typer.Option("--output-dir", help="Folder for a file of each format; several go to the run's else."),
]


def report(
    result: Annotated[Path, typer.Argument(help="A run's folder, or its result.json.")],
    *,
    form: Formats = None,
    baseline: BaselineFile = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write, not stdout.")] = None,
    output_dir: OutputFolder = None,
) -> None:
    """Write the report on a stored run. Exits with 0 whatever the verdict; `bench compare` exits with it.

    One format goes to stdout, several to files, and so does a page.
    """
    from bench.store.results import folder_of, load

    forms = tuple(dict.fromkeys(form or FORMATS))
    if output is not None and (len(forms) > 1 or output_dir is not None):
        raise ConfigError("--output is one file for one format", "--output-dir takes several")
    made, home = judged(load(result), baseline), folder_of(result)
    if output is not None:
        write(made, forms[0], home, output, baseline)
        say(f"written to {output}")
    elif output_dir is None and len(forms) == 1 and forms[0] is not Format.HTML:
        print_report(made, forms[0], home, baseline)
    else:
        write_all(made, forms, home, output_dir or home, baseline)
