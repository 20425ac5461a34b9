"""Store runs in the history of their scenario."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.history.history import HistoryPoint, history_key, to_history_point
from bench.errors import PublishError
from bench.publish.branches import Branches
from bench.store import history as histories
from bench.store.files import read_text, write_text
from bench.usecases.job import connect_api, read_repository
from bench.usecases.stored_runs import load_runs

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class AddedRun:
    """A run in a history."""

    run_id: str
    """The run."""
    path: Path
    """The file of the history."""
    runs: int
    """Number of runs in the history."""


def add_to_history(
    runs: Sequence[Path | str] = (),
    *,
    from_run: int | None = None,
    history: Path | str = histories.FOLDER,
    branch: str | None = None,
) -> tuple[AddedRun, ...]:
    """Add runs to the history of their scenario, stack and environment. Adding a run twice changes nothing.

    bench reads all runs before it writes the first one.

    Args:
        runs: The folders of the runs, or their result.json files.
        from_run: The number of the workflow run that keeps the runs, instead of folders.
        history: The folder of histories.
        branch: A branch on GitHub that stores the histories and nothing else; default: the folder only.

    Raises:
        ConfigError: Neither runs nor a workflow run are given.
        PublishError: GitHub refused, or other jobs change the branch all the time.
        StoreError: A result or a history cannot be read or written.
    """
    points = [to_history_point(run, from_run) for run in load_runs(runs, from_run).results]
    folder = Path(history)
    if branch is None:
        return _append(points, folder)
    branches = Branches(read_repository(), connect_api())
    for _ in range(_ATTEMPTS):
        added = _append_to_branch(branches, branch, points, folder)
        if added is not None:
            return added
    raise PublishError(f"other jobs change branch {branch} all the time", "try again later")


def _append(points: Sequence[HistoryPoint], folder: Path) -> tuple[AddedRun, ...]:
    added = []
    for point in points:
        path, runs = histories.append(folder, point)
        added.append(AddedRun(point.run_id, path, runs))
    return tuple(added)


def _append_to_branch(
    branches: Branches, branch: str, points: Sequence[HistoryPoint], folder: Path
) -> tuple[AddedRun, ...] | None:
    """Add runs to the histories of a branch; None if another job changed the branch at the same time."""
    head = branches.head(branch)
    before: dict[str, str] = {}
    for name in sorted({f"{history_key(point)}.jsonl" for point in points}):
        text = branches.text(name, head) if head else None
        if text is not None:
            before[name] = text
            write_text(folder / name, text)
    added = _append(points, folder)
    changed: dict[str, str] = {}
    for run in added:
        name = run.path.relative_to(folder).as_posix()
        text = read_text(run.path)
        if text != before.get(name):
            changed[name] = text
    if changed and branches.commit(branch, head, changed, f"Add {len(points)} runs\n") is None:
        return None
    return added
