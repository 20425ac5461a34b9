"""The pairs of a comparison of two versions: `pairs.json`, and the runs below `runs/`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.core.run.pairing import SCHEMA_VERSION, Pairing
from bench.core.run.result import RunResult
from bench.core.run.run_start import RUNS
from bench.errors import StoreError
from bench.store import results
from bench.store.files import read_model

PAIRS = "pairs.json"
"""The pairs, in the folder of the head version's joined runs."""


@dataclass(frozen=True, slots=True)
class StoredPairs:
    """The pairs of a stored comparison, with their runs."""

    pairing: Pairing
    base: tuple[RunResult, ...]
    """The run of the base of each pair."""
    head: tuple[RunResult, ...]
    """The run of the head of each pair."""


def load_pairs(home: Path, load: Callable[[Path], RunResult] = results.load) -> StoredPairs | None:
    """Return the pairs of a comparison by its folder; `None` for a run that is not one.

    Args:
        home: The folder.
        load: Reads a run by its folder.

    Raises:
        StoreError: The file has other content, or a run is missing.
    """
    pairing = load_pairing(home)
    if pairing is None:
        return None
    base = tuple(load(home / RUNS / pair.base) for pair in pairing.pairs)
    head = tuple(load(home / RUNS / pair.head) for pair in pairing.pairs)
    return StoredPairs(pairing, base, head)


def load_pairing(home: Path) -> Pairing | None:
    """Return which runs of a comparison belong together, by its folder; `None` for a run that is not one.

    Raises:
        StoreError: The file has other content.
    """
    file = home / PAIRS
    if not file.is_file():
        return None
    if file.is_symlink() or (home / RUNS).is_symlink():
        raise StoreError(f"{file} or {home / RUNS} is a link, and results must be files")
    return read_model(file, Pairing, SCHEMA_VERSION)
