"""`bench ci command`: execute the /bench command of a pull-request comment."""

from typing import Annotated

import typer

from bench.cli.console import say
from bench.usecases.comment_command import execute_comment_command

Workflow = Annotated[
    str | None,
    typer.Option(
        "--workflow", metavar="FILE", help="Workflow file that measures (default: that of the job)."
    ),
]


def command(*, workflow: Workflow = None) -> None:
    """Execute the /bench command of a pull-request comment.

    The job must have the event issue_comment and GITHUB_TOKEN. A comment without a command changes nothing.
    """
    say(execute_comment_command(workflow))
