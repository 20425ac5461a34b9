"""Failed runs: `results/not-measured-<scenario>/` holds the reason why a scenario has no result."""

import hashlib
import re
import shutil
from contextlib import suppress
from pathlib import Path

from bench.core.report.not_measured import NotMeasured
from bench.errors import StoreError
from bench.store.files import read_model, write_text

FAILURE = "failure.json"
_MOST_BYTES = 100_000  # a hundred times the usual size
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def save(failure: NotMeasured, folder: Path) -> Path:
    """Write why a scenario was not measured, instead of an older reason; return the folder of the file.

    Raises:
        StoreError: The folder is not writable.
    """
    home = _home(failure.scenario, folder)
    write_text(home / FAILURE, failure.model_dump_json(indent=1) + "\n")
    return home


def forget(scenario: str, folder: Path) -> None:
    """Remove the reason of an earlier failed run of a scenario, because the scenario has a result now."""
    with suppress(OSError):
        shutil.rmtree(_home(scenario, folder))


def find(scenario: str, folder: Path) -> Path | None:
    """Return the folder with the reason why a scenario has no result; `None` without one."""
    home = _home(scenario, folder)
    return home if is_failure(home) else None


def is_failure(path: Path) -> bool:
    """Check whether a path is the folder of a failed run, or its file."""
    return path.name == FAILURE or (path / FAILURE).is_file()


def load_foreign(path: Path) -> NotMeasured:
    """Return why a scenario was not measured, from a file of unknown origin, by its folder or its path.

    Raises:
        StoreError: The file is a link, is too large, or has other content.
    """
    file = path if path.name == FAILURE else path / FAILURE
    if path.is_symlink() or file.is_symlink():
        raise StoreError(f"{file} is a link, and results must be files")
    if file.stat().st_size > _MOST_BYTES:
        raise StoreError(f"{file} has more than {_MOST_BYTES / 1000:.0f} kB", "is this the right file?")
    return read_model(file, NotMeasured)


def _home(scenario: str, folder: Path) -> Path:
    name = scenario
    if not _SAFE_NAME.fullmatch(scenario):
        name = hashlib.sha256(scenario.encode()).hexdigest()[:24]
    return folder / f"not-measured-{name}"
