"""Write web pages of all histories."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from bench.core.history.columns import Integers
from bench.core.report.dashboard import dashboard, name_histories
from bench.core.report.long_term import long_term_curves
from bench.core.report.trend_page import HistorySummary, make_page
from bench.core.values.record import Record
from bench.errors import StoreError
from bench.render.history_csv import digest_year, render_year, split_years
from bench.render.html.links import Links, links_to
from bench.render.html.site import (
    FRONT,
    path_of,
    render_front,
    render_history,
    render_shared,
    year_path,
)
from bench.store import baselines
from bench.store import history as histories
from bench.store import site as sites
from bench.store.history_file import HistoryFile, open_history
from bench.store.own_code import code_digest
from bench.store.site import SiteFolder
from bench.usecases.trend import select_runs


@dataclass(frozen=True, slots=True)
class WrittenSite:
    """A site that was written."""

    index: Path
    """The front page."""
    pages: int
    """Number of pages of histories."""
    unchanged: int
    """Number of these pages that were up to date, and were not made again."""


class _PageNote(Record):
    """What the front page and the folder need of a page that is not made again."""

    summary: HistorySummary
    """The history on the front page."""
    years: tuple[int, ...]
    """Years whose runs are files next to the page."""


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the pages of histories into a site."""

    folder: SiteFolder
    links: Links

    def write(self, path: Path, where: str, name: str) -> tuple[HistorySummary, bool]:
        """Write a history's files if they are not up to date.

        Args:
            path: The file of the history.
            where: Its path in the folder of histories, without the ending.
            name: Its name for people.

        Returns:
            The history on the front page, and whether its files were up to date.
        """
        baseline = baselines.text_of(f"{where}.json")
        with open_history(path) as history:
            made_from = _digest(code_digest(), history.digest, baseline, name, self.links.repository)
            note = self._keep(where, made_from)
            if note is not None:
                return note.summary, True
            note = self._make(history, where, name, baseline, made_from)
        return note.summary, False

    def _keep(self, where: str, made_from: str) -> _PageNote | None:
        """Keep the files of a history; None if any is missing, changed, or made from something else."""
        derived = self.folder.current(path_of(where), made_from)
        if derived is None:
            return None
        try:
            note = _PageNote.model_validate_json(derived.note)
        except ValidationError:
            return None
        files = {path_of(where): derived}
        for year in note.years:
            name = year_path(where, year)
            of_year = self.folder.recorded(name)
            if of_year is None:
                return None
            files[name] = of_year
        for name, record in files.items():
            self.folder.keep(name, record)
        return note

    def _make(
        self, history: HistoryFile, where: str, name: str, baseline: str | None, made_from: str
    ) -> _PageNote:
        """Write the page of a history, and the years that changed."""
        comparable = select_runs(history)
        order = np.array(history.order)
        place = f"{baselines.FOLDER}/{where}.json"
        page = make_page(comparable, None if baseline is None else baselines.parse(baseline, place))
        page = replace(page, long_term=long_term_curves(history.columns, order, comparable))
        years = self._write_years(history, where, order)
        note = _PageNote(summary=page.summary, years=tuple(years))
        text = render_history(name, page, years, self.links)
        self.folder.write(path_of(where), text, made_from, note.model_dump_json())
        return note

    def _write_years(self, history: HistoryFile, where: str, order: Integers) -> list[int]:
        years = split_years(history.columns, order)
        for year in years:
            name = year_path(where, year.year)
            made_from = _digest(code_digest(), digest_year(history.columns, year))
            current = self.folder.current(name, made_from)
            if current is None:
                self.folder.write(name, render_year(history.columns, year), made_from)
            else:
                self.folder.keep(name, current)
        return [year.year for year in years]


def site(
    *,
    history: Path | str = histories.FOLDER,
    folder: Path | str = "site",
    repository: str | None = None,
    server: str = "https://github.com",
) -> WrittenSite:
    """Write a front page, and a page for each scenario, stack and environment.

    The pages need no network, and the same histories give the same pages. A page of the previous site stays
    if its history, its baseline and the program are the same. One history is in memory at a time.

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
        writer = _Writer(written, links)
        for where, path in paths.items():
            summary, is_current = writer.write(path, where, names[where])
            summaries.append(summary)
            unchanged += is_current
        written.write(FRONT, render_front(dashboard(summaries)))
    return WrittenSite(Path(folder) / FRONT, len(paths), unchanged)


def _digest(*parts: str | None) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
