"""Baselines: `baselines/<stack>/<environment>/<scenario>.json`, committed to the repository."""

from contextlib import AbstractContextManager
from pathlib import Path

from bench.core.run.result import RunResult
from bench.core.verdict.baseline import SCHEMA_VERSION, Baseline, baseline_json, baseline_path
from bench.errors import StoreError
from bench.owners.locks import lock_file
from bench.store.files import parse_model, read_text, write_text
from bench.store.folders import find, shipped

FOLDER = "baselines"
LOCK = Path(".bench/baselines.lock")


def load(result: RunResult) -> Baseline | None:
    """Return the baseline of a run's scenario, stack and environment; None if it does not exist.

    Raises:
        StoreError: The file is not a baseline.
    """
    return of(baseline_path(result))


def of(relative: str) -> Baseline | None:
    """Return the baseline at a path below the baselines folder; None if it does not exist.

    Raises:
        StoreError: The file is not a baseline.
    """
    path = find(FOLDER, relative)
    return read(path) if path else None


def text_of(relative: str) -> str | None:
    """Return the text of the baseline at a path below the baselines folder; None if it does not exist.

    Raises:
        StoreError: The file is not readable.
    """
    path = find(FOLDER, relative)
    return None if path is None else read_text(path)


def read(path: Path) -> Baseline:
    """Parse one file.

    Raises:
        StoreError: The file is not a baseline.
    """
    return parse(read_text(path), str(path))


def parse(text: str, where: str) -> Baseline:
    """Parse the text of a file.

    Args:
        text: The text.
        where: The file's name for error messages.

    Raises:
        StoreError: The text is not a baseline.
    """
    return parse_model(text, where, Baseline, SCHEMA_VERSION)


def parse_own(text: str, relative: str) -> Baseline:
    """Parse the text of the file at a path below the baselines folder, which must be its own place.

    Raises:
        StoreError: The text is not a baseline, or that of another scenario, stack or environment.
    """
    baseline = parse(text, f"{FOLDER}/{relative}")
    if relative != _place(baseline):
        raise StoreError(
            f"{FOLDER}/{relative} has the baseline {_place(baseline)}", "restore the file or delete it"
        )
    return baseline


def _place(baseline: Baseline) -> str:
    return f"{baseline.stack}/{baseline.environment}/{baseline.scenario}.json"


def save(baseline: Baseline) -> Path:
    """Write a baseline into `./baselines` and return its path.

    Raises:
        StoreError: The folder is not writable.
    """
    path = Path(FOLDER) / _place(baseline)
    write_text(path, baseline_json(baseline))
    return path


def lock() -> AbstractContextManager[None]:
    """Hold the lock of this folder's baselines while you read, change and write one.

    Raises:
        StoreError: The lock file cannot be created.
    """
    return lock_file(LOCK)


def paths() -> tuple[Path, ...]:
    """Return all baseline files: those in `./baselines`, or the shipped ones if it has none."""
    for folder in (Path(FOLDER), shipped(FOLDER)):
        files = tuple(sorted(folder.glob("*/*/*.json")))
        if files:
            return files
    return ()


def only(name: str) -> tuple[Path, ...]:
    """Return the baselines of one scenario.

    Raises:
        StoreError: The scenario has no baseline; the hint lists the scenarios that have one.
    """
    files = tuple(path for path in paths() if path.stem == name)
    if not files:
        scenarios = sorted({path.stem for path in paths()})
        raise StoreError(
            f"scenario '{name}' has no baseline",
            f"scenarios with a baseline: {', '.join(scenarios) or 'none'}",
        )
    return files
