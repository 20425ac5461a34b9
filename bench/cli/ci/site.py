"""`bench ci site`: write web pages of all histories."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say
from bench.usecases.site import site as write_site

Folder = Annotated[Path, typer.Option("--folder", metavar="FOLDER", help="Write the pages into this folder.")]
Repository = Annotated[
    str | None,
    typer.Option(
        "--repository",
        metavar="OWNER/NAME",
        envvar="GITHUB_REPOSITORY",
        help="Link commits and workflow runs of this repository.",
    ),
]


def site(
    *,
    history: options.HistoryFolder = options.DEFAULT_HISTORY,
    folder: Folder = Path("site"),
    repository: Repository = None,
) -> None:
    """Write web pages of all histories.

    There is a front page, and a page for each scenario, stack and environment. The pages need no network.
    The folder must contain no other files.
    """
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    written = write_site(history=history, folder=folder, repository=repository, server=server)
    unchanged = f", {written.unchanged} of them unchanged" if written.unchanged else ""
    say(f"{written.index} and {written.pages} pages of histories are written{unchanged}")
    print(written.index)
