"""`bench stack`: a stack that stays up between commands."""

from typing import Annotated

import typer

from bench.cli.console import say
from bench.errors import ConfigError, Exit

Target = Annotated[str, typer.Option("--stack", help="The stack: embedded, compose, or one of yours.")]
Ports = Annotated[
    list[str] | None, typer.Option("--port", help="SERVICE=PORT; the kernel chooses the others.")
]


def up(*, target: Target = "embedded", port: Ports = None) -> None:
    """Start a stack, wait until it answers, and leave it running.

    Processes need JWT_SECRET; for containers what is not set is made up.
    """
    from bench.measure.persistent import persistent
    from bench.store import stacks

    stack = stacks.load(target)
    addresses = persistent.up(stack, _ports(port or []), lambda text: say(f"warning: {text}"))
    for name, url in addresses.items():
        print(f"{name:10} {url}")


def down(*, target: Target = "embedded") -> None:
    """Stop a stack and remove its files."""
    from bench.measure.persistent import persistent
    from bench.store import stacks

    stack = stacks.load(target)
    if stack.elsewhere:
        raise ConfigError(f"target '{target}' runs elsewhere", "stop it where it was started")
    say(f"{target}: {persistent.down(stack)} {'processes' if stack.compose is None else 'containers'} ended")


def status(
    *,
    target: Target = "embedded",
    target_url: Annotated[
        list[str] | None,
        typer.Option("--url", help="SERVICE=URL of a stack that runs elsewhere."),
    ] = None,
) -> None:
    """Show which services of a stack are up."""
    from bench.cli.measuring import by_service
    from bench.measure.persistent import persistent
    from bench.measure.stacks.health import answering
    from bench.store import stacks

    stack = stacks.load(target)
    urls = by_service(target_url or [], "backend" if stack.ready is None else stack.ready.service)
    if stack.elsewhere and not urls:
        raise ConfigError(f"target '{target}' runs elsewhere", "say where: --url http://…")
    found = answering(stack, urls) if stack.elsewhere else persistent.statuses(stack)
    if not found:
        print(f"{target}: not started")
    for name, state in found.items():
        print(f"{name:10} {state}")
    if not found or any(state != "up" for state in found.values()):
        raise typer.Exit(Exit.TARGET)


def logs(
    service: Annotated[str | None, typer.Argument(help="One of the services; all when not named.")] = None,
    *,
    target: Target = "embedded",
    tail: Annotated[int, typer.Option("--tail", min=1, help="How many of the last lines.")] = 50,
) -> None:
    """Print the newest log lines of a stack's services."""
    from bench.measure.persistent import persistent
    from bench.store import stacks

    stack = stacks.load(target)
    if stack.elsewhere:
        raise ConfigError(f"target '{target}' runs elsewhere", "its logs are where it was started")
    for name, text in persistent.logs(stack, service, tail).items():
        for line in text.splitlines():
            print(line if service else f"{name:10} {line}")


def _ports(texts: list[str]) -> dict[str, int]:
    ports = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not number.isdigit() or int(number) > 65_535:  # noqa: PLR2004 - the largest port
            raise ConfigError(f"--port {text}: not SERVICE=PORT", "write it like backend=3000")
        ports[name] = int(number)
    return ports
