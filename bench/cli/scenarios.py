"""`bench scenarios`: what can be run, and whether it is written right."""

from typing import Annotated

import typer

from bench.cli.schema import Kind, print_schema

app = typer.Typer(help="List, check and describe scenarios.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list", epilog="Example: bench scenarios list")
def list_() -> None:
    """List every scenario with its load and purpose."""
    from bench.store import scenarios

    for name in scenarios.paths():
        scenario = scenarios.load(name).scenario
        load = f"{scenario.users} users, {scenario.duration_s:g} s"
        print(f"{name:20} {scenario.target:14} {load:20} {scenario.purpose}")


@app.command(epilog="Example: bench scenarios check scenarios/quick.yaml")
def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names or files; all when there are none.")
    ] = None,
) -> None:
    """Check scenarios with the files they name, and say what is wrong and where."""
    from bench.core.plan import plan
    from bench.store import scenarios

    for name in names or list(scenarios.paths()):
        brief = scenarios.load(name)
        first = plan(brief).arrival(0, 0, 0)
        print(f"{name}: ok; {len(brief.prompts)} messages, user 0 begins with '{first.prompt}'")


@app.command(epilog="Example: bench scenarios schema > scenario.schema.json")
def schema() -> None:
    """Print the JSON Schema of a scenario, for editors."""
    print_schema(Kind.SCENARIO)
