"""`bench history`: runs that are kept, to see later when something changed."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import say

app = typer.Typer(help="Keep runs in a history, and list it.", no_args_is_help=True, rich_markup_mode=None)

DEFAULT_HISTORY = Path("history")
HistoryFolder = Annotated[Path, typer.Option("--history", help="The folder of histories.")]


@app.command(epilog="Example: bench history add results/RUN")
def add(
    results: Annotated[list[Path], typer.Argument(help="Folders of runs, or their result.json.")],
    *,
    history: HistoryFolder = DEFAULT_HISTORY,
) -> None:
    """Add runs to the history of their scenario, stack and environment. Adding one twice changes nothing."""
    from bench.core.history import point_of
    from bench.store import history as store
    from bench.store.results import load

    # All are looked at before the first is written.
    for point in [point_of(load(path)) for path in results]:
        path, runs = store.append(history, point)
        say(f"{point.run_id} is in {path}, which has {runs} runs")


@app.command("list", epilog="Example: bench history list")
def list_(*, history: HistoryFolder = DEFAULT_HISTORY) -> None:
    """List all histories: how many runs, and from when to when."""
    from bench.store import history as store

    for path in store.paths(history):
        points = store.read(path)
        where = "/".join(path.parts[-3:-1])
        span = f"{points[0].started_at:%Y-%m-%d} to {points[-1].started_at:%Y-%m-%d}"
        print(f"{path.stem:20} {where:30} {len(points):4} runs  {span}  {path}")
