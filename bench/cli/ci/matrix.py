"""`bench ci matrix`: what a workflow measures side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.judging import judged

if TYPE_CHECKING:
    from bench.core.run.result import RunResult


def matrix(
    suite: Annotated[str, typer.Argument(help="A suite of scenarios/suites.yaml.")],
    *,
    suspect: Annotated[
        Path | None,
        typer.Option("--suspect", help="Only what looks worse in the runs of this folder."),
    ] = None,
) -> None:
    """Print a suite as a job matrix for GitHub Actions."""
    import json

    from bench.core.report.suite import longest_minutes
    from bench.store import scenarios

    names = scenarios.of_suite(suite)
    if suspect is not None:
        looks_worse = {each.scenario.name for each in _runs(suspect) if judged(each).comparison.suspect}
        names = tuple(name for name in names if name in looks_worse)
    cells = [
        {"scenario": name, "timeout_minutes": longest_minutes(scenarios.load(name).scenario)}
        for name in names
    ]
    print(json.dumps({"include": cells}))


def _runs(folder: Path) -> "list[RunResult]":
    """The runs in a folder; none when there is no such folder, for then nothing was measured."""
    from bench.store.results import load

    return [load(path) for path in sorted(folder.glob("*/result.json"))]
