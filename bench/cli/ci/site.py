"""`bench ci site`: write web pages of all histories."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say
from bench.core.values import wording
from bench.core.values.escape import escape_terminal
from bench.usecases.site import site as write_site
from bench.usecases.site_runs import SkippedResult

Folder = Annotated[Path, typer.Option("--folder", metavar="FOLDER", help="Write the pages into this folder.")]
Results = Annotated[
    Path | None,
    typer.Option("--results", metavar="FOLDER", help="Add pages of the newest runs in this folder."),
]
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
    results: Results = None,
    repository: Repository = None,
) -> None:
    """Write web pages of all histories.

    There is a front page, and a page for each scenario, stack and environment. The pages need no network.
    The folder must contain no other files. Pages of runs stay until newer runs replace them.
    """
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    written = write_site(
        history=history, folder=folder, results=results, repository=repository, server=server
    )
    if written.skipped:
        say(f"no page: {_count(written.skipped)}")
    unchanged = f", {written.unchanged} of them unchanged" if written.unchanged else ""
    runs = f"; {written.runs} pages of runs" if written.runs else ""
    say(f"{written.index} and {written.pages} pages of histories are written{unchanged}{runs}")
    print(written.index)


def _count(skipped: Sequence[SkippedResult]) -> str:
    """Return the results without a page in one line: their number by reason, and the first one."""
    example = escape_terminal(skipped[0].text)
    if len(skipped) == 1:
        return example
    numbers = [
        f"{number} {reason}" for reason, number in Counter(result.reason for result in skipped).most_common()
    ]
    return f"{len(skipped)} results, {wording.listing(numbers)}; the first: {example}"
