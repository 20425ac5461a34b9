"""Histories: `history/<stack>/<environment>/<scenario>.jsonl`, one line per run, committed or not."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from bench.core.history.history import HistoryPoint, history_key
from bench.errors import StoreError
from bench.owners.locks import lock_file
from bench.store.files import write_chunks
from bench.store.history_file import SUFFIX, HistoryFile, open_history

FOLDER = Path("history")
LOCK = ".lock"


def append(folder: Path, point: HistoryPoint) -> tuple[Path, int]:
    """Add a run to its history; a run that the history already has stays unchanged.

    A lock file in the folder makes other processes wait, and readers never see a partly written file. A run
    that is the newest is added at the end, after a copy of the file; the other lines are not parsed again.

    Returns:
        The file and its number of runs.

    Raises:
        StoreError: The file is not a history, or is not writable.
    """
    path = folder / f"{history_key(point)}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror}", "name another folder") from error
    with lock_file(folder / LOCK):
        if not path.is_file():
            write_chunks(path, [_line(point)])
            return path, 1
        with open_history(path) as history:
            count = history.columns.count
            if point.run_id in history.columns.run_ids:
                return path, count
            write_chunks(path, _insert(history, point))
    return path, count + 1


def _insert(history: HistoryFile, point: HistoryPoint) -> Iterable[bytes]:
    """Return the lines of a history and a new run, oldest first."""
    order = history.order
    newest = history.read(order[-1:])[0]
    if _age(newest) < _age(point) and order == list(range(len(order))):
        return (*history.chunks(), _line(point))
    points = sorted((*history.read(order), point), key=_age)
    return map(_line, points)


def _line(point: HistoryPoint) -> bytes:
    return f"{point.model_dump_json()}\n".encode()


def _age(point: HistoryPoint) -> tuple[datetime, str]:
    return point.started_at, point.run_id


def read(path: Path) -> tuple[HistoryPoint, ...]:
    """Return the runs of one file, oldest first. Lines may be in any order, for example after a merge.

    Raises:
        StoreError: The file is not a history; see `HistoryFile.columns`.
    """
    with open_history(path) as history:
        return history.read(history.order)


def paths(folder: Path) -> tuple[Path, ...]:
    """Return every history file in a folder."""
    return tuple(sorted(folder.glob(f"*/*/*{SUFFIX}")))


def key_of(path: Path) -> str:
    """Return the key of the history that a file is for: `<stack>/<environment>/<scenario>`."""
    return "/".join((*path.parts[-3:-1], path.stem))


def of(folder: Path, scenario: str, stacks: Sequence[str] = ()) -> tuple[Path, ...]:
    """Return the histories of one scenario, on some stacks or, by default, on all.

    Raises:
        StoreError: The scenario has no history; the hint lists the histories of the folder.
    """
    histories = [path for path in paths(folder) if path.stem == scenario]
    chosen = tuple(path for path in histories if not stacks or _stack(path) in stacks)
    if chosen:
        return chosen
    on_stacks = f" on {' or '.join(stacks)}" if stacks else ""
    existing = sorted({f"{path.stem} on {_stack(path)}" for path in paths(folder)})
    raise StoreError(
        f"folder {folder} has no history of '{scenario}'{on_stacks}",
        f"histories: {', '.join(existing) or 'none'}; add a run with bench ci history add RUN",
    )


def _stack(path: Path) -> str:
    return path.parts[-3]
