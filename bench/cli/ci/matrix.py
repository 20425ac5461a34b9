"""`bench ci matrix`: print a suite as a job matrix for GitHub Actions."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bench.usecases.matrix import matrix as list_jobs

Suite = Annotated[str, typer.Argument(metavar="SUITE", help="Name of a suite in scenarios/suites.yaml.")]
Suspect = Annotated[
    Path | None,
    typer.Option("--suspect", metavar="FOLDER", help="Include only scenarios that look worse in these runs."),
]


def matrix(suite: Suite, *, suspect: Suspect = None) -> None:
    """Print a suite as a job matrix for GitHub Actions.

    Each job measures one scenario and has a time limit.
    """
    jobs = [asdict(job) for job in list_jobs(suite, suspect=suspect)]
    print(json.dumps({"include": jobs}))
