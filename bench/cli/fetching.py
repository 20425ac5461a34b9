"""What the commands share that take runs from a workflow run: its archives, taken for a stranger's."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.publishing import api

if TYPE_CHECKING:
    from bench.core.run.result import RunResult
    from bench.publish.runs import Runs

FromRun = Annotated[
    int | None, typer.Option("--from-run", min=1, help="Take the runs that this workflow run keeps.")
]


def given(runs: Sequence[Path], from_run: int | None) -> "list[RunResult]":
    """The runs that are named, by their folders or by the workflow run that keeps them.

    Raises:
        ConfigError: Neither or both are named.
        PublishError: GitHub does not give them.
        StoreError: They are not what runs are.
    """
    from bench.errors import ConfigError
    from bench.publish.runs import Runs
    from bench.store.results import load_foreign

    if bool(runs) == (from_run is not None):
        raise ConfigError("name runs, or the workflow run that keeps them", "--from-run 1234567890")
    if from_run is None:
        return [load_foreign(path) for path in runs]
    return fetched(Runs(repository(), api()), from_run)


def repository() -> str:
    """The repository that is spoken of.

    Raises:
        ConfigError: It is not named.
    """
    from bench.errors import ConfigError

    name = os.environ.get("GITHUB_REPOSITORY", "")
    if name.count("/") != 1:
        raise ConfigError("GITHUB_REPOSITORY is not set", "GITHUB_REPOSITORY=owner/name bench …")
    return name


def fetched(runs: "Runs", number: int) -> "list[RunResult]":
    """The runs of bench that a workflow run keeps.

    Raises:
        PublishError: GitHub refused or does not answer, or there are none.
        StoreError: They are not what runs are.
    """
    from bench.errors import StoreError
    from bench.store.archives import unpack
    from bench.store.results import load_foreign

    with TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        for archive in runs.fetch(number, folder):
            unpack(archive, archive.with_suffix(""))
            archive.unlink()
        found = [load_foreign(path) for path in sorted(folder.glob("*/*/result.json"))]
    if not found:
        raise StoreError(f"workflow run {number} keeps no result", "did the stack start? see its log")
    return found
