"""Write the page of one history. A page depends on no other one, so several processes can write pages."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from bench.core.history.history_columns import Integers
from bench.core.report.long_term import long_term_curves
from bench.core.report.trend_page import HistorySummary, make_page
from bench.core.values.record import Record
from bench.render.badge import draw_history_badges
from bench.render.history_csv import digest_year, render_year, split_years
from bench.render.html.history_page import render_history
from bench.render.html.links import SiteLinks
from bench.render.html.site_files import badge_path, path_of, year_path
from bench.store import baselines
from bench.store.history_file import HistoryFile, open_history
from bench.store.own_code import pages_code
from bench.store.site import DerivedFile, SiteFolder
from bench.usecases.trend import select_runs


class _PageNote(Record):
    """What the front page and the folder need of a page that is not made again."""

    summary: HistorySummary
    """The history on the front page."""
    years: tuple[int, ...]
    """Years whose runs are files next to the page."""
    badges: tuple[str, ...]
    """Names of the badges next to the page."""


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """The files of a history in a site."""

    summary: HistorySummary
    """The history on the front page."""
    is_current: bool
    """Whether the files were up to date, and were not made again."""
    files: dict[str, DerivedFile]
    """The page, the runs of each year, and the badges."""


@dataclass(frozen=True, slots=True)
class PageTask:
    """A history whose files must be up to date in a site. Another process can do it."""

    path: Path
    """The file of the history."""
    where: str
    """Its path in the folder of histories, without the ending."""
    name: str
    """Its name for people."""
    folder: SiteFolder
    """The folder, with the recorded origins of the history's files."""
    links: SiteLinks
    """Addresses of commits and workflow runs, and of the pages of this history's runs."""

    def run(self) -> WrittenPage:
        """Write the files that are not up to date.

        Raises:
            StoreError: A file cannot be read or written.
        """
        baseline = baselines.text_of(f"{self.where}.json")
        with open_history(self.path) as history:
            made_from = digest_of(pages_code(), history.digest, baseline, self.name, *self._addresses())
            note = self._keep(made_from)
            is_current = note is not None
            note = note or self._make(history, baseline, made_from)
        return WrittenPage(note.summary, is_current, self.folder.derived)

    def _addresses(self) -> tuple[str | None, ...]:
        return self.links.github.repository, *sorted(self.links.run_pages.values())

    def _keep(self, made_from: str) -> _PageNote | None:
        """Keep the files of a history; None if any is missing, changed, or made from something else."""
        page = path_of(self.where)
        derived = self.folder.current(page, made_from)
        if derived is None:
            return None
        try:
            note = _PageNote.model_validate_json(derived.note)
        except ValidationError:
            return None
        files = {page: derived}
        for name in self._files_next_to(note):
            recorded = self.folder.recorded(name)
            if recorded is None:
                return None
            files[name] = recorded
        for name, record in files.items():
            self.folder.keep(name, record)
        return note

    def _files_next_to(self, note: _PageNote) -> Iterator[str]:
        for year in note.years:
            yield year_path(self.where, year)
        for badge in note.badges:
            yield badge_path(self.where, badge)

    def _make(self, history: HistoryFile, baseline: str | None, made_from: str) -> _PageNote:
        """Write the page, and the years that changed."""
        comparable = select_runs(history)
        order = np.array(history.order)
        place = f"{baselines.FOLDER}/{self.where}.json"
        page = make_page(comparable, None if baseline is None else baselines.parse(baseline, place))
        page = replace(page, long_term=long_term_curves(history.columns, order, comparable))
        years = self._write_years(history, order)
        badges = self._write_badges(page.summary, made_from)
        note = _PageNote(summary=page.summary, years=tuple(years), badges=tuple(badges))
        text = render_history(self.name, page, years, self.links, note.badges)
        self.folder.write(path_of(self.where), text, made_from, note.model_dump_json())
        return note

    def _write_years(self, history: HistoryFile, order: Integers) -> list[int]:
        years = split_years(history.columns, order)
        for year in years:
            name = year_path(self.where, year.year)
            made_from = digest_of(pages_code(), digest_year(history.columns, year))
            current = self.folder.current(name, made_from)
            if current is None:
                self.folder.write(name, render_year(history.columns, year), made_from)
            else:
                self.folder.keep(name, current)
        return [year.year for year in years]

    def _write_badges(self, summary: HistorySummary, made_from: str) -> list[str]:
        badges = draw_history_badges(summary)
        for name, svg in badges.items():
            self.folder.write(badge_path(self.where, name), svg, made_from)
        return list(badges)


def digest_of(*parts: str | None) -> str:
    """Return the digest of everything that a file of a site is made from."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
