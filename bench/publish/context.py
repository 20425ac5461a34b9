"""The GitHub Actions job that publishes, and the commit that it reports on."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated

from pydantic import StringConstraints, ValidationError

from bench.core.config.target import NAME
from bench.core.values.record import Record
from bench.errors import PublishError
from bench.publish.foreign import Foreign, RepositoryName, is_same_name

Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:/_-]{1,500}$")]
# In these events the job may have the files of the pull request.
_WITH_ITS_FILES = {"pull_request", "pull_request_target"}
_VARIABLES = ("GITHUB_REPOSITORY", "GITHUB_EVENT_NAME", "GITHUB_SHA")


SUITE = "pr"
_TITLE = re.compile(f"bench ({NAME})")


def suite_of(event: str, title: str) -> str:
    """Return the suite that a workflow run measured.

    The title names it only if a maintainer started the run. Other titles come from the branch, which may
    belong to a stranger.
    """
    match = _TITLE.fullmatch(title)
    return match[1] if match and event == "workflow_dispatch" else SUITE


class Context(Record):
    """A job and the commit that it reports on."""

    repository: RepositoryName
    """Repository in which the job runs."""
    event: str
    """Event that started the job."""
    api_url: Url
    """Address of GitHub's REST API."""
    run_url: Url
    """Address of the workflow run that measured."""
    head_sha: Sha
    """Measured commit."""
    head_repository: RepositoryName | None
    """Repository of the commit; `null` if it was deleted."""
    head_branch: str | None = None
    """Branch of the commit; `null` if the event does not name it."""
    suite: str = SUITE
    """Measured suite."""

    @property
    def fork(self) -> bool:
        """Whether the measured commit comes from another repository."""
        return not is_same_name(self.head_repository, self.repository)


class _Named(Foreign):
    full_name: RepositoryName


class _Head(Foreign):
    sha: Sha
    ref: str | None = None
    repo: _Named | None


class _PullRequest(Foreign):
    head: _Head


class _WorkflowRun(Foreign):
    head_sha: Sha
    head_branch: str | None = None
    head_repository: _Named | None
    html_url: Url
    event: str = ""
    display_title: str = ""


class _Event(Foreign):
    pull_request: _PullRequest | None = None
    workflow_run: _WorkflowRun | None = None


def read_context(environ: Mapping[str, str], event: str) -> Context:
    """Return the context of a job.

    Args:
        environ: Environment with the variables of GitHub Actions.
        event: Content of the file that GITHUB_EVENT_PATH names.

    Raises:
        PublishError: A variable is missing, or the event is malformed.
    """
    missing = [name for name in _VARIABLES if name not in environ]
    if missing:
        raise PublishError(f"not set: {', '.join(missing)}", "publish from GitHub Actions, or use --dry-run")
    repository = environ["GITHUB_REPOSITORY"]
    server = environ.get("GITHUB_SERVER_URL", "https://github.com")
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
        return Context.model_validate(own | _measured_commit(_Event.model_validate_json(event)))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise PublishError(f"the event is malformed: {where}: {error.errors()[0]['msg']}") from error


def _measured_commit(event: _Event) -> dict[str, str | None]:
    """Return the fields of the measured commit; empty if it is the job's own commit."""
    if event.workflow_run is not None:
        run = event.workflow_run
        return {
            "run_url": run.html_url,
            "head_sha": run.head_sha,
            "head_branch": run.head_branch,
            "head_repository": run.head_repository.full_name if run.head_repository else None,
            "suite": suite_of(run.event, run.display_title),
        }
    if event.pull_request is not None:
        head = event.pull_request.head
        repository = head.repo.full_name if head.repo else None
        return {"head_sha": head.sha, "head_branch": head.ref, "head_repository": repository}
    return {}


def check_trusted(context: Context, checked_out: Collection[str]) -> None:
    """Refuse to publish in a job that has a fork's files, because a job with a token must not run them.

    Args:
        context: Context of the job.
        checked_out: Commits whose files are here; for a merge commit its parents too.

    Raises:
        PublishError: The files belong to a fork.
    """
    if context.fork and (context.event in _WITH_ITS_FILES or context.head_sha in checked_out):
        raise PublishError(
            f"this job has the files of {context.head_repository or 'a fork that is gone'} and a token",
            "publish from a workflow_run job that checks out the default branch",
        )
