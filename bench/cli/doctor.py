"""`bench doctor`: send one request and show how its answer is read."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import warn
from bench.errors import Exit
from bench.measure.run.run import Listener
from bench.render.doctor import diagnosis_text
from bench.usecases import doctor as use_case


def doctor(
    *,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Send the request to this address.")],
    target: Annotated[
        str | None,
        typer.Option(
            "--target", metavar="NAME|FILE", help="Use this target (default: try the ready-made ones)."
        ),
    ] = None,
    model: options.Model = None,
    message: Annotated[
        str, typer.Option("--message", metavar="TEXT", help="Send this message.")
    ] = use_case.MESSAGE,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="Wait at most this time for the answer.")
    ] = "60s",
    ca: options.Ca = None,
) -> None:
    """Send one request and show how its answer is read.

    Shows the connection, each part of the answer with its time and meaning, the result as a run reports it,
    and the declaration that would read more. Exits with 4 if the answer was not read completely.
    """
    timeout_s = options.parse_time("--timeout", timeout, at_least_s=0.001)
    diagnosis = use_case.doctor(
        url,
        target=target,
        model=model,
        message=message,
        timeout_s=timeout_s,
        ca=ca,
        listener=Listener(warning=warn),
    )
    print(diagnosis_text(diagnosis.explanation, diagnosis.refused, is_given=diagnosis.is_given), end="")
    if not diagnosis.explanation.is_complete:
        raise typer.Exit(Exit.TARGET)
