"""Read stored runs from folders, or from the artifacts of a workflow run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.core.report.attempts import keep_newest
from bench.core.report.not_measured import NotMeasured
from bench.core.run.job import SuiteJob
from bench.core.run.result import RunResult
from bench.errors import ConfigError, StoreError
from bench.owners.temporary import temporary_folder
from bench.publish.runs import Runs
from bench.store import failures
from bench.store.archives import Allowance, unpack
from bench.store.jobs import JOB, is_job, load_foreign_job
from bench.store.pairs import StoredPairs, load_pairs
from bench.store.results import RESULT, folder_of, load_foreign
from bench.usecases.job import connect_api, read_repository


@dataclass(frozen=True, slots=True)
class StoredSuite:
    """The newest attempt of the stored runs of a suite, with the runs that failed."""

    results: tuple[RunResult, ...]
    """The results."""
    failures: tuple[NotMeasured, ...] = ()
    """Scenarios that were not measured, with the reason."""
    job: SuiteJob | None = None
    """The newest attempt of the job that measured; `None` without its file."""
    pairs: Mapping[str, StoredPairs] = field(default_factory=dict)
    """The pairs of the results that compare two versions, by the id of the run."""


def load_runs(
    runs: Sequence[Path | str], from_run: int | None = None, of_suite: str | None = None
) -> StoredSuite:
    """Return the results in folders, or those that a workflow run keeps. Result files are untrusted input.

    Args:
        runs: The folders of the runs, or their result.json files.
        from_run: The number of a workflow run, instead of folders.
        of_suite: A suite whose runs are taken from the workflow run; default: those of all suites.

    Raises:
        ConfigError: Neither or both are given.
        PublishError: GitHub refused or does not answer.
        StoreError: A file is not a result, or there is none.
    """
    suite = load_suite(runs, from_run, of_suite)
    if from_run is not None:
        _check_results(suite, from_run)
    return suite


def load_suite(
    runs: Sequence[Path | str], from_run: int | None = None, of_suite: str | None = None
) -> StoredSuite:
    """Return the results, and the reasons of failed runs; arguments and errors are those of `load_runs`.

    A workflow run may keep no result.
    """
    if bool(runs) == (from_run is not None):
        raise ConfigError("name either runs or a workflow run", "--from-run 1234567890")
    if from_run is not None:
        return fetch_suite(Runs(read_repository(), connect_api()), from_run, of_suite)
    paths = [Path(run) for run in runs]
    failed = [path for path in paths if failures.is_failure(path)]
    jobs = [path for path in paths if is_job(path)]
    return _load([path for path in paths if path not in (*failed, *jobs)], failed, jobs)


def fetch_runs(
    runs: Runs, number: int, of_suite: str | None = None, only_attempt: int | None = None
) -> StoredSuite:
    """Return the results that a workflow run keeps as artifacts; the arguments are those of `fetch_suite`.

    Raises:
        PublishError: GitHub refused or does not answer.
        StoreError: The workflow run keeps no result, or a file is not a result.
    """
    suite = fetch_suite(runs, number, of_suite, only_attempt)
    _check_results(suite, number)
    return suite


def fetch_suite(
    runs: Runs, number: int, of_suite: str | None = None, only_attempt: int | None = None
) -> StoredSuite:
    """Return the results and the failed runs that a workflow run keeps as artifacts.

    Args:
        runs: The workflow runs of the repository.
        number: The number of the workflow run.
        of_suite: A suite whose results are fetched; default: those of all suites.
        only_attempt: The only attempt whose results count; default: the newest results of each job.

    Raises:
        PublishError: GitHub refused or does not answer.
        StoreError: A file is neither a result nor a failed run.
    """
    with temporary_folder("artifacts") as folder:
        allowance = Allowance()
        for archive in runs.fetch(number, folder, of_suite, only_attempt):
            unpack(archive, archive.with_suffix(""), allowance)
            archive.unlink()
        stored = sorted(folder.glob(f"*/*/{RESULT}"))
        failed = sorted(folder.glob(f"*/*/{failures.FAILURE}"))
        return _load(stored, failed, sorted(folder.glob(f"*/{JOB}")))


def _load(stored: Sequence[Path], failed: Sequence[Path], jobs: Sequence[Path]) -> StoredSuite:
    """Return the results, failed runs and jobs of unknown origin, by their folders or files."""
    results: list[RunResult] = []
    pairs: dict[str, StoredPairs] = {}
    for path in stored:
        result = load_foreign(path)
        paired = load_pairs(folder_of(path), load_foreign)
        if paired is not None:
            pairs[result.provenance.run_id] = paired
        results.append(result)
    kept, reasons = keep_newest(results, list(map(failures.load_foreign, failed)))
    job = max(map(load_foreign_job, jobs), key=_order, default=None)
    return StoredSuite(tuple(kept), tuple(reasons), job, pairs)


def _order(job: SuiteJob) -> tuple[int, int]:
    return int(job.run_id or 0), job.attempt


def _check_results(suite: StoredSuite, number: int) -> None:
    if not suite.results:
        raise StoreError(
            f"workflow run {number} keeps no result",
            "read its log: the stack may not have started; results are kept for 30 days",
        )
