"""`bench matrix`: what a workflow measures side by side."""

from typing import Annotated

import typer


def matrix(suite: Annotated[str, typer.Argument(help="A suite of scenarios/suites.yaml.")]) -> None:
    """Print a suite as a matrix of GitHub Actions: a job for each scenario, and how long it may take."""
    import json

    from bench.core.suite import longest_minutes
    from bench.store import scenarios

    cells = [
        {"scenario": name, "timeout_minutes": longest_minutes(scenarios.load(name).scenario)}
        for name in scenarios.of_suite(suite)
    ]
    print(json.dumps({"include": cells}))
