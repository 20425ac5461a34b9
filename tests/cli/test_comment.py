import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.core.report.not_measured import explain_failure
from bench.errors import Exit
from bench.store import baselines, results
from tests.cli.test_github_command import pack
from tests.command import Bench
from tests.factories import make_baseline, make_recording, run_at
from tests.publish.fake_github import FakeGitHub, Fault, serving

SHA = "a" * 40


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    """Serve a GitHub with a pull request of a fork, in the environment of the job that publishes."""
    run = {
        "head_sha": SHA,
        "html_url": "https://github.com/owner/name/actions/runs/41",
        "head_repository": {"full_name": "stranger/name"},
    }
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"workflow_run": run}))
    github = FakeGitHub()
    github.add_pull(7, SHA, "stranger/name")
    with serving(github) as served:
        for name, value in {
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_EVENT_NAME": "workflow_run",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_SHA": "b" * 40,
            "GITHUB_API_URL": served.url,
            "GITHUB_TOKEN": secrets.token_hex(20),
        }.items():
            monkeypatch.setenv(name, value)
        yield served


def store(factor: float) -> str:
    """Store a run and return its folder."""
    baselines.save(make_baseline())
    return str(results.save(run_at(factor, 50), make_recording(), Path("results")))


def test_the_pull_request_gets_a_comment_and_a_check(bench: Bench, fake: FakeGitHub) -> None:
    """A repetition changes neither comment nor check, and the token is printed nowhere."""
    run = store(1.4)
    done = bench("ci", "comment", run)
    assert done.code == Exit.PASS
    assert "owner/name#7 has the comment" in done.err
    (comment,) = fake.comments[7]
    assert comment["body"].startswith(
        "<!-- bench:pr -->\n### 🔴 Worse in quick (1 of 3 scenarios): responses are"
    )
    assert "https://github.com/owner/name/actions/runs/41" in comment["body"]
    assert [each["conclusion"] for each in fake.checks] == ["failure"]
    again = bench("ci", "comment", run, "--no-check")
    assert "owner/name#7 has the same comment already" in again.err
    assert len(fake.comments[7]) == len(fake.checks) == 1
    assert os.environ["GITHUB_TOKEN"] not in f"{done} {again} {comment}"


def test_the_runs_come_from_the_artifacts_of_the_workflow_run(bench: Bench, fake: FakeGitHub) -> None:
    """The number names the workflow run; its title has the suite that a maintainer named."""
    result = Path(store(1.4)) / "result.json"
    fake.add_artifact(41, "bench-nightly-quick", pack(**{"run-1/result.json": result.read_text()}))
    event = Path(os.environ["GITHUB_EVENT_PATH"])
    begun = {"event": "workflow_dispatch", "display_title": "bench nightly"}
    content = json.loads(event.read_text())
    event.write_text(json.dumps({"workflow_run": content["workflow_run"] | begun}))
    assert bench("ci", "comment", "--from-run", "41").code == Exit.PASS
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
    done = bench("ci", "comment", "--from-run", "41")
    assert ("is larger than 0 MB" if size else "cannot be unpacked") in done.err


def test_an_archive_is_downloaded_only_over_https(bench: Bench, fake: FakeGitHub) -> None:
    """An unencrypted address and a missing address are refused."""
    fake.add_artifact(41, "bench-pr-quick", b"x")
    fake.faults = [Fault("GET", "/zip$", 302, {"Location": "http://example.org/x"})]
    assert "is not https" in bench("ci", "comment", "--from-run", "41").err
    fake.faults = [Fault("GET", "/zip$", 200)]
    assert "does not name the address" in bench("ci", "comment", "--from-run", "41").err


def test_every_pull_request_of_the_commit_gets_the_comment(bench: Bench, fake: FakeGitHub) -> None:
    """A branch may have pull requests to several other branches."""
    fake.add_pull(8, SHA, "stranger/name")
    done = bench("ci", "comment", store(1.4))
    assert ("#7 has the comment" in done.err, "#8 has the comment" in done.err) == (True, True)
    assert [len(fake.comments[number]) for number in (7, 8)] == [1, 1]


