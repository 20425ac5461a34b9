"""Histories: `history/<stack>/<environment>/<scenario>.jsonl`, one line per run, committed or not."""

from collections.abc import Sequence
from pathlib import Path

from bench.core.history.history import SCHEMA_VERSION, HistoryPoint, history_key
from bench.errors import StoreError
from bench.owners.locks import lock_file
from bench.store.files import parse_model, read_text, write_text

FOLDER = Path("history")
LOCK = ".lock"
_SUFFIX = ".jsonl"


def append(folder: Path, point: HistoryPoint) -> tuple[Path, int]:
    """Add a run to its history; a run that the history already has stays unchanged.

    A lock file in the folder makes other processes wait, and readers never see a partly written file.

    Returns:
        The file and its number of runs.

    Raises:
        StoreError: The file is not a history, or is not writable.
    """
    path = folder / f"{history_key(point)}{_SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror}", "name another folder") from error
    with lock_file(folder / LOCK):
        points = read(path) if path.is_file() else ()
        if any(old.run_id == point.run_id for old in points):
            return path, len(points)
        points = _sort((*points, point))
        lines = [f"{line.model_dump_json()}\n" for line in points]
        write_text(path, "".join(lines))
    return path, len(points)


def read(path: Path) -> tuple[HistoryPoint, ...]:
    """Return the runs of one file, oldest first. Lines may be in any order, for example after a merge.

    Raises:
        StoreError: The file is empty, or a line is incomplete, invalid, of a newer version, of another
            history, or of a run that another line has; the message names the line.
    """
    text = read_text(path).removesuffix("\n")
    if not text:
        raise StoreError(f"{path} is empty", "delete it, or restore it")
    lines: dict[str, int] = {}
    points = []
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"{path}:{number}"
        point = parse_model(line, where, HistoryPoint, SCHEMA_VERSION)
        if not f"/{path.as_posix()}".endswith(f"/{history_key(point)}{_SUFFIX}"):
            raise StoreError(
                f"{where} belongs to {history_key(point)}", f"move the line to {history_key(point)}{_SUFFIX}"
            )
        first = lines.setdefault(point.run_id, number)
        if first != number:
            raise StoreError(f"{where} repeats run {point.run_id} of line {first}", "delete one of the lines")
        points.append(point)
    return _sort(points)


def paths(folder: Path) -> tuple[Path, ...]:
    """Return every history file in a folder."""
    return tuple(sorted(folder.glob(f"*/*/*{_SUFFIX}")))


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


def _sort(points: Sequence[HistoryPoint]) -> tuple[HistoryPoint, ...]:
    return tuple(sorted(points, key=lambda point: (point.started_at, point.run_id)))
