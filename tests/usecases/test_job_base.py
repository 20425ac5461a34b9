"""The base of a measurement that a person or a command started on a branch."""

import json
from pathlib import Path

import pytest

from bench.publish.trigger import read_trigger
from bench.usecases.job_plan import AUTO, plan_job
from tests.small_application import commit, git, make_application, slow_down

EVENT = json.dumps({"repository": {"default_branch": "main"}})


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide an application with a branch that left `main` one commit ago; `main` then moved."""
    folder = make_application(tmp_path / "application")
    git(folder, "branch", "change")
    (folder / "news.txt").write_text("news")
    git(folder, "update-ref", "refs/remotes/origin/main", commit(folder))
    git(folder, "switch", "--quiet", "change")
    slow_down(folder)
    commit(folder)
    monkeypatch.chdir(folder)
    return folder


def start(ref: str) -> dict[str, str]:
    """The variables of a job that was started on a branch."""
    return {"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_REF": ref}


def test_a_branch_is_compared_with_the_commit_that_it_starts_from(application: Path) -> None:
    """Not with the newest commit of `main`, whose other changes would look like undone ones."""
    trigger = read_trigger(start("refs/heads/change"), EVENT)
    plan = plan_job("both", AUTO, trigger, {"stack": "app"})
    assert plan.base == git(application, "rev-parse", "HEAD~1")
    assert plan.paired == ("one", "two")


def test_the_default_branch_has_no_base(application: Path) -> None:
    """Its runs are compared with the committed baselines."""
    trigger = read_trigger(start("refs/heads/main"), EVENT)
    plan = plan_job("both", AUTO, trigger, {"stack": "app"})
    assert plan.base is None
    assert all(row.reason is None for row in plan.scenarios)
    assert application.is_dir()


def test_a_missing_default_branch_is_a_reason(application: Path) -> None:
    """A shallow checkout does not have it; the baselines decide, and the report gives the reason."""
    git(application, "update-ref", "-d", "refs/remotes/origin/main")
    plan = plan_job("both", AUTO, read_trigger(start("refs/heads/change"), EVENT), {"stack": "app"})
    assert plan.base is None
    assert all("the branch main is not here" in (row.reason or "") for row in plan.scenarios)
