"""`bench doctor`: check the set-up, or send one request and show how its answer is read."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say, warn
from bench.core.setup.findings import count_problems, order_by_grade
from bench.core.values import wording
from bench.errors import Exit
from bench.measure.run.conditions import Listener
from bench.render.doctor import diagnosis_text, findings_text
from bench.usecases import doctor as use_case
from bench.usecases.check_setup import check_setup


def doctor(
    *,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Send one request to this address (default: none)."),
    ] = None,
    stack: Annotated[
        str | None,
        typer.Option("--stack", metavar="NAME", help="Check this stack (default: those of this folder)."),
    ] = None,
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
    """Check the set-up, or show how one answer is read.

    Without --url, checks versions, limits, clock, folders, files and stacks; exits with 5 after a problem.
    With --url, shows the connection, each part of the answer with its time and meaning, the result as a run
    reports it, and the declaration that would read more; exits with 4 if the answer was not read completely.
    """
    if url is None:
        _check_setup(stack)
        return
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


def _check_setup(stack: str | None) -> None:
    findings = check_setup(stack)
    print(findings_text(order_by_grade(findings)), end="")
    problems = count_problems(findings)
    if problems:
        say(f"\n{wording.counted(problems, 'problem')} to correct before a run")
        raise typer.Exit(Exit.MEASUREMENT)
    say("\nready: bench run quick")
