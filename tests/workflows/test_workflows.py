"""The workflow files, run with act against a fake GitHub: what a person finally sees in each case."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.workflows import project
from tests.workflows.conftest import ROOT
from tests.workflows.hosted import FORK, Hosted
from tests.workflows.shown import check_at, check_of_pull, comment_on, headline

pytestmark = pytest.mark.workflows

Host = Callable[[Path], Hosted]


def _project(host: Host) -> Hosted:
    """Put this project with a short suite on the fake GitHub."""
    repository = host(ROOT)
    repository.github.permissions["octocat"] = "write"
    project.shorten(repository.origin)
    return repository


def test_unchanged(host: Host) -> None:
    """A pull request that changes no time is green, and so are its jobs."""
    repository = _project(host)
    project.branch_unchanged(repository.origin)
    number = repository.open_pull("feature")
    repository.measure(number, "opened")
    check = check_of_pull(repository, number)
    assert check["conclusion"] == "success"
    assert repository.last("pull_request").started.jobs == {"measure": "success", "publish": "success"}
    comment_on(repository, number)


def test_slowed(host: Host) -> None:
    """A pull request that slows down the agent is red, and the title names the tier."""
    repository = _project(host)
    project.branch_slower(repository.origin, 0.5)
    number = repository.open_pull("feature")
    repository.measure(number, "opened")
    check = check_of_pull(repository, number)
    assert check["conclusion"] == "failure"
    assert "agent" in check["output"]["title"]
    assert repository.last("pull_request").started.jobs["measure"] == "failure"
    assert "agent" in headline(repository, number)


def test_crash_at_the_start(host: Host) -> None:
    """If a service exits at its start, the check is red, and the comment has its name, exit code and log."""
    repository = _project(host)
    project.branch_crashing(repository.origin)
    number = repository.open_pull("feature")
    repository.measure(number, "opened")
    assert check_of_pull(repository, number)["conclusion"] == "failure"
    assert repository.last("pull_request").started.jobs["measure"] == "failure"
    body = comment_on(repository, number)
    assert "agent" in body
    assert "code 7" in body
    assert project.CRASH in body


def test_image_version_changed_between_runs(host: Host) -> None:
    """Runs on two versions of the runner image belong to one baseline, so that it survives a new image."""
    repository = _project(host)
    project.depend_on_machine(repository.origin)
    repository.dispatch("bench-pr.yml")
    repository.image = "20260201.1.0"
    repository.dispatch("bench-pr.yml")
    files = repository.origin.paths("main", "baselines/")
    baselines = [path for path in files if path.endswith("/short.json")]
    assert len(baselines) == 1
    text = repository.origin.read("main", baselines[0])
    assert text.count('"run_id"') == 2
    project.branch_unchanged(repository.origin)
    number = repository.open_pull("feature")
    repository.image = "20260301.1.0"
    repository.measure(number, "opened")
    assert check_of_pull(repository, number)["conclusion"] == "success"


def test_run_again_after_a_bad_attempt(host: Host, tmp_path: Path) -> None:
    """After a re-run the newest attempt counts: the check and the comment of the bad attempt are replaced."""
    repository = _project(host)
    vault = tmp_path / "vault"
    project.depend_on(repository.origin, vault)
    project.branch_unchanged(repository.origin)
    number = repository.open_pull("feature")
    repository.measure(number, "opened")
    assert check_of_pull(repository, number)["conclusion"] == "failure"
    assert project.OUTAGE in comment_on(repository, number)
    vault.touch()
    repository.measure(number, again=repository.last("pull_request"))
    assert check_of_pull(repository, number)["conclusion"] == "success"
    assert project.OUTAGE not in comment_on(repository, number)


def test_accept_then_measure_again(host: Host) -> None:
    """An accepted slowdown is green at once, and green again when the pull request is measured again."""
    repository = _project(host)
    project.branch_slower(repository.origin, 0.5)
    number = repository.open_pull("feature")
    repository.measure(number, "opened")
    head = repository.pull(number)["head"]["sha"]
    assert check_at(repository, head)["conclusion"] == "failure"
    repository.comment(number, f"/bench baseline accept {head} the agent asks twice on purpose")
    accepted = repository.origin.head("feature")
    assert accepted != head, repository.github.comments
    assert repository.origin.git("rev-parse", f"{accepted}^") == head
    assert check_at(repository, accepted)["conclusion"] == "success"
    repository.measure(number)
    assert repository.last("pull_request").started.jobs == {"measure": "success", "publish": "success"}
    assert check_at(repository, accepted)["conclusion"] == "success"
    assert check_at(repository, head)["conclusion"] == "failure"


def test_merged_while_it_is_measured(host: Host) -> None:
    """If a pull request is merged before its verdict, no job and no check becomes red."""
    repository = _project(host)
    project.branch_unchanged(repository.origin)
    number = repository.open_pull("feature")

    def merge(entry: Mapping[str, Any]) -> None:
        begins = str(entry.get("msg", "")).endswith("Run Main bench ci measure")
        if begins and repository.pull(number)["state"] == "open":
            repository.merge(number)

    repository.watch = merge
    repository.measure(number, "opened")
    assert repository.pull(number)["merged"]
    assert set(repository.last("pull_request").started.jobs.values()) == {"success"}
    assert [check for check in repository.github.checks if check["conclusion"] == "failure"] == []
    assert [check for check in repository.github.checks if check["status"] != "completed"] == []


def test_fork(host: Host) -> None:
    """A fork is measured without a token that writes, and published by files of the default branch."""
    repository = _project(host)
    project.branch_slower(repository.origin, 0.5)
    number = repository.open_pull("feature", repository=FORK, actor="stranger")
    repository.measure(number, "opened")
    assert repository.last("pull_request").started.jobs == {"measure": "failure"}
    assert repository.last("workflow_run").conclusion == "success"
    check = check_of_pull(repository, number)
    assert check["conclusion"] == "failure"
    assert "agent" in check["output"]["title"]
    comment_on(repository, number)


def test_dependabot(host: Host) -> None:
    """Dependabot's token can only read, and its pull request gets a comment and a check all the same."""
    repository = _project(host)
    project.branch_unchanged(repository.origin, "dependabot/pip/httpx-1.0")
    number = repository.open_pull("dependabot/pip/httpx-1.0", actor="dependabot[bot]")
    repository.measure(number, "opened")
    assert repository.last("pull_request").started.jobs == {"measure": "success"}
    assert repository.last("workflow_run").conclusion == "success"
    assert check_of_pull(repository, number)["conclusion"] == "success"
    comment_on(repository, number)


def test_merge_queue(host: Host) -> None:
    """The merge queue gets its own check at the commit that it tests."""
    repository = _project(host)
    project.branch_unchanged(repository.origin)
    number = repository.open_pull("feature")
    tested = repository.queue(number)
    assert check_at(repository, tested)["conclusion"] == "success"
    assert set(repository.last("merge_group").started.jobs.values()) == {"success"}
