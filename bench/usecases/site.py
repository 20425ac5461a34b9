"""Write web pages of all histories."""

from dataclasses import dataclass
from pathlib import Path

from bench.core.history.history import history_key
from bench.core.report.dashboard import dashboard
from bench.core.report.trend_page import TrendPage, trend_page
from bench.errors import StoreError
from bench.render.html.links import links_to
from bench.render.html.site import render_site
from bench.store import baselines
from bench.store import history as histories
from bench.store import site as sites


@dataclass(frozen=True, slots=True)
class WrittenSite:
    """A site that was written."""

    index: Path
    """The front page."""
    pages: int
    """Number of pages of histories."""


def site(
    *,
    history: Path | str = histories.FOLDER,
    folder: Path | str = "site",
    repository: str | None = None,
    server: str = "https://github.com",
) -> WrittenSite:
    """Write a front page, and a page for each scenario, stack and environment.

    The pages need no network, and the same histories give the same pages.

    Args:
        history: The folder of histories.
        folder: The folder to write; a folder that has other files is refused.
        repository: The repository whose commits and workflow runs are linked; default: no links.
        server: Address of GitHub.

    Raises:
        ConfigError: The repository or the server is not valid.
        StoreError: There is no history, or a file cannot be read or written.
    """
    links = links_to(server, repository)
    pages = [_make_page(path) for path in histories.paths(Path(history))]
    if not pages:
        raise StoreError(f"{history} has no history", "bench ci history add results/RUN")
    sites.write(Path(folder), render_site(dashboard(pages), links))
    return WrittenSite(Path(folder) / "index.html", len(pages))


def _make_page(path: Path) -> TrendPage:
    points = histories.read(path)
    return trend_page(points, baselines.of(f"{history_key(points[-1])}.json"))
