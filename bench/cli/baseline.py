"""`bench baseline`: accept, show and maintain baselines."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say
from bench.core.samples.metrics import metric
from bench.core.values import wording
from bench.core.values.wording import counted
from bench.core.verdict.baseline import BaselineRun
from bench.errors import Exit
from bench.usecases import baselines
from bench.usecases.accept import accept as accept_runs

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="Name of a scenario.")]


def accept(
    runs: options.RunFolders,
    *,
    reason: options.Reason,
    by: options.By = None,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Accept runs of uncommitted changes.")
    ] = False,
    allow_regression: Annotated[
        bool, typer.Option("--allow-regression", help="Accept runs that are worse than the baseline.")
    ] = False,
) -> None:
    """Add runs to the baseline of their scenario.

    Accepting a run twice changes nothing.
    """
    accepted = accept_runs(
        runs, reason=reason, by=by, allow_dirty=allow_dirty, allow_regression=allow_regression
    )
    for run in accepted:
        if run.path is None:
            say(f"{run.run_id} was accepted before")
        else:
            say(f"{run.run_id} accepted; {run.path} has {counted(len(run.baseline.runs), 'run')}")


def show(scenario: ScenarioName) -> None:
    """Show the runs in a scenario's baselines."""
    for file in baselines.list_baselines(scenario):
        print(f"{file.path}: {counted(len(file.baseline.runs), 'run')}")
        pinned = file.baseline.pinned
        if pinned is not None:
            print(f"  pinned on {pinned.pinned_at:%Y-%m-%d} by {pinned.pinned_by}: {pinned.reason}")
        for run in file.baseline.runs:
            print(f"  {_describe(run)}")


def list_() -> None:
    """List all baselines."""
    for file in baselines.list_baselines():
        baseline = file.baseline
        place = f"{baseline.stack}/{baseline.environment}"
        print(f"{baseline.scenario:20} {place:30} {len(baseline.runs):3} runs  {file.path}")


def diff(
    one: Annotated[Path, typer.Argument(metavar="FILE", help="A baseline file.")],
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="Another baseline file.")],
) -> None:
    """Show how two baselines differ."""
    for row in baselines.diff(one, other):
        declared = metric(row.key)
        before = wording.value(row.before, declared.unit)
        after = wording.value(row.after, declared.unit)
        print(f"{declared.label:<22} {before:>10} {after:>10} {wording.change(row.ratio):>9}")


def pin(
    scenario: ScenarioName,
    *,
    reason: options.Reason = "",
    by: options.By = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove the pinned baseline.")] = False,
) -> None:
    """Pin the current runs of a scenario's baselines, to detect drift.

    `bench check` also compares with the pinned runs, so it detects many small changes that add up.
    """
    if clear:
        for file in baselines.unpin(scenario):
            say(f"{file.path} has no pinned runs")
        return
    for file in baselines.pin(scenario, reason=reason, by=by):
        say(f"{file.path} has {counted(len(file.baseline.runs), 'pinned run')}")


def prune(
    scenario: ScenarioName,
    *,
    keep: Annotated[int, typer.Option("--keep", metavar="N", min=1, help="Keep this number of newest runs.")],
) -> None:
    """Remove the oldest runs from a scenario's baselines."""
    for file, removed in baselines.prune(scenario, keep=keep):
        say(f"{file.path}: {removed} runs removed, {len(file.baseline.runs)} kept")


def verify() -> None:
    """Check that every baseline is usable.

    A baseline is usable if its file can be read and its runs are comparable with today's scenario.
    Exits with 2 if a baseline is not usable.
    """
    faults = baselines.verify()
    for path, of_file in faults.items():
        for fault in of_file:
            print(f"{path}: {fault}")
    if any(faults.values()):
        raise typer.Exit(Exit.USAGE)
    say(f"{len(faults)} baselines are usable")


def _describe(run: BaselineRun) -> str:
    times_ms = run.figures.get("e2e_ms", {}).values()
    mean = wording.duration(sum(times_ms) / len(times_ms) if times_ms else None)
    commit = (run.commit or "no commit")[:9]
    success = f"{run.ok}/{run.ok + run.failed} ok"
    return f"{run.started_at:%Y-%m-%d %H:%M}  {commit}  {mean:>9}  {success}  {run.accepted_by}: {run.reason}"
