import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.core.history.history import HistoryPoint, to_history_point
from bench.errors import Exit
from bench.store import history, results
from tests.cli.test_github_command import pack
from tests.command import Bench
from tests.factories import make_recording, run_at
from tests.publish.fake_github import FakeGitHub, Fault, serving

SHA = "a" * 40
QUICK = "embedded/simulated/quick.jsonl"
WATCHED = ("ci", "issue", "schedule", "bench-nightly.yml=48")


@pytest.fixture
def fake(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:  # noqa: ARG001 - clears the environment before
    """Serve a GitHub, in the environment of a scheduled job."""
    with serving(FakeGitHub()) as served:
        for name, value in {
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_API_URL": served.url,
            "GITHUB_TOKEN": secrets.token_hex(20),
        }.items():
            monkeypatch.setenv(name, value)
        yield served


def store(number: int) -> str:
    """Store a run and return its folder."""
    return str(results.save(run_at(1.0, number), make_recording(), Path("results")))


def list_runs(github: FakeGitHub) -> list[str]:
    """Return the ids of the runs in the history of the branch."""
    text = github.git.files("bench-history")[QUICK]
    return [HistoryPoint.model_validate_json(line).run_id for line in text.splitlines()]


def test_a_branch_stores_the_history(bench: Bench, fake: FakeGitHub) -> None:
    """The first run creates the branch, the second follows, and the folder has both."""
    first, second = store(50), store(51)
    assert bench("ci", "history", "add", first, "--branch", "bench-history").code == Exit.PASS
    assert fake.git.commits[fake.git.branches["bench-history"]]["parents"] == []
    bench("ci", "history", "add", second, "--branch", "bench-history", "--history", "elsewhere")
    assert list_runs(fake) == [Path(first).name, Path(second).name]
    assert len(history.read(Path("elsewhere") / QUICK)) == 2


def test_a_line_has_the_number_of_its_workflow_run(bench: Bench, fake: FakeGitHub) -> None:
    """Only runs from artifacts have a number."""
    one, other = Path(store(50)), store(51)
    fake.add_artifact(
        41, "bench-nightly-quick", pack(**{"run-1/result.json": (one / "result.json").read_text()})
    )
    bench("ci", "history", "add", "--from-run", "41")
    bench("ci", "history", "add", other)
    assert [each.workflow_run for each in history.read(Path("history") / QUICK)] == [41, None]


def test_a_known_run_creates_no_commit(bench: Bench, fake: FakeGitHub) -> None:
    """A repeated job adds nothing."""
    run = store(50)
    bench("ci", "history", "add", run, "--branch", "bench-history")
    at = fake.git.branches["bench-history"]
    assert bench("ci", "history", "add", run, "--branch", "bench-history").code == Exit.PASS
    assert fake.git.branches["bench-history"] == at


def test_concurrent_jobs_lose_no_run(bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second job reads the lines of the first one, and writes both."""
    bench("ci", "history", "add", store(50), "--branch", "bench-history")
    answer, other = fake.git.answer, to_history_point(run_at(1.0, 60))

    def meanwhile(method: str, rest: str, content: Any, query: dict[str, str]) -> tuple[int, Any]:
        if method == "PATCH" and len(list_runs(fake)) == 1:
            text = fake.git.files("bench-history")[QUICK] + other.model_dump_json() + "\n"
            fake.git.add_branch("bench-history", "d" * 40, {QUICK: text})
        return answer(method, rest, content, query)

    monkeypatch.setattr(fake.git, "answer", meanwhile)
    assert bench("ci", "history", "add", store(51), "--branch", "bench-history").code == Exit.PASS
    assert len(list_runs(fake)) == 3
    assert other.run_id in list_runs(fake)


def test_a_branch_that_changes_all_the_time_is_an_error(
    bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of attempts is limited."""
    bench("ci", "history", "add", store(50), "--branch", "bench-history")
    answer = fake.git.answer

    def push_first(method: str, *request: Any) -> tuple[int, Any]:
        if method == "PATCH":
            fake.git.push("bench-history", {}, f"push {len(fake.git.commits)}")
        return answer(method, *request)

    monkeypatch.setattr(fake.git, "answer", push_first)
    done = bench("ci", "history", "add", store(51), "--branch", "bench-history")
    assert (done.code, "all the time" in done.err) == (Exit.PUBLISH, True)


def test_a_branch_with_other_files_is_refused(bench: Bench, fake: FakeGitHub) -> None:
    """The file of a person is never overwritten."""
    fake.git.add_branch("bench-history", SHA, {QUICK: "my notes\n"})
    done = bench("ci", "history", "add", store(50), "--branch", "bench-history")
    assert done.code == Exit.MEASUREMENT
    assert fake.git.branches["bench-history"] == SHA


def write_history(worse: bool) -> None:
    """Write a history of thirty runs; the last ten may be slower."""
    for number in range(30):
        factor = 1.5 if worse and number >= 20 else 1.0
        history.append(Path("history"), to_history_point(run_at(factor, number)))


def test_an_issue_is_open_while_a_scenario_is_worse(bench: Bench, fake: FakeGitHub) -> None:
    """It is opened once, updated if the text changes, and closed when the problem is solved."""
    write_history(worse=True)
    trend = ("ci", "issue", "trend", "--suite", "nightly")
    assert "an issue is opened: bench nightly: quick changed for the worse" in bench(*trend).err
    (issue,) = fake.issues
    assert issue["body"].startswith("<!-- bench:trend-nightly -->\n")
    assert "Response time" in issue["body"]
    assert "the issue is up to date" in bench(*trend).err
    issue["title"] = "edited by a person"
    assert "issue #50 is changed" in bench(*trend).err
    (Path("history") / QUICK).unlink()
    write_history(worse=False)
    assert "issue #50 is closed" in bench(*trend).err
    assert (len(fake.issues), issue["state"]) == (1, "closed")


def test_three_inconclusive_verdicts_open_an_issue(bench: Bench, fake: FakeGitHub) -> None:
    """Two are too few; commits without a verdict and other suites do not count; a verdict closes it."""
    for number, title in enumerate(
        ("Cannot tell: noise.", "No regression.", "Cannot tell: <b>.", "Cannot tell.")
    ):
        sha = f"{number}" * 40
        fake.add_run(number, sha, "owner/name")
        output = {"title": title, "annotations": []}
        concluded = {"status": "completed", "conclusion": "neutral" if "tell" in title else "success"}
        fake.checks.append(
            {"id": number + 1, "head_sha": sha, "external_id": "bench:pr", "output": output} | concluded
        )
    fake.add_run(8, "8" * 40, "owner/name")
    fake.add_run(9, "0" * 40, "owner/name", event="workflow_dispatch", display_title="bench nightly")
    assert "there is no problem" in bench("ci", "issue", "gate").err
    fake.checks[1] |= {
        "conclusion": "failure",
        "output": {"title": "Cannot tell: strict.", "annotations": []},
    }
    assert "an issue is opened: bench pr: the gate cannot tell" in bench("ci", "issue", "gate").err
    (issue,) = fake.issues
    assert issue["body"].startswith("<!-- bench:gate-pr -->\n")
    assert "- `222222222`: Cannot tell: \\<b\\>." in issue["body"]
    fake.checks[3] |= {"conclusion": "failure", "output": {"title": "1 of 3 failed.", "annotations": []}}
    assert "issue #50 is closed" in bench("ci", "issue", "gate").err


def test_no_problem_opens_no_issue(bench: Bench, fake: FakeGitHub) -> None:
    """An empty history is not a problem."""
    done = bench("ci", "issue", "trend", "--suite", "nightly")
    assert (done.code, fake.issues) == (Exit.PASS, [])
    assert "there is no problem" in done.err


@pytest.mark.parametrize(
    "other",
    [
        {"user": {"login": "stranger"}},
        {"user": None},
        {"pull_request": {"url": "x"}},
        {"body": None},
        {"body": "It says <!-- bench:schedule -->"},
    ],
)
def test_issues_of_others_are_not_changed(bench: Bench, fake: FakeGitHub, other: dict[str, Any]) -> None:
    """Those of other people and deleted users, pull requests, and issues without the marker in line 1."""
    fake.add_run(1, SHA, "owner/name", event="schedule")
    issue = {"number": 9, "title": "x", "body": "<!-- bench:schedule -->\n", "user": {"login": fake.author}}
    fake.issues.append(issue | other)
    assert "an issue is opened: bench: a schedule did not run" in bench(*WATCHED).err
    assert len(fake.issues) == 2


@pytest.mark.parametrize(("hours", "missed"), [(47, False), (49, True)])
def test_a_missed_schedule_opens_an_issue(bench: Bench, fake: FakeGitHub, hours: float, missed: bool) -> None:
    """Only runs that the schedule started count."""
    now = datetime.now(UTC)
    begun = (now - timedelta(hours=hours)).isoformat()
    fake.add_run(1, SHA, "owner/name", event="schedule", created_at=begun)
    fake.add_run(2, SHA, "owner/name", event="workflow_dispatch", created_at=now.isoformat())
    assert bench(*WATCHED).code == Exit.PASS
    assert bool(fake.issues) == missed
    if missed:
        assert "`bench-nightly.yml` must run every 48 h" in fake.issues[0]["body"]


def test_a_new_schedule_counts_from_its_creation(bench: Bench, fake: FakeGitHub) -> None:
    """A new workflow has the full time; this one is old."""
    bench(*WATCHED)
    assert "its last run started at 2025-01-01 00:00 UTC" in fake.issues[0]["body"]


def test_a_lost_response_opens_no_second_issue(bench: Bench, fake: FakeGitHub) -> None:
    """A second attempt first searches for the issue."""
    fake.faults = [Fault("POST", "/issues$", 502, applied=True)]
    assert bench(*WATCHED).code == Exit.PASS
    assert len(fake.issues) == 1


def test_a_refused_issue_is_an_error(bench: Bench, fake: FakeGitHub) -> None:
    """The number of attempts is limited; the exit is 6."""
    fake.faults = [Fault("POST", "/issues$", 502, times=9)]
    done = bench(*WATCHED)
    assert (done.code, "did not accept the issue" in done.err) == (Exit.PUBLISH, True)


@pytest.mark.parametrize("named", ["nightly", "nightly.yml", "nightly.yml=0", "../x.yml=48"])
def test_a_schedule_is_a_file_and_hours(bench: Bench, named: str) -> None:
    """Any other text is refused."""
    assert bench("ci", "issue", "schedule", named).code == Exit.USAGE
