"""`bench stack`: a stack that stays up between commands."""

from typing import Annotated

import typer

from bench.cli.console import say
from bench.errors import ConfigError, Exit

app = typer.Typer(help="Start and stop a stack on this machine.", no_args_is_help=True, rich_markup_mode=None)

Target = Annotated[str, typer.Option("--stack", help="The stack: embedded, compose, or one of yours.")]
Ports = Annotated[
    list[str] | None, typer.Option("--port", help="SERVICE=PORT; the kernel chooses the others.")
]


@app.command(epilog="Example: bench stack up --port backend=3000")
def up(*, target: Target = "embedded", port: Ports = None) -> None:
    """Start a stack, wait until it answers a test user, and print its addresses. It stays up.

    Processes need JWT_SECRET; for containers what is not set is made up.
    """
    from bench.measure.persistent import persistent
    from bench.store import stacks

    stack = stacks.load(target)
    addresses = persistent.up(stack, _ports(port or []), lambda text: say(f"warning: {text}"))
    for name, url in addresses.items():
        print(f"{name:10} {url}")


@app.command(epilog="Example: bench stack down")
def down(*, target: Target = "embedded") -> None:
    """Stop a stack, and what killed runs left of it, and remove its files."""
    from bench.measure.persistent import persistent
    from bench.store import stacks

    stack = stacks.load(target)
    if stack.elsewhere:
        raise ConfigError(f"target '{target}' runs elsewhere", "stop it where it was started")
    say(f"{target}: {persistent.down(stack)} {'processes' if stack.compose is None else 'containers'} ended")


@app.command(epilog="Example: bench stack status --stack compose")
def status(
    *,
    target: Target = "embedded",
    target_url: Annotated[
        list[str] | None,
        typer.Option("--url", help="SERVICE=URL of a stack that runs elsewhere."),
    ] = None,
) -> None:
    """Say which services of a stack run. Exits with 4 when not all do."""
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


@app.command(epilog="Example: bench stack logs backend --stack compose --tail 20")
def logs(
    service: Annotated[str | None, typer.Argument(help="One of the services; all when not named.")] = None,
    *,
    target: Target = "embedded",
    tail: Annotated[int, typer.Option("--tail", min=1, help="How many of the last lines.")] = 50,
) -> None:
    """Print what the services of a stack that is up wrote last."""
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
