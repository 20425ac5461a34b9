"""Write web pages of all histories."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.core.report.dashboard import dashboard
from bench.core.report.site_entry import name_histories
from bench.core.report.trend_page import HistorySummary
from bench.errors import StoreError
from bench.render.html.front import render_front
from bench.render.html.links import SiteLinks, links_to
from bench.render.html.site_files import FRONT, path_of, render_shared
from bench.store import history as histories
from bench.store import site as sites
from bench.usecases.page_processes import write_pages
from bench.usecases.site_pages import PageTask


@dataclass(frozen=True, slots=True)
class WrittenSite:
    """A site that was written."""

    index: Path
    """The front page."""
    pages: int
    """Number of pages of histories."""
    unchanged: int
    """Number of these pages that were up to date, and were not made again."""


def site(
    *,
    history: Path | str = histories.FOLDER,
    folder: Path | str = "site",
    repository: str | None = None,
    server: str = "https://github.com",
) -> WrittenSite:
    """Write a front page, and a page for each scenario, stack and environment.

    The pages need no network, and the same histories give the same pages. A page of the previous site stays
    if its history, its baseline and the program are the same. If many pages change, several processes write
    them; each has one history in memory at a time.

    Args:
        history: The folder of histories.
        folder: The folder to write; a folder that has other files is refused.
        repository: The repository whose commits and workflow runs are linked; default: no links.
        server: Address of GitHub.

    Raises:
        ConfigError: The repository or the server is not valid.
        StoreError: There is no history, or a file cannot be read or written.
    """
    links = SiteLinks(links_to(server, repository))
    paths = {histories.key_of(path): path for path in histories.paths(Path(history))}
    if not paths:
        raise StoreError(f"{history} has no history", "bench ci history add results/RUN")
    names = name_histories(list(paths))
    shared = render_shared()
    summaries: list[HistorySummary] = []
    unchanged = 0
    with sites.rewrite(Path(folder), {FRONT, *shared, *map(path_of, paths)}) as written:
        for name, text in shared.items():
            written.write(name, text)
        tasks: list[PageTask] = []
        for where, path in paths.items():
            tasks.append(PageTask(path, where, names[where], written.part(path_of(where)), links))
        with closing(write_pages(tasks)) as pages:
            for page in pages:
                written.join(page.files)
                summaries.append(page.summary)
                unchanged += page.is_current
        written.write(FRONT, render_front(dashboard(summaries), links))
    return WrittenSite(Path(folder) / FRONT, len(paths), unchanged)
