"""`bench baseline`: accept, show and maintain baselines."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import print_line, say
from bench.core.samples.metrics import metric
from bench.core.values import wording
from bench.core.values.escape import escape_terminal
from bench.core.values.wording import counted
from bench.core.verdict.baseline import Baseline, PinnedBaseline
from bench.errors import Exit
from bench.render.baseline_levels import describe_levels, describe_run, draw_levels
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
    new_level: options.NewLevel = False,
    dry_run: options.PrintEffect = False,
) -> None:
    """Add runs to the baseline of their scenario.

    Runs that differ from the newest level by more than the tolerance start a new level.
    Prints the effect on the next runs before a file changes. Accepting a run twice changes nothing.
    """
    accepted = accept_runs(
        runs,
        reason=reason,
        by=by,
        allow_dirty=allow_dirty,
        allow_regression=allow_regression,
        new_level=new_level,
        dry_run=dry_run,
        announce=print_line if dry_run else say,
    )
    if dry_run:
        return
    for run in accepted:
        if run.path is None:
            say(f"{run.run_id} was accepted before")
        else:
            runs_and_levels = _describe_size(run.baseline)
            say(f"{run.run_id} accepted; {run.path} has {runs_and_levels}")


def show(
    scenario: Annotated[
        str | None, typer.Argument(metavar="[SCENARIO]", help="Name of a scenario (default: all).")
    ] = None,
    *,
    runs: Annotated[bool, typer.Option("--runs", help="List each run too.")] = False,
) -> None:
    """Show the levels of a scenario's baselines, and draw them."""
    for file in baselines.list_baselines(scenario):
        print(f"{file.path}: {_describe_size(file.baseline)}")
        pinned = file.baseline.pinned
        if pinned is not None:
            print(f"  pinned on {pinned.pinned_at:%Y-%m-%d} {_describe_pin(pinned)}")
        for line in (*describe_levels(file.baseline), *draw_levels(file.baseline)):
            print(line)
        for run in file.baseline.runs if runs else ():
            print(f"  {describe_run(run)}")


def list_() -> None:
    """List all baselines."""
    for file in baselines.list_baselines():
        baseline = file.baseline
        place = f"{baseline.stack}/{baseline.environment}"
        print(f"{baseline.scenario:20} {place:30} {_describe_size(baseline):22} {file.path}")


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
    """Remove the oldest runs from a scenario's baselines.

    Each of the newest levels keeps a run, so that its reason stays.
    """
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


def _describe_pin(pinned: PinnedBaseline) -> str:
    return escape_terminal(f"by {pinned.pinned_by}: {pinned.reason}")


def _describe_size(baseline: Baseline) -> str:
    runs = counted(len(baseline.runs), "run")
    return f"{runs} in {counted(len(baseline.levels), 'level')}"
