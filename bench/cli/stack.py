"""`bench stack`: a stack that stays up between commands."""

from typing import Annotated

import typer

from bench.cli.console import say
from bench.errors import ConfigError, Exit

app = typer.Typer(help="Start and stop a stack on this machine.", no_args_is_help=True, rich_markup_mode=None)

Target = Annotated[str, typer.Option("--target", help="The stack.")]
Ports = Annotated[
    list[str] | None, typer.Option("--port", help="SERVICE=PORT; the kernel chooses the others.")
]


@app.command(epilog="Example: bench stack up --port backend=3000")
def up(*, target: Target = "embedded", port: Ports = None) -> None:
    """Start a stack, wait until it listens, and print its addresses. It stays up. Needs JWT_SECRET."""
    import os

    from bench.measure.auth import jwt_secret
    from bench.measure.detached import up as start
    from bench.store import stacks

    secret = jwt_secret(os.environ, generate=False)
    for name, url in start(stacks.load(target), secret, _ports(port or [])).items():
        print(f"{name:10} {url}")


@app.command(epilog="Example: bench stack down")
def down(*, target: Target = "embedded") -> None:
    """Stop a stack and remove its files."""
    from bench.measure.detached import down as stop

    say(f"{target}: {stop(target)} processes ended")


@app.command(epilog="Example: bench stack status")
def status(*, target: Target = "embedded") -> None:
    """Say which services of a stack run. Exits with 4 when not all do."""
    from bench.measure.detached import statuses

    found = statuses(target)
    if not found:
        print(f"{target}: not started")
    for name, state in found.items():
        print(f"{name:10} {state}")
    if not found or any(state != "up" for state in found.values()):
        raise typer.Exit(Exit.TARGET)


def _ports(texts: list[str]) -> dict[str, int]:
    ports = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not number.isdigit() or int(number) > 65_535:  # noqa: PLR2004 - the largest port
            raise ConfigError(f"--port {text}: not SERVICE=PORT", "write it like backend=3000")
        ports[name] = int(number)
    return ports
