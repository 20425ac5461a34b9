"""`bench baseline update`: accept all runs of a suite."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say
from bench.measure.run.provenance import git_user
from bench.usecases.accept import update as update_baselines
from bench.usecases.propose import propose as propose_baselines
from bench.usecases.stored_runs import load_runs

ACCEPTED_BEFORE = "the baselines have all of these runs already"


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
) -> None:
    """Accept all runs of a suite, also slower ones.

    Reads the runs from folders, or from the artifacts of a workflow run.
    """
    runs = load_runs(from_ or (), from_run)
    person = by or os.environ.get("GITHUB_ACTOR") or git_user()
    if propose:
        say(propose_baselines(runs, suite, reason=reason, by=person) or ACCEPTED_BEFORE)
        return
    changed = update_baselines(runs, suite, reason=reason, by=person)
    for path in changed:
        say(f"{path} is changed")
    if not changed:
        say(ACCEPTED_BEFORE)
