import json
from typing import Any

import pytest

from bench.errors import PublishError
from bench.publish.context import check_trusted, read_context

SHA, OTHER_SHA = "a" * 40, "b" * 40
ENVIRON = {
    "GITHUB_REPOSITORY": "owner/name",
    "GITHUB_EVENT_NAME": "workflow_run",
    "GITHUB_SHA": OTHER_SHA,
    "GITHUB_RUN_ID": "42",
}


def workflow_run(repository: str | None = "stranger/name", **fields: Any) -> str:
    """Return the event of a job that starts after the measuring workflow run."""
    run: dict[str, Any] = {
        "head_sha": SHA,
        "head_branch": "a-change",
        "html_url": "https://github.com/owner/name/actions/runs/41",
        "head_repository": None if repository is None else {"full_name": repository},
        "pull_requests": [],
    }
    return json.dumps({"action": "completed", "workflow_run": run | fields})


def pull_request(repository: str) -> str:
    """Return the event of a job of a pull request."""
    return json.dumps(
        {"pull_request": {"number": 7, "head": {"sha": SHA, "repo": {"full_name": repository}}}}
    )


def test_a_workflow_run_publishes_for_the_measured_commit() -> None:
    """Commit, repository and address are those of the measuring run, not of this job."""
    context = read_context(ENVIRON, workflow_run())
    assert (context.head_sha, context.head_repository) == (SHA, "stranger/name")
    assert context.run_url.endswith("/runs/41")
    assert context.fork


def test_a_pull_request_publishes_for_its_head_commit() -> None:
    """GITHUB_SHA is the merge commit that GitHub created, so it is not used."""
    context = read_context(ENVIRON | {"GITHUB_EVENT_NAME": "pull_request"}, pull_request("owner/name"))
    assert (context.head_sha, context.fork) == (SHA, False)
    assert context.run_url == "https://github.com/owner/name/actions/runs/42"


def test_any_other_event_publishes_for_the_commit_of_the_job() -> None:
    """A schedule or a manual start has no pull request."""
    context = read_context(ENVIRON | {"GITHUB_EVENT_NAME": "schedule"}, "{}")
    assert (context.head_sha, context.head_repository) == (OTHER_SHA, "owner/name")


def test_a_deleted_fork_still_counts_as_a_fork() -> None:
    """A workflow run of a deleted repository is treated as a run of a fork."""
    assert read_context(ENVIRON, workflow_run(None)).fork


@pytest.mark.parametrize(
    ("event", "title", "suite"),
    [
        ("workflow_dispatch", "bench nightly", "nightly"),
        ("workflow_dispatch", "bench pull request", "pr"),
        ("workflow_dispatch", "bench <img src=x>", "pr"),
        ("pull_request", "bench nightly", "pr"),
    ],
)
def test_only_the_title_of_a_dispatched_run_names_the_suite(event: str, title: str, suite: str) -> None:
    """The author of a pull request chooses the title of its run, so that title is ignored."""
    assert read_context(ENVIRON, workflow_run(event=event, display_title=title)).suite == suite


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("schedule", {"schedule": "17 2 * * *", "workflow": ".github/workflows/bench-nightly.yml"}),
        (
            "workflow_dispatch",
            {"inputs": {"suite": "nightly"}, "ref": "refs/heads/main", "workflow": "x.yml"},
        ),
        ("push", {"ref": "refs/heads/main", "after": OTHER_SHA, "commits": []}),
    ],
)
def test_an_event_without_a_pull_request_publishes_for_its_commit(name: str, event: dict[str, Any]) -> None:
    """The other fields of the event do not matter."""
    sender = {"sender": {"login": "octocat", "type": "User"}, "repository": {"full_name": "owner/name"}}
    context = read_context(ENVIRON | {"GITHUB_EVENT_NAME": name}, json.dumps(event | sender))
    assert (context.head_sha, context.head_repository, context.suite) == (OTHER_SHA, "owner/name", "pr")


@pytest.mark.parametrize(
    ("event", "place"),
    [
        (workflow_run(head_sha="main; rm"), "workflow_run.head_sha"),
        (workflow_run(html_url="javascript:alert(1)"), "workflow_run.html_url"),
        (workflow_run("../../etc"), "workflow_run.head_repository.full_name"),
        ("[]", "the event is malformed"),
        ("{", "the event is malformed"),
    ],
)
def test_a_malformed_event_is_refused(event: str, place: str) -> None:
    """The error names the field that GitHub would never write in this form."""
    with pytest.raises(PublishError, match=place):
        read_context(ENVIRON, event)


def test_outside_of_github_actions_there_is_no_context() -> None:
    """The error names the missing variables, and its hint names `--dry-run`."""
    with pytest.raises(
        PublishError, match="not set: GITHUB_REPOSITORY, GITHUB_EVENT_NAME, GITHUB_SHA"
    ) as caught:
        read_context({}, "{}")
    assert "--dry-run" in str(caught.value.hint)


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target"])
def test_a_job_with_the_files_of_a_fork_does_not_publish(event: str) -> None:
    """A job with a token must not run code of a fork."""
    context = read_context(ENVIRON | {"GITHUB_EVENT_NAME": event}, pull_request("stranger/name"))
    with pytest.raises(PublishError, match="this job has the files of stranger/name and a token"):
        check_trusted(context, [])


def test_a_workflow_run_that_checked_out_the_fork_does_not_publish() -> None:
    """A trusted event with the files of a fork is refused too."""
    context = read_context(ENVIRON, workflow_run())
    check_trusted(context, [OTHER_SHA])
    check_trusted(context, [])
    for files in ([SHA], [OTHER_SHA, "c" * 40, SHA]):  # the last list has a merge of the fork
        with pytest.raises(PublishError, match="files of stranger/name"):
            check_trusted(context, files)


def test_a_pull_request_of_the_repository_may_be_published_from_its_job() -> None:
    """A branch of the same repository is trusted."""
    context = read_context(ENVIRON | {"GITHUB_EVENT_NAME": "pull_request"}, pull_request("owner/name"))
    check_trusted(context, [SHA])
