"""The job of GitHub Actions that a use case runs in: its repository, its event and its token."""

import os
from pathlib import Path

from pydantic import SecretStr

from bench.errors import ConfigError, PublishError
from bench.measure.run.provenance import head_commits
from bench.publish.api import Api
from bench.publish.context import Context, check_trusted, read_context
from bench.publish.github import GitHub
from bench.store.files import read_text


def connect() -> tuple[Context, GitHub]:
    """Return the context of the job and its repository on GitHub.

    Raises:
        PublishError: This is not a job of GitHub Actions, it has the files of a fork, or it has no token.
    """
    context = read_context(os.environ, read_event())
    check_trusted(context, head_commits())
    return context, GitHub(context.repository, connect_api())


def connect_api() -> Api:
    """Return GitHub's REST interface with the rights of GITHUB_TOKEN.

    Raises:
        PublishError: The token is not set, or cannot be a token.
    """
    token = os.environ.get("GITHUB_TOKEN", "").strip()
    if not token:
        raise PublishError(
            "GITHUB_TOKEN is not set", "on a laptop: GITHUB_TOKEN=$(gh auth token) bench …, or --dry-run"
        )
    if not (token.isascii() and token.isprintable()):
        raise PublishError("GITHUB_TOKEN has characters that no token has", "set GITHUB_TOKEN again")
    return Api(SecretStr(token), os.environ.get("GITHUB_API_URL", "https://api.github.com"))


def read_repository() -> str:
    """Return the repository of the job, `owner/name`.

    Raises:
        ConfigError: GITHUB_REPOSITORY is not set.
    """
    name = os.environ.get("GITHUB_REPOSITORY", "")
    if name.count("/") != 1:
        raise ConfigError("GITHUB_REPOSITORY is not set", "GITHUB_REPOSITORY=owner/name bench …")
    return name


def read_event() -> str:
    """Return the event that started the job, as GitHub wrote it; an empty object outside of a job."""
    path = os.environ.get("GITHUB_EVENT_PATH")
    return read_text(Path(path)) if path else "{}"
