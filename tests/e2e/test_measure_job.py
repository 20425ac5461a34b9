"""`bench ci measure`, as a workflow runs it in the repository of an application."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.core.run.job import JobOutcome, JudgedBy, SuiteJob
from bench.errors import Exit
from bench.store.jobs import load_foreign_job
from tests.command import Done, bench, command, environment
from tests.small_application import commit, git, make_application, slow_down

MEASURE = ("ci", "measure", "--suite", "both", "--stack", "app", "--no-calibration")
NOBODY = "0" * 40


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """Provide a repository with an application, its stack and two scenarios, all committed."""
    return make_application(tmp_path / "application")


def measure(
    folder: Path, event: str | None = None, content: dict[str, Any] | None = None, *more: str
) -> Done:
    """Measure the suite, in a job that an event started."""
    variables: dict[str, str] = {}
    if event is not None:
        file = folder.parent / "event.json"
        file.write_text(json.dumps(content or {}))
        variables = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(file),
            "GITHUB_RUN_ID": "1700",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_SHA": git(folder, "rev-parse", "HEAD"),
            "GITHUB_STEP_SUMMARY": str(folder.parent / "summary.md"),
        }
    return bench(*MEASURE, *more, cwd=folder, env=variables)


def job_of(folder: Path) -> SuiteJob:
    """Return the file of the job."""
    return load_foreign_job(folder / "results" / "job.json")


def pull_request(base: str, head: str, **fields: object) -> dict[str, Any]:
    """Return the event of a pull request."""
    pull = {"number": 7, "base": {"sha": base}, "head": {"sha": head}, "labels": [], **fields}
    return {"action": "synchronize", "pull_request": pull}


def merge_change(application: Path) -> tuple[str, str]:
    """Slow the application down on a branch, merge it as GitHub does; return the commits of main and head."""
    base = git(application, "rev-parse", "HEAD")
    git(application, "switch", "--quiet", "-c", "change")
    slow_down(application)
    head = commit(application)
    git(application, "switch", "--quiet", "--detach", "main")
    git(application, "merge", "--quiet", "--no-ff", "-m", "merge", "change")
    return base, head


def test_a_slower_pull_request_fails_in_one_job(application: Path) -> None:
    """The base is the first parent of the merge commit; the report goes to stdout, log and summary."""
    base, head = merge_change(application)
    done = measure(application, "pull_request", pull_request(NOBODY, head), "--pairs", "3")
    job = job_of(application)
    if job.outcome is JobOutcome.INVALID:  # a busy machine makes a run invalid
        assert done.code == Exit.MEASUREMENT
        return
    assert done.code == Exit.REGRESSION, done.err
    assert "::error title=bench one::" in done.out
    assert "bench:both" in (application.parent / "summary.md").read_text()
    assert job.outcome is JobOutcome.FAIL
    assert (job.base_sha, job.head_sha) == (base, head)
    assert job.merge_sha == git(application, "rev-parse", "HEAD")
    assert (job.run_id, job.attempt, job.event, job.pull_request) == ("1700", 2, "pull_request", 7)
    assert [row.judged_by for row in job.scenarios] == [JudgedBy.PAIRS, JudgedBy.PAIRS]
    assert job.minutes > 0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"labels": [{"name": "bench:skip"}]}, "the label bench:skip"),
        ({"draft": True}, "is a draft"),
    ],
)
def test_a_pull_request_that_is_not_measured_still_reports(
    application: Path, fields: dict[str, Any], reason: str
) -> None:
    """The job is green, and its file and its notice have the reason."""
    done = measure(application, "pull_request", pull_request(NOBODY, NOBODY, **fields))
    assert done.code == Exit.PASS
    job = job_of(application)
    assert job.outcome is JobOutcome.SKIPPED
    assert reason in job.reason
    assert f"::notice title=bench both::{job.reason}" in done.out
    assert reason in (application.parent / "summary.md").read_text()


def test_a_cancelled_job_stores_its_complete_runs(application: Path) -> None:
    """GitHub sends a signal: no service stays, and the file of the job has the reason."""
    arguments = command(*MEASURE, "--against", "main")
    with subprocess.Popen(
        arguments, cwd=application, env=environment(), stderr=subprocess.PIPE, text=True
    ) as done:
        assert done.stderr is not None
        while "pair 1: complete" not in done.stderr.readline():
            assert done.poll() is None
        done.send_signal(signal.SIGTERM)
        rest = done.stderr.read()
    assert done.returncode == Exit.INTERRUPTED, rest
    job = job_of(application)
    assert job.outcome is JobOutcome.CANCELLED
    assert job.reason in rest
    results = application / "results"
    assert list(results.glob("*-one-*/pairs.json"))
    assert (results / "not-measured-two" / "failure.json").is_file()
    assert len(git(application, "worktree", "list").splitlines()) == 1
