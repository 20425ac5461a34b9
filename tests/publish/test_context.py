import json
from typing import Any

import pytest

from bench.errors import PublishError
from bench.publish.context import Context, explain_nothing, read_context
from bench.publish.workflow_run import RunAttempt, WorkflowRun

SHA, OTHER_SHA = "a" * 40, "b" * 40
ENVIRON = {"GITHUB_REPOSITORY": "owner/name", "GITHUB_RUN_ID": "42", "GITHUB_ACTOR": "octocat"}
REPOSITORY = {"full_name": "owner/name", "default_branch": "main"}


def run_fields(number: int = 41, repository: str | None = "stranger/name", **fields: Any) -> dict[str, Any]:
    """Return a workflow run as GitHub shows it."""
    run: dict[str, Any] = {
        "id": number,
        "event": "pull_request",
        "status": "completed",
        "conclusion": "success",
        "head_sha": SHA,
        "head_branch": "a-change",
        "head_repository": None if repository is None else {"full_name": repository},
        "html_url": f"https://github.com/owner/name/actions/runs/{number}",
        "created_at": "2026-01-01T00:00:00Z",
        "run_started_at": "2026-01-01T00:00:10Z",
        "run_attempt": 1,
    }
    return run | fields


def workflow_run(action: str = "completed", **fields: Any) -> str:
    """Return the event of a job that starts after the measuring workflow run."""
    return json.dumps({"action": action, "workflow_run": run_fields(**fields), "repository": REPOSITORY})


def pull_request(**fields: Any) -> str:
    """Return the event of a job of a pull request."""
    return json.dumps({"action": "opened", "pull_request": {"number": 7} | fields, "repository": REPOSITORY})


def ask_for(**fields: Any) -> Any:
    """Return a function that answers as GitHub for this run, which is one of a branch of the repository."""
    return lambda number: WorkflowRun.model_validate(run_fields(number, "owner/name") | fields)


def refuse(number: int) -> WorkflowRun:
    """Fail the test: the event names the run."""
    raise AssertionError(number)


def read(text: str, from_run: int | None = None, **fields: Any) -> Context:
    """Return the context of a job with an event that may ask GitHub for a run with these fields."""
    return read_context(ENVIRON, text, ask_for(**fields), from_run)


def test_a_workflow_run_publishes_for_the_measured_commit() -> None:
    """Commit, repository and address are those of the measuring run, not of this job; no request is sent."""
    context = read_context(ENVIRON, workflow_run(), refuse)
    assert (context.run.head_sha, context.run.owner, context.fork) == (SHA, "stranger/name", True)
    assert context.run_url.endswith("/runs/41")
    assert (context.is_own, context.has_begun, context.default_branch) == (False, False, "main")
    assert context.run.attempt == RunAttempt(1_767_225_610, 41, 1)


@pytest.mark.parametrize("action", ["requested", "in_progress"])
def test_a_workflow_run_that_begins_has_no_verdict(action: str) -> None:
    """The check can show that the measurement is in progress."""
    assert read_context(ENVIRON, workflow_run(action, conclusion=None), refuse).has_begun


def test_a_job_of_the_measuring_run_publishes_its_own_results() -> None:
    """GitHub knows the head of the pull request; GITHUB_SHA is a merge commit, so it is not used."""
    context = read(pull_request())
    assert (context.run.id, context.run.head_sha, context.fork, context.is_own) == (42, SHA, False, True)
    assert context.pull == 7
    assert explain_nothing(context) is None


def test_a_named_run_is_published_in_place_of_the_own_one() -> None:
    """The number of the pull request of another event does not belong to it."""
    context = read(pull_request(), 40)
    assert (context.run.id, context.is_own, context.pull) == (40, False, None)
    assert read(workflow_run(), 40).run.id == 40
    assert read_context({"GITHUB_REPOSITORY": "owner/name"}, "{}", ask_for(), 40).run.id == 40


def test_a_deleted_fork_still_counts_as_a_fork() -> None:
    """A workflow run of a deleted repository is treated as a run of a fork."""
    assert read(workflow_run(repository=None)).fork


