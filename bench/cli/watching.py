"""What `bench health` and `bench monitor` share: which stack is looked at."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bench.core.config.stack import Stack

TargetName = Annotated[
    str | None, typer.Option("--stack", help="The stack: embedded, external, or one of yours.")
]
TargetUrl = Annotated[
    list[str] | None,
    typer.Option("--url", help="Address of a running stack; SERVICE=URL for another service."),
]


def chosen(target: str | None, urls: list[str] | None) -> tuple["Stack", dict[str, str]]:
    """The stack that is meant, and its addresses by service.

    Raises:
        ConfigError: There is no such stack.
    """
    from bench.cli.measuring import by_service
    from bench.store import stacks

    stack = stacks.load(target or ("external" if urls else "embedded"))
    return stack, by_service(urls or [], "backend")
