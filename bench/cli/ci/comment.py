"""`bench ci comment`: judge runs and comment on the pull request."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say
from bench.usecases.comment import comment as publish_comment
from bench.usecases.comment import preview_comment

Author = Annotated[
    str | None,
    typer.Option("--author", metavar="LOGIN", help="Update this login's comment (default: the token's)."),
]
ShowCheck = Annotated[bool, typer.Option("--check/--no-check", help="Show a check on the commit too.")]
Strict = Annotated[bool, typer.Option("--strict", help="Fail the check if the result is inconclusive.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the comment and publish nothing.")]


def comment(
    runs: options.OptionalRunFolders = None,
    *,
    from_run: options.FromRun = None,
    suite: options.SuiteName = None,
    author: Author = None,
    check: ShowCheck = True,
    strict: Strict = False,
    dry_run: DryRun = False,
) -> None:
    """Judge runs and comment on the pull request.

    The job needs GITHUB_TOKEN and must not check out the pull request. Result files are treated as
    untrusted input: bench judges and renders them here, and finds the pull request by the measured commit.
    """
    if dry_run:
        print(preview_comment(runs or (), from_run=from_run, suite=suite), end="")
        return
    published = publish_comment(
        runs or (), from_run=from_run, suite=suite, author=author, check=check, strict=strict
    )
    for comment in published:
        state = "has the comment" if comment.changed else "has the same comment already"
        say(f"{comment.repository}#{comment.number} {state}")
