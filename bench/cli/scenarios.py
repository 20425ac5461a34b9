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
    """Check scenario files and the files that they name."""
    for name in names or scenarios.list_names():
        checked = scenarios.check_scenario(name)
        print(f"{name}: ok; {checked.messages} messages, {checked.deck} in a deck")
