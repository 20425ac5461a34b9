"""The job of GitHub Actions that a use case runs in: its repository, its event and its token."""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bench.errors import ConfigError, PublishError
from bench.measure.run.provenance import head_commits
from bench.publish.api import Api
from bench.publish.branches import Branches
from bench.publish.context import Context, read_context
from bench.publish.github import GitHub
from bench.publish.runs import Runs
from bench.store.files import read_text


@dataclass(frozen=True, slots=True)
class JobConnection:
    """The job, and its repository on GitHub."""

    context: Context
    """The job, and the workflow run whose results it publishes."""
    api: Api
    """GitHub's REST API."""
    github: GitHub
    """Pull requests, comments and checks."""
    runs: Runs
    """Workflow runs and their artifacts."""

    def default_branch(self) -> str:
        """Return the default branch of the repository.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        return self.context.default_branch or self.github.default_branch()

    def check_trusted(self) -> None:
        """Refuse to publish in a job that has the files of the measured commit.

        They would choose their own baselines and limits, and those of a fork must not run next to a token.
        The files of a pull request that was merged meanwhile are those of the default branch.

        Raises:
            PublishError: The files belong to the measured commit, or GitHub does not answer.
        """
        head = self.context.run.head_sha
        if head not in head_commits():
            return
        if not Branches(self.context.repository, self.api).contains(self.default_branch(), head):
            raise PublishError(
                f"this job has the files of the measured commit {head[:9]} and a token",
                "check out the default branch in the job that publishes",
            )


def connect(from_run: int | None = None) -> JobConnection:
    """Return the context of the job and its repository on GitHub.

    Args:
        from_run: Number of the workflow run that measured; default: the one that the event names, else that
            of this job.

    Raises:
        PublishError: This is not a job of GitHub Actions, the event is malformed, or there is no token.
    """
    repository = read_repository()
    api = connect_api()
    runs = Runs(repository, api)
    context = read_context(os.environ, read_event(), runs.get, from_run)
    return JobConnection(context, api, GitHub(repository, api), runs)


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
