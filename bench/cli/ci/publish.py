"""`bench ci publish`: judge runs, show the check, and comment on the pull request."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import notice, say
from bench.usecases.comment import comment, preview_comment

Author = Annotated[
    str | None,
    typer.Option("--author", metavar="LOGIN", help="Update this login's comment (default: the token's)."),
]
ShowCheck = Annotated[bool, typer.Option("--check/--no-check", help="Show a check on the commit too.")]
Strict = Annotated[bool, typer.Option("--strict", help="Fail the check if the result is inconclusive.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the comment and publish nothing.")]
Ended = Annotated[
    str | None,
    typer.Option("--ended", metavar="WORD", help="End of the measuring job, such as cancelled."),
]
_SHORT = 9  # digits of a commit


def publish(
    runs: options.OptionalRunFolders = None,
    *,
    from_run: options.FromRun = None,
    suite: options.SuiteName = None,
    author: Author = None,
    check: ShowCheck = True,
    strict: Strict = False,
    ended: Ended = None,
    dry_run: DryRun = False,
) -> None:
    """Judge runs, show the check, and comment on the pull request.

    The runs are those that a workflow run keeps: the one that --from-run or the event names, else that of
    this job. The job needs GITHUB_TOKEN and must not check out the pull request. Result files are untrusted
    input. A cancelled, skipped or outdated measurement is no error: it prints a notice, and exits with 0.
    """
    if dry_run:
        print(preview_comment(runs or (), from_run=from_run, suite=suite), end="")
        return
    done = comment(
        runs or (),
        from_run=from_run,
        suite=suite,
        author=author,
        check=check,
        strict=strict,
        ended=ended,
    )
    for shown in done.checks:
        state = shown.conclusion or "in progress"
        say(f"{shown.name} is {state} at {shown.head_sha[:_SHORT]}: {shown.title}")
    for written in done.comments:
        state = "has the comment" if written.changed else "has the same comment already"
        say(f"{written.repository}#{written.number} {state}")
    for text in done.notices:
        notice(text)
