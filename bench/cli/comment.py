"""`bench comment`: say the verdict on the pull request."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import say
from bench.cli.judging import judged_together

if TYPE_CHECKING:
    from pydantic import SecretStr

    from bench.publish.context import Context
    from bench.render.comment import Origin


def comment(
    runs: Annotated[list[Path], typer.Argument(help="Runs' folders, or their result.json.")],
    *,
    suite: Annotated[str, typer.Option("--suite", help="What was measured; it has one comment.")] = "pr",
    author: Annotated[
        str, typer.Option("--author", help="Whose comment it is: the token's login.")
    ] = "github-actions[bot]",
    check: Annotated[bool, typer.Option("--check/--no-check", help="Show a check at the commit too.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the comment; needs no token.")] = False,
) -> None:
    """Judge runs, and say so in a comment on the pull request whose head was measured.

    For a job with GITHUB_TOKEN and none of the pull request's files. The runs are taken for what a stranger
    wrote: they are judged and rendered here, and the pull request is found by the commit.
    """
    from bench.publish.github import GitHub
    from bench.publish.plan import Skip, conclusion
    from bench.render.comment import render_comment
    from bench.store.results import load_foreign

    report = judged_together([load_foreign(run) for run in runs], suite)
    if dry_run:
        commit = report.reports[0].result.provenance.commit or "0" * 40
        print(render_comment(report, _origin(suite, commit)), end="")
        return
    context, token = _context(), _token()
    body = render_comment(report, _origin(suite, context.head_sha, context.run_url))
    github = GitHub(context.repository, token, context.api_url)
    if check:
        github.conclude(context.head_sha, f"bench {suite}", conclusion(report.decision), report.headline)
    pull = github.pull_request(context.head_sha, context.head_repository)
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


def _context() -> "Context":
    from bench.measure.provenance import current_commit
    from bench.publish.context import check_trusted, read_context
    from bench.store.files import read_text

    path = os.environ.get("GITHUB_EVENT_PATH")
    context = read_context(os.environ, read_text(Path(path)) if path else "{}")
    check_trusted(context, current_commit())
    return context


def _token() -> "SecretStr":
    from pydantic import SecretStr

    from bench.errors import PublishError

    token = os.environ.get("GITHUB_TOKEN", "")
    if not token:
        raise PublishError("GITHUB_TOKEN is not set", "--dry-run prints the comment without one")
    return SecretStr(token)
