"""`bench scenarios`: list, check and show scenarios."""

from typing import Annotated

import typer
import yaml

from bench.cli import options
from bench.core.config.load_words import scenario_in_words
from bench.core.values.wording import counted
from bench.usecases import scenarios


def list_(
    *,
    suite: Annotated[
        str | None, typer.Option("--suite", metavar="NAME", help="List only this suite.")
    ] = None,
) -> None:
    """List all scenarios with their load and purpose."""
    for scenario in scenarios.list_scenarios(suite):
        load = scenario_in_words(scenario)
        print(f"{scenario.name:20} {scenario.target or '-':14} {load:30} {scenario.purpose}")


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
        print(f"{scenario.name}: ok; {scenario.content}")
    if checked.error is not None:
        raise checked.error


def show(name: options.ScenarioName) -> None:
    """Show a scenario with all inherited values, and its files.

    Comments name the file of each part, the files that it extends, and whether it hides a shipped one.
    """
    for number, file in enumerate(scenarios.show_scenario(name)):
        if number:
            print("---")
        note = ", instead of the shipped one" if file.hides_shipped else ""
        print(f"# {file.kind}: {file.path}{note}")
        for path in file.extended:
            print(f"# extends: {path}")
        if file.kind == "prompts":
            print(f"# {counted(len(file.content['messages']), 'message')}")
        else:
            print(yaml.safe_dump(dict(file.content), sort_keys=False, allow_unicode=True), end="")


def plan(
    name: options.ScenarioName,
) -> None:
    """Print the load of a scenario, its steps, and its first iterations."""
    for line in scenarios.plan_scenario(name):
        print(line)
