"""The event that started a measuring job, the commits that it is about, and whether it measures at all."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import StringConstraints, ValidationError

from bench.core.run.job import CommitId, EventName
from bench.core.run.origin import Attempt, RunNumber
from bench.core.values.record import Record
from bench.errors import ConfigError
from bench.publish.foreign import Foreign

FULL_LABEL = "bench:full"
"""Label of a pull request whose job also measures the suite `full`."""
SKIP_LABEL = "bench:skip"
"""Label of a pull request that is not measured."""
_DEPLOYMENT = "deployment_status"
_DEPLOYED = "success"
_DISPATCH = "workflow_dispatch"
# These events have secrets, or a token that can write; a measurement runs code of the pull request.
_WITH_SECRETS = {"pull_request_target", "workflow_run", "issue_comment"}
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\x00-\x1f]{1,2000}$")]


class Trigger(Record):
    """The event that started a job, and the commits that it is about."""

    event: EventName | None = None
    """Name of the event; null outside of GitHub Actions."""
    run_id: RunNumber | None = None
    """Number of the workflow run."""
    attempt: Attempt = 1
    """Number of its attempt."""
    pull_request: int | None = None
    """Number of the pull request."""
    base_sha: CommitId | None = None
    """Commit that the event names as the base."""
    head_sha: CommitId | None = None
    """Commit that the event is about."""
    starts_from: str | None = None
    """The default branch, for a measurement that a person or a command started on another branch."""
    merge_sha: CommitId | None = None
    """Commit in which GitHub merged the head of a pull request into its base."""
    labels: frozenset[str] = frozenset()
    """Labels of the pull request."""
    is_draft: bool = False
    """Whether the pull request is a draft."""
    url: Address | None = None
    """Address of a deployment."""
    deployment_state: str | None = None
    """State of a deployment, such as `success` or `failure`."""

    @property
    def is_full(self) -> bool:
        """Whether the job also measures the suite `full`."""
        return FULL_LABEL in self.labels

    @property
    def is_deployment(self) -> bool:
        """Whether the event is about a deployment."""
        return self.event == _DEPLOYMENT

    def explain_skip(self) -> str | None:
        """Return why this event is not measured, in one sentence; `None` if it is."""
        if SKIP_LABEL in self.labels:
            return f"the pull request has the label {SKIP_LABEL}"
        if self.is_draft and not self.is_full:
            return f"the pull request is a draft, and does not have the label {FULL_LABEL}"
        if self.is_deployment and self.deployment_state != _DEPLOYED:
            return f"the state of the deployment is '{self.deployment_state}', not '{_DEPLOYED}'"
        if self.is_deployment and self.url is None:
            return "the deployment has no address (environment_url)"
        return None


class _Commit(Foreign):
    sha: CommitId


class _Label(Foreign):
    name: str


class _PullRequest(Foreign):
    number: int
    draft: bool | None = False
    labels: tuple[_Label, ...] = ()
    base: _Commit
    head: _Commit


class _MergeGroup(Foreign):
    base_sha: CommitId
    head_sha: CommitId


class _Deployment(Foreign):
    sha: CommitId


class _DeploymentStatus(Foreign):
    state: str
    environment_url: str | None = None


class _Repository(Foreign):
    default_branch: str | None = None


class _TriggerEvent(Foreign):
    repository: _Repository | None = None
    pull_request: _PullRequest | None = None
    merge_group: _MergeGroup | None = None
    deployment: _Deployment | None = None
    deployment_status: _DeploymentStatus | None = None


def read_trigger(environ: Mapping[str, str], event: str) -> Trigger:
    """Return the event that started this job; an empty one outside of GitHub Actions.

    Args:
        environ: Environment with the variables of GitHub Actions.
        event: Content of the file that GITHUB_EVENT_PATH names.

    Raises:
        ConfigError: The event is malformed, or a measurement is not safe in it.
    """
    name = environ.get("GITHUB_EVENT_NAME") or None
    if name in _WITH_SECRETS:
        raise ConfigError(
            f"{name}: a measurement runs the code of the pull request, and this event may have secrets",
            "measure in on: pull_request, and publish in on: workflow_run",
        )
    own = {
        "event": name,
        "run_id": environ.get("GITHUB_RUN_ID") or None,
        "attempt": environ.get("GITHUB_RUN_ATTEMPT") or 1,
        "head_sha": environ.get("GITHUB_SHA") or None,
    }
    try:
        parsed = _TriggerEvent.model_validate_json(event) if name else _TriggerEvent()
        if name == _DISPATCH and parsed.repository is not None:
            default = parsed.repository.default_branch
            own["starts_from"] = None if environ.get("GITHUB_REF") == f"refs/heads/{default}" else default
        return Trigger.model_validate(own | _read_commits(parsed, own["head_sha"]))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ConfigError(f"the event is malformed: {where}: {error.errors()[0]['msg']}") from error


def _read_commits(event: _TriggerEvent, checked_out: object) -> dict[str, object]:
    """Return the fields that depend on the kind of the event.

    Args:
        event: The event.
        checked_out: The commit of the workflow run, which is the merge of a pull request.
    """
    if event.pull_request is not None:
        pull = event.pull_request
        return {
            "pull_request": pull.number,
            "base_sha": pull.base.sha,
            "head_sha": pull.head.sha,
            "merge_sha": None if checked_out == pull.head.sha else checked_out,
            "labels": frozenset(label.name for label in pull.labels),
            "is_draft": bool(pull.draft),
        }
    if event.merge_group is not None:
        return {"base_sha": event.merge_group.base_sha, "head_sha": event.merge_group.head_sha}
    if event.deployment is not None and event.deployment_status is not None:
        status = event.deployment_status
        return {
            "head_sha": event.deployment.sha,
            "url": status.environment_url or None,
            "deployment_state": status.state,
        }
    return {}
