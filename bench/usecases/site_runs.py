"""Write the pages of the newest stored runs into a site. Results are untrusted input."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, ValidationError

from bench.core.report.series import make_series
from bench.core.run.result import RunResult, check_usable
from bench.core.values.record import Record
from bench.core.verdict.baseline import Baseline, baseline_path
from bench.errors import BenchError, ConfigError, StoreError
from bench.render.html.page import render_page
from bench.render.html.site_files import RUNS, path_of, run_path
from bench.store import baselines, results
from bench.store.files import read_text
from bench.store.own_code import pages_code
from bench.store.pairs import load_pairs
from bench.store.results import RECORDING, RESULT, load_foreign
from bench.store.sample_files import SAMPLES
from bench.store.site import DerivedFile, SiteFolder
from bench.usecases.compare import judge_run, judge_stored_pairs
from bench.usecases.site_pages import digest_of

MOST_OF_HISTORY = 3
"""Pages of runs of one history; older ones are removed."""
MOST_PAGES = 300
"""Pages of runs in a site: with 0.4 MB each, they need 0.12 GB."""
_MOST_READ = 100
"""Results that are read, the newest ones by the names of their folders."""
_MOST_BYTES = 200_000_000
"""Largest file of requests or of a recording that becomes a page."""


class RunPageNote(Record):
    """What a page of a run needs when its result is not here any more."""

    where: str
    """Key of the run's history."""
    run_id: str
    """Id of the run."""
    started_at: AwareDatetime
    """Start of the run."""


@dataclass(frozen=True, slots=True)
class RunToShow:
    """A run that can have a page."""

    note: RunPageNote
    """Its history, its id and its start."""
    result: RunResult | None = None
    """The result; None if only its page is here."""
    folder: Path = Path()
    """Its folder."""
    page: DerivedFile | None = None
    """The page of the previous site; None without one."""


class SkipReason(StrEnum):
    """Why a result has no page, as one word of a count."""

    NO_FOLDER = "no folder"
    """The folder of results does not exist."""
    UNREADABLE = "unreadable"
    """A file is damaged, a link or too large."""
    INVALID = "invalid"
    """The run does not measure the stack, for example because the machine was busy."""
    INTERRUPTED = "interrupted"
    """The run ended early."""
    INJECTED = "made worse on purpose"
    """The run has injected faults."""


@dataclass(frozen=True, slots=True)
class SkippedResult:
    """A result without a page."""

    reason: SkipReason
    """Why it has none."""
    text: str
    """Its file and the complete reason."""


@dataclass(slots=True)
class RunPages:
    """The pages of runs in a site."""

    files: dict[str, dict[str, str]] = field(default_factory=dict)
    """File of each page, by history and by the run's id."""
    skipped: list[SkippedResult] = field(default_factory=list)
    """Results without a page."""


def read_runs(folder: Path | None, skipped: list[SkippedResult]) -> tuple[RunToShow, ...]:
    """Return the newest runs of a folder that are usable, and note the results that cannot be read."""
    if folder is None:
        return ()
    if not folder.is_dir():
        skipped.append(SkippedResult(SkipReason.NO_FOLDER, f"{folder}: there is no such folder"))
        return ()
    files = [*folder.glob(f"*/{RESULT}"), *folder.glob(f"*/*/{RESULT}")]
    files.sort(key=lambda file: (file.parent.name, file.parts), reverse=True)
    runs: list[RunToShow] = []
    for file in files[:_MOST_READ]:
        result = None
        try:
            _check_files(file.parent, folder)
            result = load_foreign(file)
            check_usable(result)
        except BenchError as error:
            skipped.append(SkippedResult(_why_skipped(result, error), f"{file}: {error.message}"))
            continue
        origin = result.provenance
        where = baseline_path(result).removesuffix(".json")
        note = RunPageNote(where=where, run_id=origin.run_id, started_at=origin.started_at)
        runs.append(RunToShow(note, result, file.parent))
    return tuple(runs)


def _why_skipped(result: RunResult | None, error: BenchError) -> SkipReason:
    """Return why a result has no page; `None` is one that could not be read."""
    if result is None:
        return SkipReason.UNREADABLE
    if isinstance(error, ConfigError):
        return SkipReason.INJECTED
    is_interrupted = result.stop is not None and not result.validity.reasons
    return SkipReason.INTERRUPTED if is_interrupted else SkipReason.INVALID


