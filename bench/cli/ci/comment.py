"""`bench ci comment`: say the verdict on the pull request."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import say
from bench.cli.fetching import FromRun, given
from bench.cli.judging import judged_together
from bench.cli.publishing import SuiteName, connected

if TYPE_CHECKING:
    from bench.render.comment import Origin


def comment(
    runs: Annotated[list[Path] | None, typer.Argument(help="Runs' folders, or their result.json.")] = None,
    *,
    from_run: FromRun = None,
    suite: SuiteName = None,
    author: Annotated[
        str | None, typer.Option("--author", help="Whose comment it is; else the token's own login.")
    ] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Show a check at the commit too.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the comment; needs no token.")] = False,
) -> None:
    """Judge runs and comment on the pull request.

    For a job with GITHUB_TOKEN and none of the pull request's files. The runs are taken for what a stranger
    wrote: they are judged and rendered here, and the pull request is found by the commit.
    """
    from bench.publish.check import check_of
    from bench.publish.context import SUITE
    from bench.publish.plan import Skip
    from bench.render.comment import render_comment

    if dry_run:
        suite = suite or SUITE
        report = judged_together(given(runs or [], from_run), suite)
        commit = report.reports[0].result.provenance.commit or "0" * 40
        print(render_comment(report, _origin(suite, commit)), end="")
        return
    context, github = connected()
    suite = suite or context.suite
    origin = _origin(suite, context.head_sha, context.run_url)
    report = judged_together(given(runs or [], from_run), suite)
    body = render_comment(report, origin)
    if check:
        github.show(context.head_sha, check_of(report, suite, body), context.run_url)
    author = author or github.login()
    for pull in github.pull_requests(context.head_sha, context.head_repository):
        action = github.say(pull, body, author)
        done = "says so already" if isinstance(action, Skip) else "has the comment"
        say(f"{context.repository}#{pull.number} {done}")


def _origin(suite: str, head_sha: str, run_url: str | None = None) -> "Origin":
    from bench.errors import ConfigError
    from bench.render.comment import Origin

    try:
        return Origin(suite, head_sha, run_url)
    except ValueError as error:
        raise ConfigError(f"--suite: {error}", "--suite pr") from error
