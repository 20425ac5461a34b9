"""`bench stack`: start and stop a stack on this machine."""

from collections.abc import Sequence
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say, warn
from bench.core.config.compose import MOST_REPLICAS
from bench.errors import ConfigError, Exit
from bench.measure.run.conditions import Listener
from bench.usecases import stack as stacks

_MAX_PORT = 65_535
Ports = Annotated[
    list[str] | None,
    typer.Option("--port", metavar="SERVICE=N", help="Use this port; repeatable (default: a free port)."),
]
Service = Annotated[str | None, typer.Argument(metavar="[SERVICE]", help="Name of a service (default: all).")]


def up(*, stack: options.LocalStack = stacks.DEFAULT, port: Ports = None, ca: options.Ca = None) -> None:
    """Start a stack, wait until it answers, and leave it running.

    Prints the address of each service. Processes with test users need JWT_SECRET. For containers, missing
    secrets are generated.
    """
    ports = _parse_ports(port or ())
    listener = Listener(note=say, warning=warn)
    for name, url in stacks.stack_up(stack, ports=ports, ca=ca, listener=listener).items():
        print(f"{name:10} {url}")


def down(*, stack: options.LocalStack = stacks.DEFAULT) -> None:
    """Stop a stack and remove its files.

    Also ends what killed commands left: processes, containers and files of `bench stack up` and of runs.
    """
    stopped = stacks.stack_down(stack, listener=Listener(note=say))
    say(f"{stack}: {stopped.count} {stopped.kind} ended")


def status(
    *, stack: options.LocalStack = stacks.DEFAULT, url: options.Urls = None, ca: options.Ca = None
) -> None:
    """Show which services of a stack are up.

    Exits with 4 if a service is not up.
    """
    states = stacks.stack_status(stack, urls=url or (), ca=ca)
    if not states:
        print(f"{stack}: not started")
    for name, state in states.items():
        print(f"{name:10} {state}")
    if not states or any(state != stacks.UP for state in states.values()):
        raise typer.Exit(Exit.TARGET)


def scale(
    counts: Annotated[
        list[str], typer.Argument(metavar="SERVICE=N…", help="Number of instances of a service.")
    ],
    *,
    stack: options.LocalStack = stacks.DEFAULT,
) -> None:
    """Start or end instances of a service that runs.

    The stack file declares which services have `replicas`. An instance that ends gets no new requests and
    answers those that it has.
    """
    stacks.stack_scale(stack, _parse_counts(counts), listener=Listener(note=say, warning=warn))


def restart(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="Name of the service.")],
    *,
    stack: options.LocalStack = stacks.DEFAULT,
    rolling: Annotated[
        bool, typer.Option("--rolling", help="Restart one instance after the other; no request is lost.")
    ] = False,
) -> None:
    """Restart the instances of a service that runs.

    With `--rolling`, each instance first answers the requests that it has, while the others get the new
    ones.
    """
    listener = Listener(note=say, warning=warn)
    stacks.stack_restart(stack, service, rolling=rolling, listener=listener)


def logs(
    service: Service = None,
    *,
    stack: options.LocalStack = stacks.DEFAULT,
    tail: Annotated[
        int, typer.Option("--tail", metavar="N", min=1, help="Print this number of lines per service.")
    ] = 50,
) -> None:
    """Print the newest log lines of a stack's services."""
    for name, text in stacks.stack_logs(stack, service, tail=tail).items():
        for line in text.splitlines():
            print(line if service else f"{name:10} {line}")


def _parse_counts(texts: Sequence[str]) -> dict[str, int]:
    counts = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not number.isdecimal() or not 1 <= int(number) <= MOST_REPLICAS:
            raise ConfigError(f"{text}: not SERVICE=N with a number of 1 to {MOST_REPLICAS}", "backend=3")
        counts[name] = int(number)
    return counts


def _parse_ports(texts: Sequence[str]) -> dict[str, int]:
    ports = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not number.isdigit() or int(number) > _MAX_PORT:
            raise ConfigError(f"--port {text}: not SERVICE=N with a port number", "--port backend=3000")
        ports[name] = int(number)
    return ports
