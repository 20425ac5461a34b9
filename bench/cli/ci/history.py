"""`bench ci history`: runs that are kept, to see later when something changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import say
from bench.cli.fetching import FromRun, given, repository
from bench.cli.publishing import api

if TYPE_CHECKING:
    from bench.core.history.history import HistoryPoint
    from bench.publish.branches import Branches

_ATTEMPTS = 5
DEFAULT_HISTORY = Path("history")
HistoryFolder = Annotated[Path, typer.Option("--history", help="The folder of histories.")]


def add(
    results: Annotated[
        list[Path] | None, typer.Argument(help="Folders of runs, or their result.json.")
    ] = None,
    *,
    from_run: FromRun = None,
    history: HistoryFolder = DEFAULT_HISTORY,
    branch: Annotated[
        str | None,
        typer.Option("--branch", help="Keep it in this branch on GitHub, which has nothing else."),
    ] = None,
) -> None:
    """Add runs to the history of their scenario."""
    from bench.core.history.history import to_history_point
    from bench.errors import PublishError

    # All are looked at before the first is written.
    points = [to_history_point(run, from_run) for run in given(results or [], from_run)]
    if branch is None:
        _add(points, history)
        return
    from bench.publish.branches import Branches

    branches = Branches(repository(), api())
    for _ in range(_ATTEMPTS):
        if _add_to(branches, branch, points, history):
            return
    raise PublishError(f"somebody else changes branch {branch} all the time", "try again later")


def _add(points: "list[HistoryPoint]", folder: Path) -> dict[str, str]:
    """Put runs into the histories of a folder. Returns their texts by their paths in it."""
    from bench.store import history as store
    from bench.store.files import read_text

    after = {}
    for point in points:
        path, runs = store.append(folder, point)
        after[path.relative_to(folder).as_posix()] = read_text(path)
        say(f"{point.run_id} is in {path}, which has {runs} runs")
    return after


def _add_to(branches: "Branches", branch: str, points: "list[HistoryPoint]", folder: Path) -> bool:
    """Put runs into the histories of a branch and of a folder. Returns False when somebody else did too."""
    from bench.core.history.history import history_key
    from bench.store.files import write_text

    at, before = branches.head(branch), dict[str, str]()
    for name in sorted({f"{history_key(point)}.jsonl" for point in points}):
        text = branches.text(name, at) if at else None
        if text is not None:
            before[name] = text
            write_text(folder / name, text)
    after = _add(points, folder)
    changed = {name: text for name, text in after.items() if text != before.get(name)}
    message = f"Add {len(points)} runs\n"
    if changed and not branches.commit(branch, at, changed, message):
        return False
    say(f"branch {branch} has them")
    return True


def list_(*, history: HistoryFolder = DEFAULT_HISTORY) -> None:
    """List all histories."""
    from bench.store import history as store

    for path in store.paths(history):
        points = store.read(path)
        where = "/".join(path.parts[-3:-1])
        span = f"{points[0].started_at:%Y-%m-%d} to {points[-1].started_at:%Y-%m-%d}"
        print(f"{path.stem:20} {where:30} {len(points):4} runs  {span}  {path}")
