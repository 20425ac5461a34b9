"""`bench ci matrix`: print a suite as a job matrix for GitHub Actions."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say
from bench.usecases.matrix import matrix as list_jobs

Suite = Annotated[str, typer.Argument(metavar="SUITE", help="Name of a suite in scenarios/suites.yaml.")]
Suspect = Annotated[
    Path | None,
    typer.Option("--suspect", metavar="FOLDER", help="Include only scenarios that look worse in these runs."),
]


def matrix(
    suite: Suite, *, suspect: Suspect = None, allow_side_effects: options.AllowSideEffects = False
) -> None:
    """Print a suite as a job matrix for GitHub Actions.

    Each job measures one scenario and has a time limit. Scenarios with side effects are skipped.
    """
    listed = list_jobs(suite, suspect=suspect, allow_side_effects=allow_side_effects)
    for skipped in listed.skipped:
        say(skipped)
    print(json.dumps({"include": [asdict(job) for job in listed.jobs]}))
