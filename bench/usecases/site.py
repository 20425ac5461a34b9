"""Write web pages of all histories."""

from collections import ChainMap
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.core.report.dashboard import dashboard
from bench.core.report.site_entry import name_histories
from bench.core.report.trend_page import HistorySummary
from bench.errors import StoreError
from bench.render.html.front import render_front
from bench.render.html.links import SiteLinks, links_to
from bench.render.html.site_files import FRONT, path_of, render_shared, run_path
from bench.store import history as histories
from bench.store import site as sites
from bench.usecases.page_processes import write_pages
from bench.usecases.site_pages import PageTask
from bench.usecases.site_runs import SkippedResult, read_runs, write_run_pages


@dataclass(frozen=True, slots=True)
class WrittenSite:
    """A site that was written."""

    index: Path
    """The front page."""
    pages: int
    """Number of pages of histories."""
    unchanged: int
    """Number of these pages that were up to date, and were not made again."""
    runs: int = 0
    """Number of pages of runs."""
    skipped: tuple[SkippedResult, ...] = ()
    """Results without a page."""


def site(
    *,
    history: Path | str = histories.FOLDER,
    folder: Path | str = "site",
    results: Path | str | None = None,
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
        results: A folder of runs. The newest runs of each history get a page, which stays in the next site.
        repository: The repository whose commits and workflow runs are linked; default: no links.
        server: Address of GitHub.

    Raises:
        ConfigError: The repository or the server is not valid.
        StoreError: There is no history, or a file cannot be read or written.
    """
    github = links_to(server, repository)
    paths = {histories.key_of(path): path for path in histories.paths(Path(history))}
    if not paths:
        raise StoreError(f"{history} has no history", "bench ci history add results/RUN")
    names = name_histories(list(paths))
    shared = render_shared()
    summaries: list[HistorySummary] = []
    unchanged = 0
    skipped: list[SkippedResult] = []
    runs = read_runs(None if results is None else Path(results), skipped)
    planned = {FRONT, *shared, *map(path_of, paths)}
    for run in runs:
        planned.add(run_path(run.note.run_id))
    with sites.rewrite(Path(folder), planned) as written:
        for name, text in shared.items():
            written.write(name, text)
        run_pages = write_run_pages(written, runs, paths)
        tasks: list[PageTask] = []
        for where, path in paths.items():
            links = SiteLinks(github, run_pages.files.get(where, {}))
            tasks.append(PageTask(path, where, names[where], written.part(path_of(where)), links))
        with closing(write_pages(tasks)) as pages:
            for page in pages:
                written.join(page.files)
                summaries.append(page.summary)
                unchanged += page.is_current
        all_pages = dict(ChainMap(*run_pages.files.values()))
        written.write(FRONT, render_front(dashboard(summaries), SiteLinks(github, all_pages)))
    skipped += run_pages.skipped
    return WrittenSite(Path(folder) / FRONT, len(paths), unchanged, len(all_pages), tuple(skipped))
