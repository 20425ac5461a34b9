import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.core.report.not_measured import explain_failure
from bench.core.run.job import JobOutcome, SuiteJob
from bench.errors import Exit
from bench.store import baselines, results
from tests.cli.test_github_command import pack
from tests.command import Bench
from tests.factories import make_baseline, make_recording, run_at
from tests.publish.fake_github import FakeGitHub, Fault, serving

ROOT = Path(__file__).parents[2]
SHA = "a" * 40


@pytest.fixture(autouse=True)
def _suites(bench: Bench) -> None:  # noqa: ARG001 - moves to the folder before
    Path("scenarios").mkdir(exist_ok=True)
    nightly = "nightly: [quick, chat-stream, timeout, agent-quick, conversation, cancel, spike]"
    Path("scenarios/suites.yaml").write_text(f"pr: [quick, chat-stream, timeout]\n{nightly}\n")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    """Serve a GitHub with a pull request of a fork, in the environment of the job that publishes."""
    github = FakeGitHub()
    github.add_pull(7, SHA, "stranger/name")
    github.add_run(41, SHA, "stranger/name")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"action": "completed", "workflow_run": github.runs[0]}))
    with serving(github) as served:
        for name, value in {
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_RUN_ID": "43",
            "GITHUB_API_URL": served.url,
            "GITHUB_TOKEN": secrets.token_hex(20),
        }.items():
            monkeypatch.setenv(name, value)
        yield served


def change_run(github: FakeGitHub, action: str = "completed", **fields: Any) -> None:
    """Change the workflow run that measured, in the event of the job too."""
    github.runs[0] |= fields
    event = {"action": action, "workflow_run": github.runs[0]}
    Path(os.environ["GITHUB_EVENT_PATH"]).write_text(json.dumps(event))


def add_branches(github: FakeGitHub) -> None:
    """Add the default branch and that of the pull request."""
    for branch, sha in (("main", "d" * 40), ("feature", SHA)):
        github.git.add_branch(branch, sha)


def store(factor: float) -> str:
    """Store a run and return its folder."""
    baselines.save(make_baseline())
    return str(results.save(run_at(factor, 50), make_recording(), Path("results")))


def test_the_pull_request_gets_a_comment_and_a_check(bench: Bench, fake: FakeGitHub) -> None:
    """A repetition changes neither comment nor check, and the token is printed nowhere."""
    run = store(1.4)
    done = bench("ci", "publish", run)
    assert done.code == Exit.PASS
    assert "owner/name#7 has the comment" in done.err
    (comment,) = fake.comments[7]
    marker, stamp, headline = comment["body"].split("\n")[:3]
    assert (marker, stamp) == ("<!-- bench:pr -->", "<!-- attempt:1767225600.41.1 -->")
    assert headline.startswith("### 🔴 Worse in quick (1 of 3 scenarios): responses are")
    assert "https://github.com/owner/name/actions/runs/41" in comment["body"]
    assert [each["conclusion"] for each in fake.checks] == ["failure"]
    again = bench("ci", "publish", run, "--no-check")
    assert "owner/name#7 has the same comment already" in again.err
    assert len(fake.comments[7]) == len(fake.checks) == 1
    assert os.environ["GITHUB_TOKEN"] not in f"{done} {again} {comment}"


def test_the_runs_come_from_the_artifacts_of_the_workflow_run(bench: Bench, fake: FakeGitHub) -> None:
    """The number names the workflow run; its title has the suite that a maintainer named."""
    result = Path(store(1.4)) / "result.json"
    fake.add_artifact(41, "bench-nightly-quick", pack(**{"run-1/result.json": result.read_text()}))
    change_run(fake, event="workflow_dispatch", display_title="bench nightly")
    assert bench("ci", "publish", "--from-run", "41").code == Exit.PASS
    (comment,) = fake.comments[7]
    assert comment["body"].startswith("<!-- bench:nightly -->\n")
    assert f"\n/bench baseline accept {SHA} <reason>\n" in comment["body"]
    assert [each["name"] for each in fake.checks] == ["bench nightly"]


