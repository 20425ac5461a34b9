"""What the commands that speak to GitHub share: the job they are in, and its token."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bench.publish.api import Api
    from bench.publish.context import Context
    from bench.publish.github import GitHub

SuiteName = Annotated[
    str | None,
    typer.Option("--suite", help="The measured suite (default: the suite that the job names)."),
]


def connected() -> "tuple[Context, GitHub]":
    """What the job speaks of, and the GitHub that it speaks to.

    Raises:
        PublishError: This is no job of GitHub Actions, it has a stranger's files, or there is no token.
    """
    from bench.publish.github import GitHub

    context = _context()
    return context, GitHub(context.repository, api())


def api() -> "Api":
    """GitHub's interface, with the rights of GITHUB_TOKEN.

    Raises:
        PublishError: There is no token.
    """
    from pydantic import SecretStr

    from bench.errors import PublishError
    from bench.publish.api import Api

    token = os.environ.get("GITHUB_TOKEN", "")
    if not token:
        raise PublishError(
            "GITHUB_TOKEN is not set", "on a laptop: GITHUB_TOKEN=$(gh auth token) bench …, or --dry-run"
        )
    return Api(SecretStr(token), os.environ.get("GITHUB_API_URL", "https://api.github.com"))


def event_text() -> str:
    """The event that started the job, as GitHub wrote it."""
    from bench.store.files import read_text

    path = os.environ.get("GITHUB_EVENT_PATH")
    return read_text(Path(path)) if path else "{}"


def _context() -> "Context":
    from bench.measure.run.provenance import checked_out
    from bench.publish.context import check_trusted, read_context

    context = read_context(os.environ, event_text())
    check_trusted(context, checked_out())
    return context
