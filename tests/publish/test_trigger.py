"""The event that starts a measuring job."""

import json
from typing import Any

import pytest

from bench.errors import ConfigError
from bench.publish.trigger import Trigger, read_trigger

BASE, HEAD, MERGE = "1" * 40, "2" * 40, "3" * 40
ENVIRON = {"GITHUB_RUN_ID": "1700", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_SHA": MERGE}
PULL: dict[str, Any] = {"number": 7, "base": {"sha": BASE}, "head": {"sha": HEAD}}


def read(event: str, content: dict[str, Any]) -> Trigger:
    """Return the trigger of an event."""
    return read_trigger({**ENVIRON, "GITHUB_EVENT_NAME": event}, json.dumps(content))


def test_a_pull_request_names_three_commits() -> None:
    """The workflow run has the merge, and the event its parents."""
    trigger = read("pull_request", {"pull_request": PULL})
    assert (trigger.base_sha, trigger.head_sha, trigger.merge_sha) == (BASE, HEAD, MERGE)
    assert (trigger.pull_request, trigger.run_id, trigger.attempt) == (7, "1700", 2)
    assert trigger.explain_skip() is None


@pytest.mark.parametrize(
    ("fields", "skipped"),
    [
        ({"draft": True}, True),
        ({"draft": True, "labels": [{"name": "bench:full"}]}, False),
        ({"labels": [{"name": "bench:skip"}, {"name": "bench:full"}]}, True),
        ({"labels": [{"name": "bench:skipped"}]}, False),
    ],
)
def test_labels_and_drafts_decide_whether_a_pull_request_is_measured(
    fields: dict[str, Any], *, skipped: bool
) -> None:
    """A label of another name has no effect, and bench:full measures a draft."""
    trigger = read("pull_request", {"pull_request": {**PULL, **fields}})
    assert (trigger.explain_skip() is not None) is skipped


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"state": "success", "environment_url": "https://a.example.invalid/x"}, None),
        ({"state": "pending", "environment_url": "https://a.example.invalid"}, "'pending'"),
        ({"state": "success", "environment_url": ""}, "no address"),
        ({"state": "success"}, "no address"),
    ],
)
def test_only_a_complete_deployment_is_measured(status: dict[str, str], reason: str | None) -> None:
    """It is measured at its address, and its commit is the head."""
    trigger = read("deployment_status", {"deployment": {"sha": HEAD}, "deployment_status": status})
    assert trigger.head_sha == HEAD
    skip = trigger.explain_skip()
    assert skip is None if reason is None else reason in str(skip)


@pytest.mark.parametrize(
    "content", [{"pull_request": {**PULL, "head": {"sha": "--help"}}}, {"pull_request": {"number": 1}}, []]
)
def test_a_malformed_event_is_refused(content: Any) -> None:
    """The error names the place."""
    with pytest.raises(ConfigError, match="the event is malformed"):
        read("pull_request", content)


@pytest.mark.parametrize("event", ["pull_request_target", "workflow_run", "issue_comment"])
def test_an_event_with_secrets_is_not_measured(event: str) -> None:
    """A measurement runs the code of the pull request."""
    with pytest.raises(ConfigError, match="may have secrets"):
        read(event, {})


def test_outside_of_a_workflow_there_is_no_event() -> None:
    """A person may run the command on a laptop."""
    assert read_trigger({}, "{}") == Trigger()