@pytest.mark.parametrize(
    ("event", "title", "suite"),
    [
        ("workflow_dispatch", "bench nightly", "nightly"),
        ("workflow_dispatch", "bench pull request", None),
        ("workflow_dispatch", "bench <img src=x>", None),
        ("workflow_dispatch", None, None),
        ("pull_request", "bench nightly", None),
    ],
)
def test_only_the_title_of_a_dispatched_run_names_the_suite(
    event: str, title: str | None, suite: str | None
) -> None:
    """The author of a pull request chooses the title of its run, so that title is ignored."""
    assert read(workflow_run(event=event, display_title=title)).run.named_suite == suite


def test_a_re_run_is_newer_than_another_run_that_began_before_it() -> None:
    """The start of the newest attempt counts, not the number of the run."""
    later = run_fields(41, run_attempt=2, run_started_at="2026-01-01T02:00:00Z")
    other = run_fields(42, run_started_at="2026-01-01T01:00:00Z")
    assert WorkflowRun.model_validate(later).attempt > WorkflowRun.model_validate(other).attempt
    assert RunAttempt.parse(str(RunAttempt(5, 41, 2))) == RunAttempt(5, 41, 2)
    assert RunAttempt.parse("5.41") is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event": "issue_comment"}, "the event issue_comment gets no check"),
        ({"event": "schedule"}, "the event schedule gets no check"),
        ({"event": "pull_request_target"}, "the event pull_request_target gets no check"),
        ({"event": None}, "the event without a name gets no check"),
        ({"event": "push", "head_branch": "main"}, "main is the default branch"),
        ({"event": "workflow_dispatch", "head_branch": "main"}, "main is the default branch"),
        ({"head_repository": {"full_name": "stranger/name"}}, "from a fork can only read"),
        ({"head_repository": None}, "from a fork can only read"),
    ],
)
def test_an_ordinary_run_without_a_check_has_a_reason(fields: dict[str, Any], reason: str) -> None:
    """Comments, schedules, the default branch, and forks in their own workflow run."""
    assert reason in str(explain_nothing(read(pull_request(), **fields)))


def test_dependabot_is_published_in_another_workflow() -> None:
    """GitHub gives its workflow runs a token that can only read."""
    context = read_context(ENVIRON | {"GITHUB_ACTOR": "dependabot[bot]"}, pull_request(), ask_for())
    assert "Dependabot can only read" in str(explain_nothing(context))


@pytest.mark.parametrize("event", ["pull_request", "merge_group", "deployment_status", "push"])
@pytest.mark.parametrize("repository", ["owner/name", "stranger/name", None])
def test_another_workflow_publishes_every_measurement(event: str, repository: str | None) -> None:
    """A branch, a fork, a merge queue and a preview."""
    assert explain_nothing(read(workflow_run(event=event, repository=repository))) is None


@pytest.mark.parametrize(
    ("event", "place"),
    [
        (workflow_run(head_sha="main; rm"), "workflow_run.head_sha"),
        (workflow_run(html_url="javascript:alert(1)"), "workflow_run.html_url"),
        (workflow_run(repository="../../etc"), "workflow_run.head_repository.full_name"),
        ("[]", "the event is malformed"),
        ("{", "the event is malformed"),
    ],
)
def test_a_malformed_event_is_refused(event: str, place: str) -> None:
    """The error names the field that GitHub would never write in this form."""
    with pytest.raises(PublishError, match=place):
        read(event)


@pytest.mark.parametrize("environ", [{}, {"GITHUB_REPOSITORY": "owner/name"}, {"GITHUB_RUN_ID": "1"}])
def test_outside_of_github_actions_there_is_no_context(environ: dict[str, str]) -> None:
    """The error names the variables, and its hint names `--dry-run`."""
    with pytest.raises(PublishError, match="GITHUB_REPOSITORY or GITHUB_RUN_ID is not set") as caught:
        read_context(environ, "{}", refuse)
    assert "--dry-run" in str(caught.value.hint)
