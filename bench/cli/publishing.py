"""What the commands that speak to GitHub share: the job they are in, and its token."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bench.publish.context import Context
    from bench.publish.github import GitHub

SuiteName = Annotated[
    str, typer.Option("--suite", help="What was measured; it has one comment and one check.")
]


def connected() -> "tuple[Context, GitHub]":
    """What the job speaks of, and the GitHub that it speaks to.

    Raises:
        PublishError: This is no job of GitHub Actions, it has a stranger's files, or there is no token.
    """
    from pydantic import SecretStr

    from bench.errors import PublishError
    from bench.publish.api import Api
    from bench.publish.github import GitHub

    context, token = _context(), os.environ.get("GITHUB_TOKEN", "")
    if not token:
        raise PublishError(
            "GITHUB_TOKEN is not set", "bench comment --dry-run prints the comment without one"
        )
    return context, GitHub(context.repository, Api(SecretStr(token), context.api_url))


def _context() -> "Context":
    from bench.measure.provenance import checked_out
    from bench.publish.context import check_trusted, read_context
    from bench.store.files import read_text

    path = os.environ.get("GITHUB_EVENT_PATH")
    context = read_context(os.environ, read_text(Path(path)) if path else "{}")
    check_trusted(context, checked_out())
    return context