def write_run_pages(site: SiteFolder, runs: Sequence[RunToShow], histories: Iterable[str]) -> RunPages:
    """Write the pages of the newest runs, and keep those of the previous site that are among the newest.

    Args:
        site: The folder of the site.
        runs: The runs whose results are here.
        histories: The histories of the site; a run of another one has no page.

    Raises:
        StoreError: A file cannot be written, or a baseline cannot be read.
    """
    pages = RunPages()
    by_id: dict[str, RunToShow] = {}
    for run in (*_previous_runs(site), *runs):
        by_id[run.note.run_id] = run
    for run in _choose_newest(by_id.values(), frozenset(histories)):
        name = run_path(run.note.run_id)
        try:
            if run.result is None:
                _keep(site, name, run.page)
            else:
                _write(site, name, run, run.result)
        except StoreError as error:
            pages.skipped.append(SkippedResult(SkipReason.UNREADABLE, f"{run.folder}: {error.message}"))
            continue
        pages.files.setdefault(run.note.where, {})[run.note.run_id] = name
    return pages


def _previous_runs(site: SiteFolder) -> Iterable[RunToShow]:
    for page in site.recorded_in(RUNS).values():
        try:
            note = RunPageNote.model_validate_json(page.note)
        except ValidationError:
            continue
        yield RunToShow(note, page=page)


def _choose_newest(runs: Iterable[RunToShow], histories: frozenset[str]) -> list[RunToShow]:
    """Return the newest runs: of each history some, and in total a bounded number."""
    chosen: list[RunToShow] = []
    counts: dict[str, int] = {}
    for run in sorted(runs, key=_age, reverse=True):
        where = run.note.where
        count = counts.get(where, 0)
        if where in histories and count < MOST_OF_HISTORY and len(chosen) < MOST_PAGES:
            counts[where] = count + 1
            chosen.append(run)
    return chosen


def _age(run: RunToShow) -> tuple[datetime, str]:
    return run.note.started_at, run.note.run_id


def _keep(site: SiteFolder, name: str, page: DerivedFile | None) -> None:
    if page is not None:
        site.keep(name, page)


def _write(site: SiteFolder, name: str, run: RunToShow, result: RunResult) -> None:
    """Write the page of a run if it is not up to date."""
    baseline = baselines.text_of(baseline_path(result))
    sizes = (_size_text(run.folder / SAMPLES), _size_text(run.folder / RECORDING))
    made_from = digest_of(pages_code(), read_text(run.folder / RESULT), baseline, *sizes)
    current = site.current(name, made_from)
    if current is not None:
        site.keep(name, current)
        return
    site.write(name, _render(run, result), made_from, run.note.model_dump_json())


def _render(run: RunToShow, result: RunResult) -> str:
    """Return the page of a run, which is judged against the other runs of its baseline."""

    def find_others(judged: RunResult) -> Baseline | None:
        baseline = baselines.load(judged)
        return None if baseline is None else baseline.without(judged.provenance.run_id)

    paired = load_pairs(run.folder, load_foreign)
    if paired is not None:
        report = judge_stored_pairs(paired, result, find_others)
    else:
        report = judge_run(result, find_baseline=find_others)
    recording = results.load_recording(run.folder)
    expected = None if paired is not None else find_others(result)
    history = f"../{path_of(run.note.where)}"
    return render_page(report, make_series(report.result, recording, expected), history=history) + "\n"


def _check_files(folder: Path, results_folder: Path) -> None:
    """Refuse links and very large files of a run of unknown origin.

    Args:
        folder: The folder of the run.
        results_folder: The folder of all runs, which may be a link.

    Raises:
        StoreError: There is one.
    """
    if folder.parent != results_folder and folder.parent.is_symlink():
        raise StoreError(f"{folder.parent} is a link, and results must be files")
    for name in (SAMPLES, RECORDING):
        file = folder / name
        if folder.is_symlink() or file.is_symlink():
            raise StoreError(f"{file} is a link, and results must be files")
        if file.is_file() and file.stat().st_size > _MOST_BYTES:
            raise StoreError(f"{file} is larger than {_MOST_BYTES / 1e6:.0f} MB")


def _size_text(file: Path) -> str:
    return str(file.stat().st_size) if file.is_file() else ""
