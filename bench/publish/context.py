"""What GitHub Actions says of the job that publishes."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated

from pydantic import StringConstraints, ValidationError

from bench.core.config.target import NAME
from bench.core.values.record import Record
from bench.errors import PublishError
from bench.publish.foreign import Foreign

Repository = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$")]
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:/_-]{1,500}$")]
# Events in which the job has, or may have, the pull request's own files.
_WITH_ITS_FILES = {"pull_request", "pull_request_target"}


SUITE = "pr"
_TITLE = re.compile(f"bench ({NAME})")


def suite_of(event: str, title: str) -> str:
    """What a workflow run measured: by its title, when somebody who may write here began it by hand.

    The title of any other run is what its branch says, which may be a stranger's.
    """
    found = _TITLE.fullmatch(title)
    return found[1] if found and event == "workflow_dispatch" else SUITE


class Context(Record):
    """The job, and what it speaks of.

    Attributes:
        repository: Where the job runs.
        event: What started it.
        api_url: Of GitHub's REST interface.
        run_url: Of the workflow run that measured.
        head_sha: The commit that was measured.
        head_repository: Whose commit it is; None when that repository is gone.
        suite: What was measured.
    """

    repository: Repository
    event: str
    api_url: Url
    run_url: Url
    head_sha: Sha
    head_repository: Repository | None
    suite: str = SUITE

    @property
    def fork(self) -> bool:
        """Whether what was measured is a stranger's."""
        return self.head_repository != self.repository


class _Named(Foreign):
    full_name: Repository


class _Head(Foreign):
    sha: Sha
    repo: _Named | None


class _PullRequest(Foreign):
    head: _Head


class _WorkflowRun(Foreign):
    head_sha: Sha
    head_repository: _Named | None
    html_url: Url
    event: str = ""
    display_title: str = ""


class _Event(Foreign):
    pull_request: _PullRequest | None = None
    workflow_run: _WorkflowRun | None = None


def read_context(environ: Mapping[str, str], event: str) -> Context:
    """The context of a job, by its environment and the event that started it.

    Args:
        environ: With the variables that GitHub Actions sets.
        event: The content of the file that GITHUB_EVENT_PATH names.

    Raises:
        PublishError: This is no job of GitHub Actions, or something in it is not as GitHub writes it.
    """
    missing = [
        name for name in ("GITHUB_REPOSITORY", "GITHUB_EVENT_NAME", "GITHUB_SHA") if name not in environ
    ]
    if missing:
        raise PublishError(f"{', '.join(missing)} is not set", "publish from GitHub Actions, or --dry-run")
    repository, server = environ["GITHUB_REPOSITORY"], environ.get("GITHUB_SERVER_URL", "https://github.com")
    own_run = f"{server}/{repository}/actions/runs/{environ.get('GITHUB_RUN_ID', '0')}"
    own = {
        "repository": repository,
        "event": environ["GITHUB_EVENT_NAME"],
        "api_url": environ.get("GITHUB_API_URL", "https://api.github.com"),
        "run_url": own_run,
        "head_sha": environ["GITHUB_SHA"],
        "head_repository": repository,
    }
    try:
        return Context.model_validate(own | _measured(_Event.model_validate_json(event)))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise PublishError(
            f"the event is not as GitHub writes it: {where}: {error.errors()[0]['msg']}"
        ) from error


def _measured(event: _Event) -> dict[str, str | None]:
    """What an event says of what was measured; empty where that is the job's own commit."""
    if event.workflow_run is not None:
        run = event.workflow_run
        return {
            "run_url": run.html_url,
            "head_sha": run.head_sha,
            "head_repository": run.head_repository.full_name if run.head_repository else None,
            "suite": suite_of(run.event, run.display_title),
        }
    if event.pull_request is not None:
        head = event.pull_request.head
        return {"head_sha": head.sha, "head_repository": head.repo.full_name if head.repo else None}
    return {}


def check_trusted(context: Context, checked_out: Collection[str]) -> None:
    """Refuse to publish where a stranger's files are, for whoever holds a token must not run them.

    Args:
        context: Of the job.
        checked_out: The commits whose files are here: of a merge its parents too.

    Raises:
        PublishError: The files are those of a fork.
    """
    if context.fork and (context.event in _WITH_ITS_FILES or context.head_sha in checked_out):
        raise PublishError(
            f"this job has the files of {context.head_repository or 'a fork that is gone'} and a token",
            "publish from a workflow_run job that checks out the default branch",
        )
