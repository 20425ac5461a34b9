"""`bench ci site`: static pages made from all histories, for GitHub Pages or a file server."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.ci.history import DEFAULT_HISTORY, HistoryFolder
from bench.cli.console import say

if TYPE_CHECKING:
    from bench.core.report.trend_page import TrendPage


def site(
    *,
    history: HistoryFolder = DEFAULT_HISTORY,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="FOLDER", help="Write the pages into this folder.")
    ] = Path("site"),
    repository: Annotated[
        str | None,
        typer.Option(
            "--repository",
            envvar="GITHUB_REPOSITORY",
            help="Whose commits and workflow runs are linked to: owner/name.",
        ),
    ] = None,
) -> None:
    """Write web pages of all histories.

    They need no network, and the same histories give the same pages. A folder that is no site is refused.
    """
    from bench.core.report.dashboard import dashboard
    from bench.errors import StoreError
    from bench.render.html.links import links_to
    from bench.render.html.site import render_site
    from bench.store import history as store
    from bench.store import site as sites

    links = links_to(os.environ.get("GITHUB_SERVER_URL", "https://github.com"), repository)
    pages = [_page(path) for path in store.paths(history)]
    if not pages:
        raise StoreError(f"{history} has no history", "bench ci history add results/RUN")
    files = render_site(dashboard(pages), links)
    sites.write(folder, files)
    say(f"{folder / 'index.html'} and {len(pages)} pages of histories are written")
    print(folder / "index.html")


def _page(path: Path) -> "TrendPage":
    from bench.core.history.history import history_key
    from bench.core.report.trend_page import trend_page
    from bench.store import baselines
    from bench.store import history as store

    points = store.read(path)
    return trend_page(points, baselines.of(f"{history_key(points[-1])}.json"))
