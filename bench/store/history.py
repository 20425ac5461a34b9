"""Histories: `history/<stack>/<environment>/<scenario>.jsonl`, a line for each run, committed or not."""

from collections.abc import Sequence
from pathlib import Path

from bench.core.history.history import SCHEMA_VERSION, HistoryPoint, where_of
from bench.errors import StoreError
from bench.store.files import parse_model, read_text, write_text
from bench.store.lock import locked

FOLDER = Path("history")
_SUFFIX = ".jsonl"


def append(folder: Path, point: HistoryPoint) -> tuple[Path, int]:
    """Put a run into its history, and say where and how many runs that has; one that is in it stays as it is.

    Whoever else adds to the same folder waits meanwhile, and a reader never sees half a file.

    Raises:
        StoreError: The file cannot be read as a history, or not written.
    """
    path = folder / f"{where_of(point)}{_SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror}", "name another folder") from error
    with locked(folder):
        before = read(path) if path.is_file() else ()
        if any(each.run_id == point.run_id for each in before):
            return path, len(before)
        after = _in_order((*before, point))
        write_text(path, "".join(f"{each.model_dump_json()}\n" for each in after))
    return path, len(after)


def read(path: Path) -> tuple[HistoryPoint, ...]:
    """The runs of one file, oldest first; its lines may be in any order, as branches that met leave them.

    Raises:
        StoreError: It is empty, or a line is cut off, of a newer version, of another history, of a run that
            another line has, or not what it should be; the message says which line.
    """
    lines: dict[str, int] = {}
    points = []
    text = read_text(path).removesuffix("\n")
    if not text:
        raise StoreError(f"{path} is empty", "delete it, or restore it")
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"{path}:{number}"
        point = parse_model(line, where, HistoryPoint, SCHEMA_VERSION)
        if not f"/{path.as_posix()}".endswith(f"/{where_of(point)}{_SUFFIX}"):
            raise StoreError(f"{where} is of {where_of(point)}", "move the line to the history that it is of")
        first = lines.setdefault(point.run_id, number)
        if first != number:
            raise StoreError(f"{where} has run {point.run_id}, as line {first} has", "delete one of them")
        points.append(point)
    return _in_order(points)


def paths(folder: Path) -> tuple[Path, ...]:
    """Every history in a folder."""
    return tuple(sorted(folder.glob(f"*/*/*{_SUFFIX}")))


def of(folder: Path, scenario: str, stacks: Sequence[str] = ()) -> tuple[Path, ...]:
    """The histories of one scenario, on some stacks or on all.

    Raises:
        StoreError: There is none.
    """
    named = [path for path in paths(folder) if path.stem == scenario]
    found = tuple(path for path in named if not stacks or path.parts[-3] in stacks)
    if not found:
        on = f" on {' or '.join(stacks)}" if stacks else ""
        known = ", ".join(sorted({f"{path.stem} on {path.parts[-3]}" for path in paths(folder)})) or "none"
        raise StoreError(
            f"{folder} has no history of '{scenario}'{on}",
            f"there are: {known}; bench ci history add adds runs",
        )
    return found


def _in_order(points: Sequence[HistoryPoint]) -> tuple[HistoryPoint, ...]:
    return tuple(sorted(points, key=lambda each: (each.started_at, each.run_id)))
