import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.core.history.history import HistoryPoint, to_history_point
from bench.errors import Exit
from bench.store import baselines, history, results
from tests.cli.test_github_command import archive
from tests.command import Bench
from tests.factories import make_baseline, make_recording, run_at
from tests.publish.fake_github import FakeGitHub, Fault, serving

SHA = "a" * 40
QUICK = "embedded/simulated/quick.jsonl"
WATCHED = ("ci", "issue", "schedule", "bench-nightly.yml=48")


@pytest.fixture
def fake(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:  # noqa: ARG001 - clears the environment before
    """A GitHub, and a scheduled job."""
    with serving(FakeGitHub()) as served:
        for name, value in {
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_API_URL": served.url,
            "GITHUB_TOKEN": secrets.token_hex(20),
        }.items():
            monkeypatch.setenv(name, value)
        yield served


def kept(number: int) -> str:
    """A run in a folder."""
    return str(results.save(run_at(1.0, number), make_recording(), Path("results")))


def lines(github: FakeGitHub) -> list[str]:
    """The runs in the history of the branch."""
    text = github.git.files("bench-history")[QUICK]
    return [HistoryPoint.model_validate_json(line).run_id for line in text.splitlines()]


def test_a_branch_keeps_the_history(bench: Bench, fake: FakeGitHub) -> None:
    """The first run makes the branch, from nothing; the second follows; the folder has both."""
    first, second = kept(50), kept(51)
    assert bench("ci", "history", "add", first, "--branch", "bench-history").code == Exit.PASS
    assert fake.git.commits[fake.git.branches["bench-history"]]["parents"] == []
    bench("ci", "history", "add", second, "--branch", "bench-history", "--history", "elsewhere")
    assert lines(fake) == [Path(first).name, Path(second).name]
    assert len(history.read(Path("elsewhere") / QUICK)) == 2


def test_a_line_says_which_workflow_run_measured_it(bench: Bench, fake: FakeGitHub) -> None:
    """By its number, where the runs are taken from one; of a run in a folder that is not known."""
    one, other = Path(kept(50)), kept(51)
    fake.add_artifact(
        41, "bench-nightly-quick", archive(**{"run-1/result.json": (one / "result.json").read_text()})
    )
    bench("ci", "history", "add", "--from-run", "41")
    bench("ci", "history", "add", other)
    assert [each.workflow_run for each in history.read(Path("history") / QUICK)] == [41, None]


def test_a_run_that_is_in_the_branch_makes_no_commit(bench: Bench, fake: FakeGitHub) -> None:
    """A job that is run again adds nothing."""
    run = kept(50)
    bench("ci", "history", "add", run, "--branch", "bench-history")
    at = fake.git.branches["bench-history"]
    assert bench("ci", "history", "add", run, "--branch", "bench-history").code == Exit.PASS
    assert fake.git.branches["bench-history"] == at


def test_two_jobs_at_once_lose_nothing(
    bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes second reads what the first wrote, and writes both."""
    bench("ci", "history", "add", kept(50), "--branch", "bench-history")
    answer, other = fake.git.answer, to_history_point(run_at(1.0, 60))

    def meanwhile(method: str, rest: str, content: Any, query: dict[str, str]) -> tuple[int, Any]:
        if method == "PATCH" and len(lines(fake)) == 1:
            text = fake.git.files("bench-history")[QUICK] + other.model_dump_json() + "\n"
            fake.git.add_branch("bench-history", "d" * 40, {QUICK: text})
        return answer(method, rest, content, query)

    monkeypatch.setattr(fake.git, "answer", meanwhile)
    assert bench("ci", "history", "add", kept(51), "--branch", "bench-history").code == Exit.PASS
    assert len(lines(fake)) == 3
    assert other.run_id in lines(fake)


def test_a_branch_that_always_moves_is_given_up(bench: Bench, fake: FakeGitHub) -> None:
    """With a message, and not for ever."""
    bench("ci", "history", "add", kept(50), "--branch", "bench-history")
    fake.faults = [Fault("PATCH", "/git/refs/", 422, times=99)]
    done = bench("ci", "history", "add", kept(51), "--branch", "bench-history")
    assert (done.code, "all the time" in done.err) == (Exit.PUBLISH, True)


def test_a_branch_with_something_else_in_it_is_refused(bench: Bench, fake: FakeGitHub) -> None:
    """Nobody's file is written over."""
    fake.git.add_branch("bench-history", SHA, {QUICK: "my notes\n"})
    done = bench("ci", "history", "add", kept(50), "--branch", "bench-history")
    assert done.code == Exit.MEASUREMENT
    assert fake.git.branches["bench-history"] == SHA


def grown(worse: bool) -> None:
    """A history of thirty runs, of which the last ten may be slower."""
    for number in range(30):
        factor = 1.5 if worse and number >= 20 else 1.0
        history.append(Path("history"), to_history_point(run_at(factor, number)))


def test_an_issue_stands_as_long_as_it_is_worse(bench: Bench, fake: FakeGitHub) -> None:
    """Opened once, changed when it says something else, and closed when nothing is wrong."""
    grown(worse=True)
    trend = ("ci", "issue", "trend", "--suite", "nightly")
    assert "an issue is opened: bench nightly: quick changed for the worse" in bench(*trend).err
    (issue,) = fake.issues
    assert issue["body"].startswith("<!-- bench:trend-nightly -->\n")
    assert "Response time" in issue["body"]
    assert "the issue is up to date" in bench(*trend).err
    issue["title"] = "edited by a person"
    assert "issue #50 is changed" in bench(*trend).err
    (Path("history") / QUICK).unlink()
    grown(worse=False)
    assert "issue #50 is closed" in bench(*trend).err
    assert (len(fake.issues), issue["state"]) == (1, "closed")


def test_nothing_wrong_is_no_issue(bench: Bench, fake: FakeGitHub) -> None:
    """And so is no history."""
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
def test_others_issues_are_left_alone(bench: Bench, fake: FakeGitHub, other: dict[str, Any]) -> None:
    """Of somebody else, of a deleted user, a pull request, or without the marker at its head."""
    fake.add_run(1, SHA, "owner/name", event="schedule")
    issue = {"number": 9, "title": "x", "body": "<!-- bench:schedule -->\n", "user": {"login": fake.author}}
    fake.issues.append(issue | other)
    assert "an issue is opened: bench: a schedule did not run" in bench(*WATCHED).err
    assert len(fake.issues) == 2


@pytest.mark.parametrize(("hours", "missed"), [(47, False), (49, True)])
def test_a_schedule_that_did_not_run_has_an_issue(
    bench: Bench, fake: FakeGitHub, hours: float, missed: bool
) -> None:
    """By the time it was last begun by its schedule, not by hand."""
    now = datetime.now(UTC)
    begun = (now - timedelta(hours=hours)).isoformat()
    fake.add_run(1, SHA, "owner/name", event="schedule", created_at=begun)
    fake.add_run(2, SHA, "owner/name", event="workflow_dispatch", created_at=now.isoformat())
    assert bench(*WATCHED).code == Exit.PASS
    assert bool(fake.issues) == missed
    if missed:
        assert "`bench-nightly.yml` must run every 48 h" in fake.issues[0]["body"]


def test_a_schedule_that_never_ran_counts_from_when_it_was_made(bench: Bench, fake: FakeGitHub) -> None:
    """A new workflow is given its time; this one is old."""
    bench(*WATCHED)
    assert "its last run started at 2025-01-01 00:00 UTC" in fake.issues[0]["body"]


def test_an_issue_whose_answer_is_lost_is_opened_once(bench: Bench, fake: FakeGitHub) -> None:
    """It is looked for before it is opened again."""
    fake.faults = [Fault("POST", "/issues$", 502, applied=True)]
    assert bench(*WATCHED).code == Exit.PASS
    assert len(fake.issues) == 1


def test_issues_that_github_does_not_take_are_given_up(bench: Bench, fake: FakeGitHub) -> None:
    """With exit 6."""
    fake.faults = [Fault("POST", "/issues$", 502, times=9)]
    done = bench(*WATCHED)
    assert (done.code, "did not accept the issue" in done.err) == (Exit.PUBLISH, True)


@pytest.mark.parametrize("named", ["nightly", "nightly.yml", "nightly.yml=0", "../x.yml=48"])
def test_a_schedule_is_a_file_and_hours(bench: Bench, named: str) -> None:
    """Anything else is refused."""
    assert bench("ci", "issue", "schedule", named).code == Exit.USAGE


def test_a_matrix_of_what_looks_worse(bench: Bench) -> None:
    """Only what is suspect is measured again; no runs are no suspicion."""
    baselines.save(make_baseline())
    assert json.loads(bench("ci", "matrix", "pr", "--suspect", "runs").out) == {"include": []}
    results.save(run_at(1.0, 50), make_recording(), Path("runs"))
    assert bench("ci", "matrix", "pr", "--suspect", "runs").out == '{"include": []}\n'
    results.save(run_at(1.4, 51), make_recording(), Path("runs"))
    (cell,) = json.loads(bench("ci", "matrix", "pr", "--suspect", "runs").out)["include"]
    assert cell["scenario"] == "quick"
