"""`bench ci history`: store runs in a history, and list the histories."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say
from bench.core.values.wording import counted
from bench.store import history as histories
from bench.store.history_file import open_history
from bench.usecases.history import add_to_history

Branch = Annotated[
    str | None,
    typer.Option("--branch", metavar="NAME", help="Store the histories in this branch on GitHub too."),
]


def add(
    runs: options.OptionalRunFolders = None,
    *,
    from_run: options.FromRun = None,
    history: options.HistoryFolder = options.DEFAULT_HISTORY,
    branch: Branch = None,
) -> None:
    """Add runs to the history of their scenario.

    Adding a run twice changes nothing. The branch must contain only histories.
    """
    added = add_to_history(runs or (), from_run=from_run, history=history, branch=branch)
    for run in added:
        say(f"{run.run_id} is in {run.path}, which has {counted(run.runs, 'run')}")
    if branch is not None:
        say(f"branch {branch} has them")


def list_(*, history: options.HistoryFolder = options.DEFAULT_HISTORY) -> None:
    """List all histories."""
    for path in histories.paths(history):
        with open_history(path) as file:
            first, last = file.read((file.order[0], file.order[-1]))
            count = file.columns.count
        place = "/".join(path.parts[-3:-1])
        span = f"{first.started_at:%Y-%m-%d} to {last.started_at:%Y-%m-%d}"
        print(f"{path.stem:20} {place:30} {count:4} runs  {span}  {path}")
