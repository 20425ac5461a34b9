"""The level that `/bench baseline accept` committed to a branch judges the pull request of that branch."""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.core.run.result import RunResult
from bench.core.verdict.baseline import Baseline, baseline_json
from bench.errors import Exit
from bench.store import baselines
from tests.cli.test_github_command import MAIN, QUICK, SHA, pack
from tests.command import Bench, Done
from tests.factories import make_baseline, run_at
from tests.publish.fake_github import FakeGitHub, serving
from tests.publish.test_command import comment_event

BOT = "github-actions[bot]"
MESSAGE = f"Accept the runs of {SHA[:9]}: longer answers\n\noctocat, in #7\n"
Judge = Callable[..., Done]


def pack_runs(*results: RunResult) -> bytes:
    """Return an artifact with these runs."""
    files = {f"run-{number}/result.json": run.model_dump_json() for number, run in enumerate(results)}
    return pack(**files)


@pytest.fixture
def fake(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:  # noqa: ARG001 - clears the environment before
    """Serve a GitHub with a pull request of a branch that is 40 % slower than its default branch."""
    github = FakeGitHub()
    github.add_pull(7, SHA, "owner/name")
    github.permissions = {"octocat": "write"}
    for branch, sha in (("feature", SHA), ("main", MAIN)):
        github.git.add_branch(branch, sha, {QUICK: baseline_json(make_baseline()), "README.md": "# x"})
    Path("scenarios").mkdir()
    Path("scenarios/suites.yaml").write_text("pr: [quick]\n")
    baselines.save(make_baseline())
    with serving(github) as served:
        for name, value in {
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_RUN_ID": "99",
            "GITHUB_WORKFLOW_REF": "owner/name/.github/workflows/bench.yml@refs/heads/main",
            "GITHUB_API_URL": served.url,
            "GITHUB_TOKEN": secrets.token_hex(20),
        }.items():
            monkeypatch.setenv(name, value)
        yield served


def write_event(content: str) -> None:
    """Write the event that starts the next job."""
    Path(os.environ["GITHUB_EVENT_PATH"]).write_text(content)


@pytest.fixture
def judge(bench: Bench, fake: FakeGitHub) -> Judge:
    """Return a function that measures the head of the pull request and publishes its check."""

    def judge_head(result: RunResult, repository: str = "owner/name") -> Done:
        head = fake.git.branches["feature"]
        fake.pulls[0]["head"] |= {"sha": head, "repo": {"full_name": repository}}
        number = 41 + len(fake.runs)
        fake.add_run(number, head, repository)
        fake.add_artifact(number, "bench-pr-quick", pack_runs(result))
        write_event(json.dumps({"action": "completed", "workflow_run": fake.runs[0]}))
        return bench("ci", "publish")

    return judge_head


def slower_baseline() -> str:
    """The file of a baseline that is 40 % slower."""
    return baseline_json(make_baseline([1.4] * 10))


def accept_slower(github: FakeGitHub, files: dict[str, str] | None = None, **fields: Any) -> str:
    """Add the accept commit of bench to the branch; its files and its fields by name."""
    commit: dict[str, Any] = {"message": MESSAGE, "login": BOT, "verified": True}
    return github.git.push("feature", {QUICK: slower_baseline()} | (files or {}), **commit | fields)


def conclusion(github: FakeGitHub) -> str:
    """Return the conclusion of the newest check."""
    return str(github.checks[-1]["conclusion"])


def test_the_accepted_level_judges_the_pull_request(fake: FakeGitHub, judge: Judge) -> None:
    """Before the accept commit the check is red; after it, and after a later commit, it is green."""
    judge(run_at(1.4, 50))
    assert conclusion(fake) == "failure"
    accept_slower(fake)
    assert judge(run_at(1.4, 51)).code == Exit.PASS
    assert conclusion(fake) == "success"
    fake.git.push("feature", {"README.md": "# y"}, "Describe it")
    judge(run_at(1.4, 52))
    assert conclusion(fake) == "success"


@pytest.mark.parametrize(
    ("files", "fields"),
    [
        ({}, {"login": "octocat"}),
        ({}, {"login": None}),
        ({}, {"verified": False}),
        ({}, {"message": "Accept the runs of bbbbbbbbb: x"}),
        ({}, {"message": "Speed it up"}),
        ({"README.md": "# y"}, {}),
        ({"baselines/embedded/simulated/quick.py": "x"}, {}),
    ],
)
def test_other_commits_do_not_change_the_baseline(
    fake: FakeGitHub, judge: Judge, files: dict[str, str], fields: dict[str, Any]
) -> None:
    """Author, signature, parent and paths prove an accept commit; other files of the branch are not read."""
    accept_slower(fake, files, **fields)
    judge(run_at(1.4, 51))
    assert conclusion(fake) == "failure"


def test_a_later_change_of_the_file_is_not_trusted(fake: FakeGitHub, judge: Judge) -> None:
    """The accept commit must have written the file last."""
    accept_slower(fake)
    fake.git.push("feature", {QUICK: baseline_json(make_baseline([2.0] * 10))}, "Edit the baseline")
    judge(run_at(1.4, 51))
    assert conclusion(fake) == "failure"


def test_a_merged_accept_commit_does_not_replace_newer_baselines(fake: FakeGitHub, judge: Judge) -> None:
    """The default branch contains it, so the files of the default branch are at least as new."""
    fake.git.branches["main"] = accept_slower(fake)
    judge(run_at(1.4, 51))
    assert conclusion(fake) == "failure"


def test_files_of_a_fork_are_not_read(fake: FakeGitHub, judge: Judge) -> None:
    """Its baseline is accepted in a separate pull request."""
    accept_slower(fake)
    judge(run_at(1.4, 51), "stranger/name")
    assert conclusion(fake) == "failure"
    assert not [path for _, path in fake.requests if "/contents/" in path]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "quick.json is not complete JSON"),
        ('{"schema_version": 1}', "quick.json has schema version 1"),
        (slower_baseline().replace('"scenario": "quick"', '"scenario": "spike"'), "has the baseline"),
        (f'{{"reason": "{"x" * 5_000_000}"}}', "has 5 MB, a baseline has at most 5 MB"),
    ],
)
def test_an_unusable_accepted_file_is_an_error(fake: FakeGitHub, judge: Judge, text: str, said: str) -> None:
    """It is read as data: with a limit, a schema and its own place; and the check does not become green."""
    accept_slower(fake, {QUICK: text})
    done = judge(run_at(1.0, 51))
    assert done.code not in {Exit.PASS, Exit.BUG}
    assert said in done.err
    assert conclusion(fake) == "failure"


def test_a_maintainers_command_turns_the_check_green(bench: Bench, fake: FakeGitHub, judge: Judge) -> None:
    """The whole path: red, accept, the effect in the reply, and green at the commit that accepts it."""
    judge(run_at(1.4, 50))
    assert conclusion(fake) == "failure"
    write_event(comment_event(f"/bench baseline accept {SHA} longer answers"))
    assert bench("ci", "command").code == Exit.PASS
    reply = fake.comments[7][-1]["body"]
    assert "quick (embedded, simulated): new level after 'usual', 1 run" in reply
    assert "response time: new level" in reply
    assert "5 are needed for drift" in reply
    after = Baseline.model_validate_json(fake.git.files("feature")[QUICK])
    assert [(level.reason, len(level.runs)) for level in after.levels] == [
        ("usual", 10),
        ("longer answers", 1),
    ]
    assert conclusion(fake) == "success"  # at the commit that accepts it, without a new measurement
    assert "is green" in reply
    judge(run_at(1.4, 51))
    assert conclusion(fake) == "success"