@pytest.mark.parametrize("size", [0, 1])
def test_the_download_of_a_large_archive_is_aborted(
    bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """The limit counts received bytes, and an archive of exactly that size is read."""
    fake.add_artifact(41, "bench-pr-quick", b"x" * (1000 + size))
    monkeypatch.setattr("bench.publish.runs._MOST_BYTES", 1000)
    done = bench("ci", "publish", "--from-run", "41")
    assert ("is larger than 0 MB" if size else "cannot be unpacked") in done.err


def test_an_archive_is_downloaded_only_over_https(bench: Bench, fake: FakeGitHub) -> None:
    """An unencrypted address and a missing address are refused."""
    fake.add_artifact(41, "bench-pr-quick", b"x")
    fake.faults = [Fault("GET", "/zip$", 302, {"Location": "http://example.org/x"})]
    assert "is not https" in bench("ci", "publish", "--from-run", "41").err
    fake.faults = [Fault("GET", "/zip$", 200)]
    assert "does not name the address" in bench("ci", "publish", "--from-run", "41").err


def test_every_pull_request_of_the_commit_gets_the_comment(bench: Bench, fake: FakeGitHub) -> None:
    """A branch may have pull requests to several other branches."""
    fake.add_pull(8, SHA, "stranger/name")
    done = bench("ci", "publish", store(1.4))
    assert ("#7 has the comment" in done.err, "#8 has the comment" in done.err) == (True, True)
    assert [len(fake.comments[number]) for number in (7, 8)] == [1, 1]


def test_a_dry_run_needs_no_token(bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comment is printed, and GitHub gets no request."""
    monkeypatch.delenv("GITHUB_TOKEN")
    done = bench("ci", "publish", store(1.0), "--dry-run", "--suite", "nightly")
    assert done.out.startswith(
        "<!-- bench:nightly -->\n### ⚫ Not measured: 6 of 7 scenarios, first agent-quick: "
    )
    assert "**quick**: not measured" not in done.out
    assert fake.requests == []


def test_a_missing_token_is_an_error(bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable, with exit 6."""
    monkeypatch.delenv("GITHUB_TOKEN")
    done = bench("ci", "publish", store(1.0))
    assert (done.code, fake.requests) == (Exit.PUBLISH, [])
    assert "GITHUB_TOKEN is not set" in done.err


def test_a_rate_limit_exits_with_6_and_the_time_of_its_end(bench: Bench, fake: FakeGitHub) -> None:
    """The command does not wait for an hour; the error has the request, the time and the next step."""
    value = {"message": "API rate limit exceeded for installation"}
    fake.faults = [Fault("POST", "/comments", 403, {"Retry-After": "3600"}, value=value)]
    done = bench("ci", "publish", store(1.0))
    assert done.code == Exit.PUBLISH
    assert "GitHub's rate limit refused POST /repos/owner/name/issues/7/comments with 403 until " in done.err
    assert "publish again after that time" in done.err
    assert not fake.comments


def test_a_renamed_repository_is_no_fork_of_itself(bench: Bench, fake: FakeGitHub) -> None:
    """The job knows the old name, and GitHub answers with the new one."""
    event = Path(os.environ["GITHUB_EVENT_PATH"])
    fake.pulls[0]["head"]["repo"]["full_name"] = "owner/new"
    content = json.loads(event.read_text())
    content["workflow_run"]["head_repository"]["full_name"] = "owner/name"
    event.write_text(json.dumps(content))
    fake.new_name = "owner/new"
    add_branches(fake)
    done = bench("ci", "publish", store(1.4))
    assert done.code == Exit.PASS, done.err
    assert len(fake.comments[7]) == len(fake.checks) == 1


@pytest.mark.parametrize("token", ["to\nken", "tökén", "a\tb"])
def test_a_token_with_impossible_characters_is_an_error(
    bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """No request is sent, and the token is not printed."""
    monkeypatch.setenv("GITHUB_TOKEN", token)
    done = bench("ci", "publish", store(1.0))
    assert (done.code, fake.requests) == (Exit.PUBLISH, [])
    assert "GITHUB_TOKEN has characters that no token has" in done.err
    assert token not in done.err


def test_blanks_around_the_token_are_ignored(
    bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with the token often ends with a line end."""
    monkeypatch.setenv("GITHUB_TOKEN", f"{secrets.token_hex(20)}\n")
    assert bench("ci", "publish", store(1.0)).code == Exit.PASS
    assert len(fake.comments[7]) == 1


def test_an_outdated_commit_gets_no_comment(bench: Bench, fake: FakeGitHub) -> None:
    """The newer commit gets its own comment; this one keeps its check. It is no error."""
    fake.pulls[0]["head"]["sha"] = "c" * 40
    done = bench("ci", "publish", store(1.0))
    assert done.code == Exit.PASS
    assert "notice: the branch has a newer commit than aaaaaaaaa" in done.err
    assert not fake.comments
    assert [each["conclusion"] for each in fake.checks] == ["failure"]


@pytest.mark.parametrize(
    ("merged_at", "state", "conclusion"),
    [("2026-01-01T00:00:00Z", "merged", "neutral"), (None, "closed", "failure")],
)
def test_the_job_of_a_pull_request_that_ended_before_its_verdict_is_not_red(
    bench: Bench, fake: FakeGitHub, merged_at: str | None, state: str, conclusion: str
) -> None:
    """After a merge, the check is not red either. A closed pull request can be opened again."""
    fake.pulls[0] |= {"state": "closed", "merged_at": merged_at}
    done = bench("ci", "publish", store(1.4))
    assert done.code == Exit.PASS
    assert f"notice: pull request #7 was {state} before the verdict" in done.err
    (check,) = fake.checks
    assert check["conclusion"] == conclusion
    assert check["output"]["title"].startswith(f"The pull request was {state} before: ")
    assert not fake.comments


def test_a_manual_run_without_a_pull_request_has_a_check(bench: Bench, fake: FakeGitHub) -> None:
    """There is no comment, and no error."""
    fake.pulls.clear()
    change_run(fake, event="workflow_dispatch", head_repository={"full_name": "owner/name"})
    add_branches(fake)
    done = bench("ci", "publish", store(1.0))
    assert (done.code, len(fake.checks)) == (Exit.PASS, 1)
    assert "notice: no pull request has aaaaaaaaa as its newest commit" in done.err


def test_a_merge_queue_has_a_check_and_no_comment(bench: Bench, fake: FakeGitHub) -> None:
    """The queue waits for the check at its own commit; pull requests are not searched."""
    change_run(fake, event="merge_group", head_branch="gh-readonly-queue/main/pr-7-b")
    done = bench("ci", "publish", store(1.0))
    assert (done.code, len(fake.checks), fake.comments) == (Exit.PASS, 1, {})
    assert not [path for _, path in fake.requests if path.endswith("/pulls")]


@pytest.mark.parametrize("word", ["cancelled", "timed_out", "action_required", "neutral"])
def test_a_run_without_a_verdict_concludes_its_check_with_its_word(
    bench: Bench, fake: FakeGitHub, word: str
) -> None:
    """The check that was in progress is concluded; the job is green, and its notice has the reason."""
    change_run(fake, "in_progress", status="in_progress", conclusion=None)
    assert "bench pr is in progress at aaaaaaaaa" in bench("ci", "publish").err
    change_run(fake, conclusion=word)
    done = bench("ci", "publish")
    assert (done.code, fake.comments) == (Exit.PASS, {})
    assert [check["conclusion"] for check in fake.checks] == [word]
    assert f"notice: {fake.checks[0]['output']['title']}" in done.err


@pytest.mark.parametrize(("word", "conclusion"), [("startup_failure", "failure"), ("stale", "cancelled")])
def test_a_word_that_no_program_may_write_blocks_too(
    bench: Bench, fake: FakeGitHub, word: str, conclusion: str
) -> None:
    """GitHub refuses these two conclusions from a program."""
    change_run(fake, conclusion=word)
    assert bench("ci", "publish").code == Exit.PASS
    assert [check["conclusion"] for check in fake.checks] == [conclusion]


def test_a_run_of_another_event_publishes_nothing(
    bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comment starts the same workflow file. In Actions the notice is an annotation."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    change_run(fake, event="issue_comment", conclusion="skipped")
    done = bench("ci", "publish")
    assert (done.code, fake.requests) == (Exit.PASS, [])
    assert done.err.startswith("::notice title=bench::a workflow run of the event issue_comment")


def test_an_older_attempt_never_replaces_a_newer_one(bench: Bench, fake: FakeGitHub) -> None:
    """It ends later: neither its check nor its comment is published. The next attempt replaces both."""
    change_run(fake, run_attempt=2, run_started_at="2026-01-01T02:00:00Z")
    bench("ci", "publish", store(1.0))
    newest = fake.comments[7][0]["body"]
    change_run(fake, run_attempt=1, run_started_at="2026-01-01T01:00:00Z")
    late = bench("ci", "publish", store(1.4))
    assert (late.code, "a newer measurement of the commit is published" in late.err) == (Exit.PASS, True)
    assert (len(fake.checks), fake.comments[7][0]["body"]) == (1, newest)
    assert "has the same comment" in bench("ci", "publish", store(1.4), "--no-check").err
    change_run(fake, run_attempt=3, run_started_at="2026-01-01T03:00:00Z")
    bench("ci", "publish", store(1.4))
    assert len(fake.checks) == 2
    assert fake.comments[7][0]["body"] != newest


def test_the_newest_attempt_of_the_artifacts_counts(bench: Bench, fake: FakeGitHub) -> None:
    """GitHub keeps the artifacts of all attempts of a workflow run."""
    for attempt, factor in ((2, 1.0), (10, 1.4), (1, 1.0)):
        result = (Path(store(factor)) / "result.json").read_text()
        fake.add_artifact(41, f"bench-one-{attempt}", pack(**{"run-1/result.json": result}))
    Path("scenarios").mkdir(exist_ok=True)
    Path("scenarios/suites.yaml").write_text("one: [quick]\n")
    bench("ci", "publish", "--suite", "one")
    assert [check["conclusion"] for check in fake.checks] == ["failure"]
    assert "+40 %" in fake.comments[7][0]["body"]


@pytest.mark.parametrize(("word", "conclusion"), [("failure", "failure"), ("success", "success")])
def test_the_results_of_an_older_attempt_do_not_stand_in_for_missing_ones(
    bench: Bench, fake: FakeGitHub, word: str, conclusion: str
) -> None:
    """A re-run that stored nothing is not measured; the results of a job that it did not repeat count."""
    Path("scenarios/suites.yaml").write_text("pr: [quick]\n")
    result = (Path(store(1.0)) / "result.json").read_text()
    fake.add_artifact(41, "bench-pr-1", pack(**{"run-1/result.json": result}))
    change_run(fake, run_attempt=2, conclusion=word)
    assert bench("ci", "publish").code == Exit.PASS
    assert [check["conclusion"] for check in fake.checks] == [conclusion]
    title = fake.checks[0]["output"]["title"]
    reason = (
        "Not measured: quick: attempt 2 of the workflow run stored no result; the log of its job shows why."
    )
    assert (title == reason) is (word == "failure")


SKIPPED = SuiteJob(suite="smoke", outcome=JobOutcome.SKIPPED, reason="Skipped: the label <b>x</b> is set.")


def skip_job(github: FakeGitHub) -> None:
    """Let the job of the workflow run skip its measurement."""
    github.add_artifact(41, "bench-smoke-1", pack(**{"job.json": SKIPPED.model_dump_json()}))
    Path("scenarios").mkdir(exist_ok=True)
    Path("scenarios/suites.yaml").write_text("smoke: {scenarios: [quick], paths: ['src/**']}\n")


@pytest.mark.parametrize(
    "confirmed",
    [
        {"labels": [{"name": "bench:skip"}]},
        {"draft": True},
        {"changed": ["docs/index.md"]},
    ],
)
def test_a_skipped_job_skips_its_check_with_the_reason(
    bench: Bench, fake: FakeGitHub, confirmed: dict[str, Any]
) -> None:
    """A label, a draft or a filter of paths: the required check reports, and the reason is only text."""
    skip_job(fake)
    fake.pulls[0] |= confirmed
    change_run(fake, head_repository=fake.pulls[0]["head"]["repo"])
    done = bench("ci", "publish")
    assert (done.code, fake.comments) == (Exit.PASS, {})
    (check,) = fake.checks
    assert (check["name"], check["conclusion"]) == ("bench smoke", "skipped")
    assert check["output"]["title"] == SKIPPED.reason
    assert "<b>" not in check["output"]["summary"]


@pytest.mark.parametrize("change", ["a fork", "closed meanwhile", "a branch", "too many files"])
def test_a_pull_request_cannot_skip_its_own_measurement(
    bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Its job runs its own code; GitHub knows the label, the draft and the changed files."""
    skip_job(fake)
    if change == "closed meanwhile":
        fake.pulls[0]["state"] = "closed"
    elif change == "too many files":  # GitHub lists only a part of them
        monkeypatch.setattr("bench.publish.github._MOST_FILES", 1)
        fake.pulls[0]["changed"] = ["docs/index.md"]
    elif change == "a branch":
        fake.pulls[0]["head"] = {"sha": SHA, "ref": "feature", "repo": {"full_name": "owner/name"}}
        change_run(fake, head_repository={"full_name": "owner/name"})
    bench("ci", "publish")
    (check,) = fake.checks
    assert (check["name"], check["conclusion"]) == ("bench smoke", "failure")
    assert "no label, draft or path that explains it" in check["output"]["title"]


@pytest.mark.parametrize("conclusion", ["success", "failure"])
def test_a_run_whose_jobs_are_skipped_keeps_the_verdict(
    bench: Bench, fake: FakeGitHub, conclusion: str
) -> None:
    """Another label starts such a run: it must not turn a red check into one that GitHub accepts."""
    Path("scenarios").mkdir(exist_ok=True)
    Path("scenarios/suites.yaml").write_text("pr: [quick]\n")
    bench("ci", "publish", store(1.4 if conclusion == "failure" else 1.0))
    change_run(fake, conclusion="skipped", id=42, run_started_at="2026-01-01T09:00:00Z")
    assert bench("ci", "publish").code == Exit.PASS
    assert [check["conclusion"] for check in fake.checks] == [conclusion]
    title = fake.checks[0]["output"]["title"]
    change_run(fake, "in_progress", status="in_progress", conclusion=None)
    bench("ci", "publish")
    change_run(fake, conclusion="skipped")
    bench("ci", "publish")
    assert [check["conclusion"] for check in fake.checks] == [conclusion] * 2
    assert fake.checks[1]["output"]["title"] == title


@pytest.mark.parametrize(("draft", "conclusion"), [(True, "skipped"), (False, "failure")])
def test_a_run_whose_jobs_are_skipped_needs_a_reason_without_a_verdict(
    bench: Bench, fake: FakeGitHub, draft: bool, conclusion: str
) -> None:
    """A fork can change its workflow so that no job runs; the check in progress must not become green."""
    fake.pulls[0]["draft"] = draft
    change_run(fake, "requested", status="queued", conclusion=None)
    bench("ci", "publish")
    change_run(fake, conclusion="skipped")
    assert bench("ci", "publish").code == Exit.PASS
    assert [check["conclusion"] for check in fake.checks] == [conclusion]


def test_a_label_does_not_end_a_measurement(bench: Bench, fake: FakeGitHub) -> None:
    """Its run begins and ends while another one measures, whose verdict still becomes the check."""
    change_run(fake, "requested", status="queued", conclusion=None)
    bench("ci", "publish")
    change_run(fake, "requested", id=42, run_started_at="2026-01-01T09:00:00Z")
    bench("ci", "publish")
    change_run(fake, conclusion="skipped")
    bench("ci", "publish")
    assert [check["status"] for check in fake.checks] == ["in_progress"]
    change_run(fake, id=41, run_started_at="2026-01-01T00:00:00Z", status="completed", conclusion="failure")
    bench("ci", "publish", store(1.4))
    assert [check["conclusion"] for check in fake.checks] == ["failure"]


def test_the_artifacts_of_a_suite_with_a_longer_name_are_not_read(bench: Bench, fake: FakeGitHub) -> None:
    """`pr` and `pr-long` in the same workflow run have results of their own."""
    Path("scenarios/suites.yaml").write_text("pr: [quick]\npr-long: [quick]\n")
    for name, factor in (("bench-pr-1", 1.4), ("bench-pr-long-1", 1.0)):
        result = (Path(store(factor)) / "result.json").read_text()
        fake.add_artifact(41, name, pack(**{"run-1/result.json": result}))
    for suite, conclusion in (("pr", "failure"), ("pr-long", "success")):
        bench("ci", "publish", "--suite", suite)
        assert (fake.checks[-1]["name"], fake.checks[-1]["conclusion"]) == (f"bench {suite}", conclusion)


def test_a_skipped_run_creates_no_check(bench: Bench, fake: FakeGitHub) -> None:
    """GitHub accepts `skipped`, so a missing check must stay missing."""
    change_run(fake, conclusion="skipped")
    done = bench("ci", "publish")
    assert (done.code, fake.checks, "notice: Skipped: " in done.err) == (Exit.PASS, [], True)


@pytest.mark.parametrize("named", [True, False])
def test_a_cancelled_job_cancels_its_check(bench: Bench, fake: FakeGitHub, named: bool) -> None:
    """The publishing job of the same workflow run knows it from GitHub, or from the file of the job."""
    change_run(fake, status="in_progress", conclusion=None)
    if not named:
        job = SuiteJob(suite="pr", outcome=JobOutcome.CANCELLED, reason="Cancelled: 1 of 7 have a result.")
        result = (Path(store(1.4)) / "result.json").read_text()
        files = {"job.json": job.model_dump_json(), "run-1/result.json": result}
        fake.add_artifact(41, "bench-pr-1", pack(**files))
    done = bench("ci", "publish", *(["--ended", "cancelled"] if named else []))
    assert (done.code, fake.comments) == (Exit.PASS, {})
    assert [check["conclusion"] for check in fake.checks] == ["cancelled"]
    assert fake.checks[0]["output"]["title"].startswith("Cancelled: ")


def test_the_job_of_the_measuring_run_publishes(
    bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second job of the same workflow run: the event has the number of the pull request."""
    fake.pulls[0]["head"]["repo"] = {"full_name": "owner/name"}
    monkeypatch.setenv("GITHUB_RUN_ID", "41")
    event = {"action": "opened", "pull_request": {"number": 7}, "repository": {"default_branch": "main"}}
    Path(os.environ["GITHUB_EVENT_PATH"]).write_text(json.dumps(event))
    fake.runs[0] |= {"status": "in_progress", "conclusion": None}
    run = store(1.0)
    forked = bench("ci", "publish", run)
    assert (forked.code, fake.checks) == (Exit.PASS, [])
    assert "the token of a pull request from a fork can only read" in forked.err
    fake.runs[0] |= {"head_repository": {"full_name": "owner/name"}}
    add_branches(fake)
    fake.requests.clear()
    assert "owner/name#7 has the comment" in bench("ci", "publish", run).err
    assert len(fake.checks) == 1
    assert len(fake.requests) <= 10


def test_the_name_of_a_suite_is_checked(bench: Bench, fake: FakeGitHub) -> None:
    """A name that would end the comment marker is refused before any request."""
    done = bench("ci", "publish", store(1.0), "--suite", "--> x")
    assert done.code == Exit.USAGE
    assert "suite" in done.err
    assert fake.requests == []


@pytest.mark.parametrize("kind", ["link", "large", "traversal", "not-finite"])
def test_a_hostile_run_is_refused(bench: Bench, fake: FakeGitHub, kind: str) -> None:
    """Links, 200 MB, paths to other folders and infinite numbers: each has its message."""
    run = Path(store(1.0))
    file = run / "result.json"
    content = json.loads(file.read_text())
    said = {"link": "is a link", "large": "MB; at most 20 MB are allowed"}
    if kind == "link":
        file.rename(run / "other.json")
        file.symlink_to(run / "other.json")
    elif kind == "large":
        os.truncate(file, 200_000_000)
    elif kind == "traversal":
        content["fingerprint"]["stack"] = "../../etc"
        file.write_text(json.dumps(content))
    else:
        content["summary"]["elapsed_s"] = float("nan")
        file.write_text(json.dumps(content))
    done = bench("ci", "publish", str(run))
    reason = said.get(kind, "result.json is not a result")
    assert (done.code, reason in done.err) == (Exit.MEASUREMENT, True)
    (check,) = fake.checks
    assert (check["conclusion"], reason in check["output"]["summary"]) == ("failure", True)


def test_the_comment_belongs_to_the_login_of_the_token(bench: Bench, fake: FakeGitHub) -> None:
    """The second run updates the comment and creates no other."""
    fake.login = fake.author = "octocat"
    bench("ci", "publish", store(1.4))
    assert "octocat" not in bench("ci", "publish", store(1.0)).err
    assert len(fake.comments[7]) == 1


def test_the_check_has_the_text_of_the_comment(bench: Bench, fake: FakeGitHub) -> None:
    """Its summary is the comment with escaped foreign text, and the scenario has an annotation."""
    run = Path(store(1.0))
    content = json.loads((run / "result.json").read_text())
    content["validity"] = {"valid": False, "reasons": ["<img src=x> @everyone"]}
    (run / "result.json").write_text(json.dumps(content))
    bench("ci", "publish", str(run))
    (check,) = fake.checks
    assert check["conclusion"] == "failure"
    assert check["output"]["summary"] == fake.comments[7][0]["body"]
    assert "\\<img src=x\\>" in check["output"]["summary"]
    assert "@everyone" not in check["output"]["summary"]
    levels = [(each["path"], each["annotation_level"]) for each in check["output"]["annotations"]]
    assert levels[0] == ("scenarios/quick.yaml", "failure")


def test_a_check_is_in_progress_until_the_verdict(bench: Bench, fake: FakeGitHub) -> None:
    """The start of the workflow run creates it, and the end concludes it."""
    change_run(fake, "requested", status="queued", conclusion=None)
    assert "bench pr is in progress at aaaaaaaaa" in bench("ci", "publish").err
    change_run(fake, status="completed", conclusion="failure")
    bench("ci", "publish", store(1.4))
    assert [each["conclusion"] for each in fake.checks] == ["failure"]


def test_a_workflow_run_without_results_is_a_failure_with_the_reason(bench: Bench, fake: FakeGitHub) -> None:
    """The comment and the check name the error of the stack and the end of its log, and every scenario."""
    failure = explain_failure("quick", "service 'agent' did not start: refused; the end of its log:\n  Boom")
    packed = pack(**{"not-measured-quick/failure.json": failure.model_dump_json()})
    fake.add_artifact(41, "bench-pr-quick", packed)
    assert bench("ci", "publish", "--from-run", "41").code == Exit.PASS
    (comment,) = fake.comments[7]
    assert "**quick**: not measured | **–** | service 'agent' did not start: refused |" in comment["body"]  # noqa: RUF001 - the dash
    assert "\nBoom\n```" in comment["body"]
    (check,) = fake.checks
    assert check["conclusion"] == "failure"
    assert check["output"]["title"].startswith("Not measured: 3 of 3 scenarios, first quick: service 'agent'")
    assert len(check["output"]["annotations"]) > 1


def test_a_workflow_run_without_artifacts_is_a_failure(bench: Bench, fake: FakeGitHub) -> None:
    """No scenario was measured, so the check is red."""
    assert bench("ci", "publish", "--from-run", "41").code == Exit.PASS
    assert [each["conclusion"] for each in fake.checks] == ["failure"]
    assert "it has no result; the log of its job shows the reason" in fake.comments[7][0]["body"]


def test_a_large_reason_is_refused(bench: Bench, fake: FakeGitHub) -> None:
    """A failed run is untrusted input: a large file is not read."""
    fake.add_artifact(41, "bench-pr-quick", pack(**{"not-measured-x/failure.json": " " * 200_000}))
    assert "has more than 100 kB" in bench("ci", "publish", "--from-run", "41").err


def test_strict_turns_an_inconclusive_check_red(bench: Bench, fake: FakeGitHub) -> None:
    """Without --strict it is neutral; "cannot tell" stays the title."""
    run = str(results.save(run_at(1.0, 50), make_recording(), Path("results")))
    Path("scenarios").mkdir(exist_ok=True)
    Path("scenarios/suites.yaml").write_text("one: [quick]\n")
    for options, conclusion in (((), "neutral"), (("--strict",), "failure")):
        bench("ci", "publish", run, "--suite", "one", *options)
        assert fake.checks[-1]["conclusion"] == conclusion
        assert fake.checks[-1]["output"]["title"].startswith("Cannot tell")


@pytest.mark.parametrize("merged", [True, False])
def test_a_job_with_the_files_of_a_fork_does_not_publish(
    bench: Bench, fake: FakeGitHub, merged: bool
) -> None:
    """If the fork's commit, or GitHub's merge of it, is checked out, the token is not used."""

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=Tess", "-c", "user.email=tess@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *who, *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    run = store(1.0)
    git("init", "--quiet", "--initial-branch=main")
    git("commit", "--quiet", "--allow-empty", "--message=first")
    git("checkout", "--quiet", "-b", "theirs")
    git("commit", "--quiet", "--allow-empty", "--message=theirs")
    head = git("rev-parse", "HEAD")
    if merged:
        git("checkout", "--quiet", "main")
        git("merge", "--quiet", "--no-ff", "--message=merge", "theirs")
    change_run(fake, head_sha=head)
    fake.git.add_branch("main", "d" * 40)
    fake.git.add_branch("theirs", head)
    done = bench("ci", "publish", run)
    assert (done.code, fake.checks, fake.comments) == (Exit.PUBLISH, [], {})
    assert f"this job has the files of the measured commit {head[:9]} and a token" in done.err
    assert "hint: check out the default branch" in done.err
    fake.git.branches["main"] = head
    assert bench("ci", "publish", run).code == Exit.PASS, "it was merged meanwhile"


@pytest.mark.parametrize("logins", [("octocat",), ("tess", "sam"), ("tess", "sam", "tess", "kim", "ann")])
def test_the_comment_names_who_changed_the_tier(
    bench: Bench, fake: FakeGitHub, logins: tuple[str, ...]
) -> None:
    """The stack of the default branch declares the files; too many commits of several people name no one."""
    Path("scenarios/stacks").mkdir()
    shipped = (Path(__file__).parents[2] / "scenarios/stacks/embedded.yaml").read_text(encoding="utf-8")
    files = "files: {decode: [model/], agent: [agent/]}\n"
    Path("scenarios/stacks/embedded.yaml").write_text(shipped + files, encoding="utf-8")
    fake.git.add_branch("main", "d" * 40, {"README": "first"})
    fake.git.branches["feature"] = "d" * 40
    for number, login in enumerate(logins):
        place = "model/decode.py" if number % 2 == 0 else "agent/agent.py"
        fake.git.push("feature", {place: str(number)}, f"change {number}", login=login)
    fake.git.commits[SHA] = fake.git.commits[fake.git.branches["feature"]]
    assert bench("ci", "publish", store(1.4)).code == Exit.PASS
    (comment,) = fake.comments[7]
    named = f"`decode` was changed here by [{logins[0]}](https://github.com/{logins[0]})"
    assert (named in comment["body"]) == (len(logins) < 5)
    assert "`agent` was changed" not in comment["body"]
    assert f"@{logins[0]}" not in comment["body"]


def test_the_comment_names_limits_that_the_pull_request_changed(bench: Bench, fake: FakeGitHub) -> None:
    """It may change them, and its reviewer sees it."""
    run = Path(store(1.0))
    content = json.loads((run / "result.json").read_text())
    own = {"threshold": "rate>0.95", "abort_on_fail": True, "delay_abort_eval": 10.0}
    content["scenario"]["thresholds"]["success_ratio"] = [own]
    (run / "result.json").write_text(json.dumps(content))
    bench("ci", "publish", str(run))
    assert "differ from those of the default branch" not in fake.comments[7][0]["body"]
    content["scenario"]["tolerances"] = {"e2e_ms": "90%"}
    (run / "result.json").write_text(json.dumps(content))
    bench("ci", "publish", str(run))
    sentence = "quick was judged by tolerances that differ from those of the default branch"
    assert sentence in fake.comments[7][0]["body"]


@pytest.mark.skipif(not (shutil.which("jq") and shutil.which("curl")), reason="jq and curl are not installed")
def test_the_check_that_a_new_measurement_begins_gets_its_verdict(bench: Bench, fake: FakeGitHub) -> None:
    """The step of the workflow hides an earlier `skipped`, and the publisher concludes the same check."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "bench.yml").read_text(encoding="utf-8"))
    (step,) = [step for step in workflow["jobs"]["begin"]["steps"] if "run" in step]
    subprocess.run(["bash", "-euc", step["run"]], check=True, env=os.environ | {"SUITE": "pr", "HEAD": SHA})
    assert [(check["name"], check["status"]) for check in fake.checks] == [("bench pr", "in_progress")]
    bench("ci", "publish", store(1.4))
    assert [check["conclusion"] for check in fake.checks] == ["failure"]
