"""Read stored runs from folders, or from the artifacts of a workflow run."""

from collections.abc import Sequence
from pathlib import Path

from bench.core.run.result import RunResult
from bench.errors import ConfigError, StoreError
from bench.owners.temporary import temporary_folder
from bench.publish.runs import Runs
from bench.store.archives import unpack
from bench.store.results import RESULT, load_foreign
from bench.usecases.job import connect_api, read_repository


def load_runs(runs: Sequence[Path | str], from_run: int | None = None) -> list[RunResult]:
    """Return the results in folders, or those that a workflow run keeps. Result files are untrusted input.

    Args:
        runs: The folders of the runs, or their result.json files.
        from_run: The number of a workflow run, instead of folders.

    Raises:
        ConfigError: Neither or both are given.
        PublishError: GitHub refused or does not answer.
        StoreError: A file is not a result.
    """
    if bool(runs) == (from_run is not None):
        raise ConfigError("name either runs or a workflow run", "--from-run 1234567890")
    if from_run is None:
        return [load_foreign(Path(run)) for run in runs]
    return fetch_runs(Runs(read_repository(), connect_api()), from_run)


def fetch_runs(runs: Runs, number: int) -> list[RunResult]:
    """Return the results that a workflow run keeps as artifacts.

    Raises:
        PublishError: GitHub refused or does not answer, or the workflow run has no artifact.
        StoreError: The artifacts have no result, or a file is not a result.
    """
    with temporary_folder("artifacts") as folder:
        for archive in runs.fetch(number, folder):
            unpack(archive, archive.with_suffix(""))
            archive.unlink()
        results = [load_foreign(path) for path in sorted(folder.glob(f"*/*/{RESULT}"))]
    if not results:
        raise StoreError(
            f"workflow run {number} keeps no result", "read its log: the stack may not have started"
        )
    return results
