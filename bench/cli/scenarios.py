"""`bench scenarios`: list and check scenarios."""

from typing import Annotated

import typer

from bench.core.config.executors import in_words
from bench.usecases import scenarios


def list_(
    *,
    suite: Annotated[
        str | None, typer.Option("--suite", metavar="NAME", help="List only this suite.")
    ] = None,
) -> None:
    """List all scenarios with their load and purpose."""
    for scenario in scenarios.list_scenarios(suite):
        load = in_words(scenario.phases)
        print(f"{scenario.name:20} {scenario.target:14} {load:30} {scenario.purpose}")


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCENARIO]...", help="Names or files of scenarios (default: all)."),
    ] = None,
) -> None:
    """Check scenario files and the files that they name.

    Without names, checks all scenarios, targets, stacks and suites. Prints all errors of all files.
    """
    checked = scenarios.check_scenarios(names or ())
    for scenario in checked.scenarios:
        print(f"{scenario.name}: ok; {scenario.messages} messages, {scenario.deck} in a deck")
    if checked.error is not None:
        raise checked.error
