"""`bench baseline`: what runs are compared with."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import say

app = typer.Typer(help="Accept, show and list baselines.", no_args_is_help=True, rich_markup_mode=None)


@app.command(epilog="Example: bench baseline accept results/RUN --reason 'faster model'")
def accept(
    results: Annotated[list[Path], typer.Argument(help="Folders of runs, or their result.json.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why these runs are as they should be.")],
    by: Annotated[str | None, typer.Option("--by", help="Who accepts; else git's user.name.")] = None,
) -> None:
    """Add runs to the baseline of their scenario and environment. Accepting one twice changes nothing."""
    from datetime import UTC, datetime

    from bench.core.baseline import accept as accepted
    from bench.measure.provenance import git_user
    from bench.store import baselines
    from bench.store.results import load

    for result in [load(path) for path in results]:
        before = baselines.load(result)
        after = accepted(before, result, reason=reason, by=by or git_user(), at=datetime.now(UTC))
        if after == before:
            say(f"{result.provenance.run_id} was accepted before")
            continue
        path = baselines.save(after)
        say(f"{result.provenance.run_id} accepted; {path} has {len(after.runs)} runs")


@app.command(epilog="Example: bench baseline show quick")
def show(scenario: Annotated[str, typer.Argument(help="A scenario's name.")]) -> None:
    """Show the runs of a scenario's baselines: when, what, who and why."""
    from bench.core.wording import duration
    from bench.store import baselines

    for path in baselines.only(scenario):
        baseline = baselines.read(path)
        print(f"{path}: {len(baseline.runs)} runs")
        for run in baseline.runs:
            figures = run.figures.get("e2e_ms", {}).values()
            mean = duration(sum(figures) / len(figures)) if figures else duration(None)
            commit = (run.commit or "no commit")[:9]
            asked = f"{run.ok}/{run.ok + run.failed} ok"
            said = f"{run.accepted_by}: {run.reason}"
            print(f"  {run.started_at:%Y-%m-%d %H:%M}  {commit}  {mean:>9}  {asked}  {said}")


@app.command("list", epilog="Example: bench baseline list")
def list_() -> None:
    """List all baselines."""
    from bench.store import baselines

    for path in baselines.paths():
        baseline = baselines.read(path)
        where = f"{baseline.stack}/{baseline.environment}"
        print(f"{baseline.scenario:20} {where:30} {len(baseline.runs):3} runs  {path}")
