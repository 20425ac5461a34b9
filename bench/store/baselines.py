"""Baselines: `baselines/<stack>/<environment>/<scenario>.json`, committed to the repository."""

from contextlib import AbstractContextManager
from pathlib import Path

from bench.core.run.result import RunResult
from bench.core.verdict.baseline import SCHEMA_VERSION, Baseline, place_of, text_of
from bench.errors import StoreError
from bench.store import lock
from bench.store.files import read_model, write_text
from bench.store.folders import find, shipped

FOLDER = "baselines"
LOCK = Path(".bench/baselines.lock")


def load(result: RunResult) -> Baseline | None:
    """The baseline that a run is judged by; None when there is none.

    Raises:
        StoreError: The file cannot be read as a baseline.
    """
    return of(place_of(result))


def of(relative: str) -> Baseline | None:
    """A baseline by its place below the folder of baselines; None when there is none.

    Raises:
        StoreError: The file cannot be read as a baseline.
    """
    path = find(FOLDER, relative)
    return read(path) if path else None


def read(path: Path) -> Baseline:
    """Parse one file.

    Raises:
        StoreError: It cannot be read as a baseline.
    """
    return read_model(path, Baseline, SCHEMA_VERSION)


def save(baseline: Baseline) -> Path:
    """Write a baseline into `./baselines` and say where."""
    path = Path(FOLDER) / baseline.stack / baseline.environment / f"{baseline.scenario}.json"
    write_text(path, text_of(baseline))
    return path


def locked() -> AbstractContextManager[None]:
    """Nobody else changes baselines in this folder meanwhile: who reads, changes and writes loses nothing.

    Raises:
        StoreError: The folder for the lock cannot be written.
    """
    return lock.locked(LOCK)


def paths() -> tuple[Path, ...]:
    """Every baseline file: the user's when there are any, else the shipped ones."""
    for folder in (Path(FOLDER), shipped(FOLDER)):
        found = tuple(sorted(folder.glob("*/*/*.json")))
        if found:
            return found
    return ()


def only(name: str) -> tuple[Path, ...]:
    """The baselines of one scenario.

    Raises:
        StoreError: There is none.
    """
    found = tuple(path for path in paths() if path.stem == name)
    if not found:
        known = ", ".join(sorted({path.stem for path in paths()})) or "none"
        raise StoreError(f"there is no baseline of '{name}'", f"there are: {known}")
    return found
