"""`bench baseline update`: accept all runs of a suite."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import print_line, say
from bench.core.verdict.acceptance import AcceptRequest, LevelChoice
from bench.errors import ConfigError
from bench.measure.run.provenance import git_user
from bench.usecases.accept import BaselineChanges
from bench.usecases.accept import update as update_baselines
from bench.usecases.propose import commit_to_default
from bench.usecases.propose import propose as propose_baselines
from bench.usecases.stored_runs import load_runs

NO_CHANGE = "no baseline changes"


def update(
    *,
    suite: Annotated[str, typer.Option("--suite", metavar="NAME", help="Name the suite of the runs.")] = "pr",
    from_: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="RUN", help="Accept this run; repeatable."),
    ] = None,
    from_run: options.FromRun = None,
    reason: options.Reason,
    by: options.By = None,
    propose: Annotated[
        bool, typer.Option("--propose", help="Open a pull request instead of writing files here.")
    ] = False,
    commit: Annotated[
        bool, typer.Option("--commit", help="Commit to the default branch instead of writing files here.")
    ] = False,
    new_level: options.NewLevel = False,
    extend: Annotated[
        bool,
        typer.Option("--extend", help="Add only runs that are not worse, to the newest level."),
    ] = False,
    dry_run: options.PrintEffect = False,
) -> None:
    """Accept all runs of a suite, also slower ones.

    Reads the runs from folders, or from the artifacts of a workflow run.
    With `--extend`, no person needs to look at the runs first: worse ones are left out.
    """
    if new_level and extend:
        raise ConfigError("--new-level and --extend exclude each other", "leave one of them out")
    if commit and propose:
        raise ConfigError("--commit and --propose exclude each other", "leave one of them out")
    runs = load_runs(from_ or (), from_run, suite)
    request = AcceptRequest(
        reason=reason,
        by=by or os.environ.get("GITHUB_ACTOR") or git_user(),
        at=datetime.now(UTC),
        level=_choose_level(new_level=new_level, extend=extend),
    )
    if propose and not dry_run:
        say(propose_baselines(runs, suite, request) or NO_CHANGE)
        return
    if commit and not dry_run:
        _say_committed(commit_to_default(runs, suite, request))
        return
    announce = print_line if dry_run else say
    changed = update_baselines(runs, suite, request, dry_run=dry_run, announce=announce)
    if dry_run:
        return
    for path in changed:
        say(f"{path} is changed")
    if not changed:
        say(NO_CHANGE)


def _say_committed(changes: BaselineChanges) -> None:
    for line in changes.effect:
        say(line)
    for path in changes.files:
        say(f"{path} is changed on the default branch")
    if not changes.files:
        say(NO_CHANGE)


def _choose_level(*, new_level: bool, extend: bool) -> LevelChoice:
    if extend:
        return LevelChoice.EXTEND
    return LevelChoice.NEW if new_level else LevelChoice.AUTO