def test_a_dry_run_needs_no_token(bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comment is printed, and GitHub gets no request."""
    monkeypatch.delenv("GITHUB_TOKEN")
    done = bench("ci", "comment", store(1.0), "--dry-run", "--suite", "nightly")
    assert done.out.startswith(
        "<!-- bench:nightly -->\n### 🔴 Not measured: 6 of 7 scenarios, first agent-quick: "
    )
    assert "**quick**: not measured" not in done.out
    assert fake.requests == []


def test_a_missing_token_is_an_error(bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable, with exit 6."""
    monkeypatch.delenv("GITHUB_TOKEN")
    done = bench("ci", "comment", store(1.0))
    assert (done.code, fake.requests) == (Exit.PUBLISH, [])
    assert "GITHUB_TOKEN is not set" in done.err


def test_a_rate_limit_exits_with_6_and_the_time_of_its_end(bench: Bench, fake: FakeGitHub) -> None:
    """The command does not wait for an hour; the error has the request, the time and the next step."""
    value = {"message": "API rate limit exceeded for installation"}
    fake.faults = [Fault("POST", "/comments", 403, {"Retry-After": "3600"}, value=value)]
    done = bench("ci", "comment", store(1.0))
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
    fake.git.add_branch("feature", SHA)
    done = bench("ci", "comment", store(1.4))
    assert done.code == Exit.PASS, done.err
    assert len(fake.comments[7]) == len(fake.checks) == 1


@pytest.mark.parametrize("token", ["to\nken", "tökén", "a\tb"])
def test_a_token_with_impossible_characters_is_an_error(
    bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """No request is sent, and the token is not printed."""
    monkeypatch.setenv("GITHUB_TOKEN", token)
    done = bench("ci", "comment", store(1.0))
    assert (done.code, fake.requests) == (Exit.PUBLISH, [])
    assert "GITHUB_TOKEN has characters that no token has" in done.err
    assert token not in done.err


def test_blanks_around_the_token_are_ignored(
    bench: Bench, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with the token often ends with a line end."""
    monkeypatch.setenv("GITHUB_TOKEN", f"{secrets.token_hex(20)}\n")
    assert bench("ci", "comment", store(1.0)).code == Exit.PASS
    assert len(fake.comments[7]) == 1


def test_an_outdated_commit_gets_no_comment(bench: Bench, fake: FakeGitHub) -> None:
    """A branch that has a newer commit gets no comment about the older one."""
    fake.pulls[0]["head"]["sha"] = "c" * 40
    done = bench("ci", "comment", store(1.0))
    assert done.code == Exit.PUBLISH
    assert "no open pull request of stranger/name has aaaaaaaaa as its head" in done.err
    assert not fake.comments


def test_the_name_of_a_suite_is_checked(bench: Bench, fake: FakeGitHub) -> None:
    """A name that would end the comment marker is refused before any request."""
    done = bench("ci", "comment", store(1.0), "--suite", "--> x")
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
    done = bench("ci", "comment", str(run))
    assert done.code == Exit.MEASUREMENT
    assert said.get(kind, "result.json is not a result") in done.err
    assert fake.requests == []


def test_the_comment_belongs_to_the_login_of_the_token(bench: Bench, fake: FakeGitHub) -> None:
    """The second run updates the comment and creates no other."""
    fake.login = fake.author = "octocat"
    bench("ci", "comment", store(1.4))
    assert "octocat" not in bench("ci", "comment", store(1.0)).err
    assert len(fake.comments[7]) == 1


def test_the_check_has_the_text_of_the_comment(bench: Bench, fake: FakeGitHub) -> None:
    """Its summary is the comment with escaped foreign text, and the scenario has an annotation."""
    run = Path(store(1.0))
    content = json.loads((run / "result.json").read_text())
    content["validity"] = {"valid": False, "reasons": ["<img src=x> @everyone"]}
    (run / "result.json").write_text(json.dumps(content))
    bench("ci", "comment", str(run))
    (check,) = fake.checks
    assert check["conclusion"] == "failure"
    assert check["output"]["summary"] == fake.comments[7][0]["body"]
    assert "\\<img src=x\\>" in check["output"]["summary"]
    assert "@everyone" not in check["output"]["summary"]
    levels = [(each["path"], each["annotation_level"]) for each in check["output"]["annotations"]]
    assert levels[0] == ("scenarios/quick.yaml", "failure")


def test_a_check_is_in_progress_until_the_verdict(bench: Bench, fake: FakeGitHub) -> None:
    """`start` creates it, the comment concludes it, and `finish` does not change it."""
    assert "bench pr is in progress at aaaaaaaaa" in bench("ci", "check", "start").err
    bench("ci", "comment", store(1.4))
    assert "bench pr was concluded before at aaaaaaaaa" in bench("ci", "check", "finish").err
    assert [each["conclusion"] for each in fake.checks] == ["failure"]


def test_a_check_without_a_verdict_is_concluded(bench: Bench, fake: FakeGitHub) -> None:
    """A cancelled workflow run leaves no check in progress, and its check is red."""
    bench("ci", "check", "start", "--suite", "nightly")
    done = bench("ci", "check", "finish", "--suite", "nightly")
    assert "bench nightly is concluded without a verdict" in done.err
    assert [each["conclusion"] for each in fake.checks] == ["failure"]
    assert fake.checks[0]["output"]["title"] == "Not measured: the workflow run ended without a verdict."


def test_a_workflow_run_without_results_is_a_failure_with_the_reason(bench: Bench, fake: FakeGitHub) -> None:
    """The comment and the check name the error of the stack and the end of its log, and every scenario."""
    failure = explain_failure("quick", "service 'agent' did not start: refused; the end of its log:\n  Boom")
    packed = pack(**{"not-measured-quick/failure.json": failure.model_dump_json()})
    fake.add_artifact(41, "bench-pr-quick", packed)
    assert bench("ci", "comment", "--from-run", "41").code == Exit.PASS
    (comment,) = fake.comments[7]
    assert "**quick**: not measured | **–** | service 'agent' did not start: refused |" in comment["body"]  # noqa: RUF001 - the dash
    assert "\nBoom\n```" in comment["body"]
    (check,) = fake.checks
    assert check["conclusion"] == "failure"
    assert check["output"]["title"].startswith("Not measured: 3 of 3 scenarios, first quick: service 'agent'")
    assert len(check["output"]["annotations"]) > 1


def test_a_workflow_run_without_artifacts_is_a_failure(bench: Bench, fake: FakeGitHub) -> None:
    """No scenario was measured, so the check is red."""
    assert bench("ci", "comment", "--from-run", "41").code == Exit.PASS
    assert [each["conclusion"] for each in fake.checks] == ["failure"]
    assert "it has no result; the log of its job shows the reason" in fake.comments[7][0]["body"]


def test_a_large_reason_is_refused(bench: Bench, fake: FakeGitHub) -> None:
    """A failed run is untrusted input: a large file is not read."""
    fake.add_artifact(41, "bench-pr-quick", pack(**{"not-measured-x/failure.json": " " * 200_000}))
    assert "has more than 100 kB" in bench("ci", "comment", "--from-run", "41").err


def test_strict_turns_an_inconclusive_check_red(bench: Bench, fake: FakeGitHub) -> None:
    """Without --strict it is neutral; "cannot tell" stays the title."""
    run = str(results.save(run_at(1.0, 50), make_recording(), Path("results")))
    Path("scenarios").mkdir()
    Path("scenarios/suites.yaml").write_text("one: [quick]\n")
    for options, conclusion in (((), "neutral"), (("--strict",), "failure")):
        bench("ci", "comment", run, "--suite", "one", *options)
        assert fake.checks[-1]["conclusion"] == conclusion
        assert fake.checks[-1]["output"]["title"].startswith("Cannot tell")


@pytest.mark.parametrize("merged", [True, False])
def test_a_job_with_the_files_of_a_fork_does_not_publish(
    bench: Bench, fake: FakeGitHub, tmp_path: Path, merged: bool
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
    event = tmp_path / "event.json"
    event.write_text(event.read_text().replace(SHA, head))
    done = bench("ci", "comment", run)
    assert (done.code, fake.requests) == (Exit.PUBLISH, [])
    assert "this job has the files of stranger/name and a token" in done.err
    assert "hint: publish from a workflow_run job" in done.err
