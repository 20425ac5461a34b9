"""`bench scenarios`: what can be run, and whether it is written right."""

from typing import Annotated

import typer

from bench.cli.schema import Kind, print_schema

app = typer.Typer(help="List, check and describe scenarios.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list", epilog="Example: bench scenarios list --suite nightly")
def list_(
    *,
    suite: Annotated[str | None, typer.Option("--suite", help="Only those of this suite.")] = None,
) -> None:
    """List every scenario with its load and purpose."""
    from bench.core.config.executors import in_words
    from bench.store import scenarios

    for name in scenarios.of_suite(suite) if suite else scenarios.paths():
        scenario = scenarios.load(name).scenario
        print(f"{name:20} {scenario.target:14} {in_words(scenario.phases):30} {scenario.purpose}")


@app.command(epilog="Example: bench scenarios check scenarios/quick.yaml")
def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names or files; all when there are none.")
    ] = None,
) -> None:
    """Check scenarios with the files they name, and say what is wrong and where."""
    from bench.core.load.plan import plan
    from bench.store import scenarios

    for name in names or list(scenarios.paths()):
        spec = scenarios.load(name)
        deck = len(plan(spec).deck)
        print(f"{name}: ok; {len(spec.prompts)} messages, {deck} in a deck")


@app.command(epilog="Example: bench scenarios schema > scenario.schema.json")
def schema() -> None:
    """Print the JSON Schema of a scenario, for editors."""
    print_schema(Kind.SCENARIO)
