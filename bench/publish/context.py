"""The GitHub Actions job that publishes, and the workflow run whose results it publishes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from bench.errors import PublishError
from bench.publish.foreign import Foreign, is_same_name
from bench.publish.workflow_run import WorkflowRun

_MEASURING = frozenset({"pull_request", "merge_group", "workflow_dispatch", "deployment_status", "push"})
"""Events whose workflow runs measure a commit that gets a check."""
_OF_BRANCHES = frozenset({"workflow_dispatch", "push"})
_BEGUN = frozenset({"requested", "in_progress"})
_DEPENDABOT = "dependabot[bot]"
_OTHER_WORKFLOW = "publish it in a workflow of on: workflow_run"


class _Repository(Foreign):
    default_branch: str | None = None


class _PullRequest(Foreign):
    number: int


class _Event(Foreign):
    action: str | None = None
    workflow_run: WorkflowRun | None = None
    pull_request: _PullRequest | None = None
    repository: _Repository | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """A job that publishes, and the workflow run whose results it publishes."""

    repository: str
    """Repository in which the job runs, `owner/name`."""
    run: WorkflowRun
    """The workflow run that measured."""
    is_own: bool
    """Whether the job belongs to that workflow run."""
    has_begun: bool = False
    """Whether the job only shows that the measurement has begun."""
    pull: int | None = None
    """Number of the pull request, if the event names it."""
    default_branch: str | None = None
    """Default branch of the repository, if the event names it."""
    actor: str = ""
    """Account that started the job."""
    server: str = "https://github.com"
    """Address of GitHub."""

    @property
    def fork(self) -> bool:
        """Whether the measured commit comes from another repository."""
        return not is_same_name(self.run.owner, self.repository)

    @property
    def run_url(self) -> str:
        """Address of the workflow run that measured."""
        return self.run.html_url or f"{self.server}/{self.repository}/actions/runs/{self.run.id}"


def read_context(
    environ: Mapping[str, str],
    event: str,
    find_run: Callable[[int], WorkflowRun],
    from_run: int | None = None,
) -> Context:
    """Return the context of a job.

    Args:
        environ: Environment with the variables of GitHub Actions.
        event: Content of the file that GITHUB_EVENT_PATH names.
        find_run: Asks GitHub for a workflow run by its number.
        from_run: Number of the workflow run that measured; default: the one that the event names, else the
            workflow run of this job.

    Raises:
        PublishError: A variable is missing, the event is malformed, or GitHub refused.
    """
    repository = environ.get("GITHUB_REPOSITORY", "")
    own_run = environ.get("GITHUB_RUN_ID", "")
    parsed = _parse(event)
    measured = parsed.workflow_run
    number = from_run or (measured.id if measured else int(own_run) if own_run.isdecimal() else None)
    if not repository or number is None:
        raise PublishError(
            "GITHUB_REPOSITORY or GITHUB_RUN_ID is not set",
            "publish from GitHub Actions, name a workflow run with --from-run, or use --dry-run",
        )
    is_of_event = measured is not None and measured.id == number
    is_own = measured is None and str(number) == own_run
    return Context(
        repository=repository,
        run=measured if measured is not None and is_of_event else find_run(number),
        is_own=is_own,
        has_begun=is_of_event and parsed.action in _BEGUN,
        pull=parsed.pull_request.number if is_own and parsed.pull_request else None,
        default_branch=parsed.repository.default_branch if parsed.repository else None,
        actor=environ.get("GITHUB_ACTOR", ""),
        server=environ.get("GITHUB_SERVER_URL", "https://github.com"),
    )


def _parse(event: str) -> _Event:
    try:
        return _Event.model_validate_json(event)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise PublishError(f"the event is malformed: {where}: {error.errors()[0]['msg']}") from error


def explain_nothing(context: Context) -> str | None:
    """Return why there is nothing to publish, as an ordinary end of the job; `None` if there is something."""
    run = context.run
    if run.event not in _MEASURING:
        return f"a workflow run of the event {run.event or 'without a name'} gets no check and no comment"
    if run.event in _OF_BRANCHES and not context.fork and run.head_branch == context.default_branch:
        return f"{run.head_branch} is the default branch: its runs get no check and no comment"
    if context.is_own and run.event == "pull_request":
        if context.fork:
            return f"the token of a pull request from a fork can only read: {_OTHER_WORKFLOW}"
        if context.actor == _DEPENDABOT:
            return f"the token of a pull request of Dependabot can only read: {_OTHER_WORKFLOW}"
    return None
