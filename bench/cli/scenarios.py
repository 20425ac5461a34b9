"""`bench scenarios`: what can be run, and whether it is written right."""

from typing import Annotated

import typer


def list_(
    *,
    suite: Annotated[str | None, typer.Option("--suite", help="Only those of this suite.")] = None,
) -> None:
    """List all scenarios with their load and purpose."""
    from bench.core.config.executors import in_words
    from bench.store import scenarios

    for name in scenarios.of_suite(suite) if suite else scenarios.paths():
        scenario = scenarios.load(name).scenario
        print(f"{name:20} {scenario.target:14} {in_words(scenario.phases):30} {scenario.purpose}")


def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names or files; all when there are none.")
    ] = None,
) -> None:
    """Check scenario files and the files that they name."""
    from bench.core.load.plan import plan
    from bench.store import scenarios

    for name in names or list(scenarios.paths()):
        spec = scenarios.load(name)
        deck = len(plan(spec).deck)
        print(f"{name}: ok; {len(spec.prompts)} messages, {deck} in a deck")
