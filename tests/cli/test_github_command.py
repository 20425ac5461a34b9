import io
import json
import os
import secrets
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.core.run.result import RunResult
from bench.core.run.results_digest import results_digest
from bench.core.verdict.baseline import Baseline, baseline_json
from bench.errors import Exit
from tests.command import Bench
from tests.factories import make_baseline, run_at
from tests.publish.fake_github import FakeGitHub, Fault, serving
from tests.publish.test_command import comment_event

SHA, MAIN, OTHER = "a" * 40, "b" * 40, "c" * 40
QUICK = "baselines/embedded/simulated/quick.json"


def pack(**entries: str) -> bytes:
    """Return a zip pack with these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in entries.items():
            opened.writestr(name, text)
    return packed.getvalue()


def pack_run(factor: float = 1.4, **changes: Any) -> bytes:
    """Return the artifact of a run of `quick`, with changed fields."""
    content = run_at(factor, 50).model_dump(mode="json")
    for key, change in changes.items():
        content[key] |= change
    return pack(**{"run-1/result.json": json.dumps(content), "run-1/report.md": "# so"})


@pytest.fixture(autouse=True)
def _suites(bench: Bench) -> None:  # noqa: ARG001 - moves to the folder before
    Path("scenarios").mkdir()
    Path("scenarios/suites.yaml").write_text("pr: [quick, chat-stream, timeout]\nnightly: [quick]\n")


@pytest.fixture
def fake(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:  # noqa: ARG001 - clears the environment before
    """Serve a GitHub with a measured pull request and a person who may write."""
    github = FakeGitHub()
    github.add_pull(7, SHA, "owner/name")
    github.permissions = {"octocat": "write"}
    github.add_run(41, SHA, "owner/name")
    github.add_artifact(41, "bench-pr-quick", pack_run())
    for branch, sha in (("feature", SHA), ("main", MAIN)):
        github.git.add_branch(branch, sha, {QUICK: baseline_json(make_baseline()), "README.md": "# x"})
    with serving(github) as served:
        for name, value in {
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_EVENT_NAME": "issue_comment",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_WORKFLOW_REF": "owner/name/.github/workflows/bench.yml@refs/heads/main",
            "GITHUB_API_URL": served.url,
            "GITHUB_TOKEN": secrets.token_hex(20),
        }.items():
            monkeypatch.setenv(name, value)
        yield served


@pytest.fixture
def write(bench: Bench, tmp_path: Path) -> Any:
    """Return a function that writes a comment and runs the job that it starts."""

    def write_comment(body: str, **changes: Any) -> Any:
        (tmp_path / "event.json").write_text(comment_event(body, **changes))
        return bench("ci", "command")

    return write_comment


def move_to_fork(github: FakeGitHub) -> None:
    """Turn the pull request into one from a fork."""
    github.pulls[0]["head"]["repo"] = {"full_name": "stranger/name"}
    github.runs[0]["head_repository"] = {"full_name": "stranger/name"}
    del github.git.branches["feature"]


def check_refused(github: FakeGitHub, done: Any, said: str) -> None:
    """Check that the command was refused, with the reason in the log and in the reply."""
    assert done.code not in {Exit.PASS, Exit.BUG}
    assert said in done.err
    assert github.reactions == [(11, "eyes"), (11, "confused")]
    (answer,) = github.comments[7]
    assert answer["body"].startswith("<!-- bench:answer-11 -->\nbench did not execute the command: ")
    assert github.started_runs == []
    assert github.git.message("main") == "first"
    assert set(github.git.branches) <= {"main", "feature"}


def test_an_accepted_run_joins_the_baseline(fake: FakeGitHub, write: Any) -> None:
    """One commit on the branch has the reason and the person. It gets the check of the accepted runs."""
    Path("scenarios/suites.yaml").write_text("pr: [quick]\n")
    done = write(f"/bench baseline accept {SHA} the model is *another* one")
    assert done.code == Exit.PASS
    files = fake.git.files("feature")
    assert files["README.md"] == "# x"
    after = Baseline.model_validate_json(files[QUICK])
    assert len(after.runs) == len(make_baseline().runs) + 1
    (new,) = [each for each in after.runs if each.reason.startswith("the model")]
    assert (new.reason, new.accepted_by) == ("the model is *another* one", "octocat")
    assert fake.git.message("feature").startswith("Accept the runs of aaaaaaaaa: the model is")
    assert fake.git.commits[fake.git.branches["feature"]]["parents"] == [SHA]
    assert fake.started_runs == []  # the commit changes no code
    assert fake.reactions == [(11, "eyes"), (11, "rocket")]
    verdict, answer = fake.comments[7]
    assert verdict["body"].startswith("<!-- bench:pr")
    accepted = "1 runs of suite `pr` at `aaaaaaaaa` (the model is \\*another\\* one)"
    green = f"The check `bench pr` of `{fake.git.branches['feature'][:9]}` is green."
    assert f"A commit on this branch accepts {accepted}. {green}" in answer["body"]


def test_a_run_without_a_job_hides_no_measurement(fake: FakeGitHub, write: Any) -> None:
    """Another label or a new title starts such a run after the measurement."""
    Path("scenarios/suites.yaml").write_text("pr: [quick]\n")
    later = "2026-01-01T09:00:00Z"
    fake.add_run(49, SHA, "owner/name", conclusion="skipped", created_at=later, run_started_at=later)
    assert write(f"/bench baseline accept {SHA} faster").code == Exit.PASS
    assert fake.git.message("feature").startswith("Accept the runs of aaaaaaaaa: faster")


def test_the_reply_names_what_acceptance_does_not_make_green(fake: FakeGitHub, write: Any) -> None:
    """Two scenarios of the suite have no result, so its check stays red."""
    assert write(f"/bench baseline accept {SHA} faster").code == Exit.PASS
    reply = fake.comments[7][-1]["body"]
    assert "is not green: Not measured: 2 of 3 scenarios, first chat-stream" in reply


def test_a_forks_run_is_accepted_in_a_separate_pull_request(fake: FakeGitHub, write: Any) -> None:
    """The branch of a fork is never changed."""
    move_to_fork(fake)
    Path("scenarios/suites.yaml").write_text("pr: [quick]\n")
    assert write(f"/bench baseline accept {SHA} faster").code == Exit.PASS
    branch = "bench-baseline/7-aaaaaaaaa"
    assert fake.git.commits[fake.git.branches[branch]]["parents"] == [MAIN]
    assert (
        len(Baseline.model_validate_json(fake.git.files(branch)[QUICK]).runs) == len(make_baseline().runs) + 1
    )
    assert fake.pulls[-1]["proposed"]["head"] == branch
    assert fake.pulls[-1]["proposed"]["base"] == "main"
    assert fake.git.message("main") == "first"
    assert fake.started_runs == []
    assert "The check `bench pr` of `aaaaaaaaa` is green." in fake.comments[7][-1]["body"]


def test_a_forbidden_pull_request_names_the_setting(fake: FakeGitHub, write: Any) -> None:
    """The branch is created, and the error names the setting that allows pull requests."""
    move_to_fork(fake)
    fake.faults = [Fault("POST", "/pulls$", 403)]
    done = write(f"/bench baseline accept {SHA} faster")
    assert "allow GitHub Actions to create pull requests" in done.err


def test_accepting_twice_changes_nothing(fake: FakeGitHub, write: Any) -> None:
    """The second reply states that the baseline has the runs already."""
    write(f"/bench baseline accept {SHA} faster")
    after = fake.git.branches["feature"]
    fake.pulls[0]["head"]["sha"] = after
    fake.add_run(42, after, "owner/name")
    fake.artifacts[42] = fake.artifacts[41]
    fake.comments.clear()  # it is another comment
    assert "The baseline has the runs of" in write(f"/bench baseline accept {after} faster").err
    assert fake.git.branches["feature"] == after


@pytest.mark.parametrize(
    "body", ["/bench run", "/bench", "/bench nonsense", f"/bench baseline accept {SHA} x"]
)
def test_a_strangers_command_gets_one_reaction(fake: FakeGitHub, write: Any, body: str) -> None:
    """No reply, so that nobody can fill the pull request with answers; and the job is green."""
    fake.permissions = {"octocat": "read"}
    done = write(body)
    assert (done.code, "octocat may not write to owner/name" in done.err) == (Exit.PASS, True)
    assert (fake.reactions, fake.comments, fake.started_runs) == ([(11, "-1")], {}, [])


@pytest.mark.parametrize(
    "body", ["/bench run", "/bench help", f"/bench baseline accept {SHA} faster", "/bench x"]
)
def test_a_comment_that_is_delivered_twice_acts_once(fake: FakeGitHub, write: Any, body: str) -> None:
    """The second job finds the reply of the first one, and keeps it."""
    first = write(body)
    head = fake.git.branches["feature"]
    state = (len(fake.started_runs), set(fake.reactions), str(fake.comments))
    fake.pulls[0]["head"]["sha"] = head
    second = write(body)
    assert (second.code, "answered before" in second.err) == (Exit.PASS, True)
    assert (len(fake.started_runs), set(fake.reactions), str(fake.comments)) == state
    assert fake.git.branches["feature"] == head
    assert first.code in {Exit.PASS, Exit.PUBLISH}


def test_the_reply_of_a_stranger_hides_no_command(fake: FakeGitHub, write: Any) -> None:
    """Only the bot's own reply counts."""
    fake.add_comment(7, "<!-- bench:answer-11 -->\ndone", "stranger")
    assert write("/bench run").code == Exit.PASS
    assert len(fake.started_runs) == 1


def digest_of_the_results() -> str:
    """Return the digest that the comment about the results shows."""
    return results_digest([RunResult.model_validate_json(run_at(1.4, 50).model_dump_json())])


def test_short_digits_and_the_digest_accept_what_the_comment_showed(fake: FakeGitHub, write: Any) -> None:
    """Even if the commit was measured again with the same results."""
    fake.runs[0] |= {"run_started_at": "2026-01-03T00:00:00Z"}
    assert write(f"/bench baseline accept {SHA[:12]} {digest_of_the_results()} faster").code == Exit.PASS
    assert fake.git.message("feature").startswith("Accept the runs of aaaaaaaaa: faster")


@pytest.mark.parametrize(
    ("run", "digest", "said"),
    [
        ({"created_at": "2026-01-03T00:00:00Z"}, "", "aaaaaaaaa was pushed after your comment"),
        ({"created_at": "2026-01-03T00:00:00Z"}, "own", "aaaaaaaaa was pushed after your comment"),
        ({"run_started_at": "2026-01-03T00:00:00Z"}, "", "aaaaaaaaa was measured again after your comment"),
        ({}, "sha256:" + "0" * 32, "the results have the digest sha256:"),
    ],
)
def test_results_that_the_maintainer_has_not_seen_are_refused(
    fake: FakeGitHub, write: Any, run: dict[str, Any], digest: str, said: str
) -> None:
    """The comment was written on 2 January."""
    fake.runs[0] |= run
    named = digest_of_the_results() if digest == "own" else digest
    check_refused(fake, write(f"/bench baseline accept {SHA} {named} faster"), said)


def test_an_apps_commit_starts_the_workflow_itself(fake: FakeGitHub, write: Any) -> None:
    """Only commits of a workflow's own token start no workflow."""
    fake.author = "our-bench[bot]"
    assert write(f"/bench baseline accept {SHA} faster").code == Exit.PASS
    assert fake.started_runs == []


def test_a_workflow_file_can_be_named(fake: FakeGitHub, bench: Bench, write: Any) -> None:
    """The command can be in another file than the measurement."""
    del write
    Path(os.environ["GITHUB_EVENT_PATH"]).write_text(comment_event("/bench run"))
    assert bench("ci", "command", "--workflow", "pr.yml").code == Exit.PASS
    assert fake.started_runs[0]["workflow"] == "pr.yml"


def test_a_job_without_a_workflow_file_names_the_option(
    fake: FakeGitHub, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example outside of GitHub Actions."""
    monkeypatch.delenv("GITHUB_WORKFLOW_REF")
    done = write("/bench run")
    assert (done.code, "--workflow bench.yml" in done.err) == (Exit.USAGE, True)
    assert fake.started_runs == []


def test_a_workflow_that_cannot_be_started_names_its_trigger(fake: FakeGitHub, write: Any) -> None:
    """GitHub answers with 422 if the file has no such trigger or input."""
    fake.faults = [Fault("POST", "/dispatches$", 422, value={"message": "no 'workflow_dispatch' trigger"})]
    done = write("/bench run")
    assert "bench.yml needs `workflow_dispatch` with the input `suite`" in done.err


def test_comments_and_schedules_of_the_same_file_measured_nothing(fake: FakeGitHub, write: Any) -> None:
    """One workflow file has several events; the newest attempt of a measurement counts."""
    fake.add_run(43, SHA, "owner/name", event="issue_comment", run_started_at="2026-01-01T05:00:00Z")
    fake.add_run(42, SHA, "owner/name", run_started_at="2025-12-31T00:00:00Z")
    assert write(f"/bench baseline accept {SHA} faster").code == Exit.PASS


def test_an_outdated_commit_is_not_accepted(fake: FakeGitHub, write: Any) -> None:
    """The command names the commit that the maintainer has seen."""
    check_refused(
        fake,
        write(f"/bench baseline accept {OTHER} faster"),
        "the head is aaaaaaaaa, not ccccccc",
    )


def test_a_push_during_the_acceptance_is_kept(fake: FakeGitHub, write: Any) -> None:
    """The commit follows the measured head, or is not created."""
    fake.git.add_branch("feature", "c" * 40)
    done = write(f"/bench baseline accept {SHA} faster")
    assert "the branch has a newer commit" in done.err
    assert fake.git.branches["feature"] == "c" * 40


def test_a_push_after_the_acceptance_gets_no_check(
    fake: FakeGitHub, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check is that of the accepting commit, also if the branch has a newer one already."""
    answer = fake.git.answer
    accepting: list[str] = []

    def push_after_commit(method: str, rest: str, content: Any, query: dict[str, str]) -> tuple[int, Any]:
        answered = answer(method, rest, content, query)
        if method == "PATCH":
            accepting.append(fake.git.branches["feature"])
            fake.git.push("feature", {"app.py": "newer"}, "Newer")
        return answered

    monkeypatch.setattr(fake.git, "answer", push_after_commit)
    assert write(f"/bench baseline accept {SHA} faster").code == Exit.PASS
    assert fake.git.message("feature") == "Newer"
    assert [check["head_sha"] for check in fake.checks] == accepting


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"status": "in_progress"}, "is still being measured"),
        ({"head_repository": {"full_name": "other/name"}}, "aaaaaaaaa was not measured"),
        ({"head_sha": "d" * 40}, "aaaaaaaaa was not measured"),
        ({"id": 40}, "workflow run 40 keeps no result"),
    ],
)
def test_only_a_complete_measurement_is_accepted(
    fake: FakeGitHub, write: Any, run: dict[str, Any], said: str
) -> None:
    """It measured this commit in this repository, is complete, and has artifacts."""
    fake.runs[0] |= run
    check_refused(fake, write(f"/bench baseline accept {SHA} faster"), said)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (b"no zip", "cannot be unpacked"),
        (pack(**{"../up.json": "{}"}), "an entry outside the folder"),
        (pack(**{"run-1/result.json": '{"schema_version": 1}'}), "result.json is not a result"),
        (pack(**{"run-1/result.json": "NaN"}), "result.json is not a result"),
        (pack(**{"notes.txt": "x"}), "keeps no result"),
        (pack_run(scenario={"name": "elsewhere"}), "suite 'pr' has no scenario elsewhere"),
        (pack_run(fingerprint={"stack": "../../etc"}), "result.json is not a result"),
        (pack_run(validity={"valid": False, "reasons": ["<b>"]}), "is invalid: <b>"),
    ],
)
def test_a_hostile_artifact_is_refused(fake: FakeGitHub, write: Any, kept: bytes, said: str) -> None:
    """An artifact has runs of the suite, or is refused."""
    fake.archives[1] = kept
    check_refused(fake, write(f"/bench baseline accept {SHA} faster"), said)


def test_a_link_in_an_artifact_is_refused(fake: FakeGitHub, write: Any) -> None:
    """A link could point to a file of the machine with the token."""
    packed, entry = io.BytesIO(), zipfile.ZipInfo("run-1/result.json")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr(entry, "/proc/self/environ")
    fake.archives[1] = packed.getvalue()
    check_refused(fake, write(f"/bench baseline accept {SHA} faster"), "an entry that is not a file")


@pytest.mark.parametrize("suite", ["", "nightly"])
def test_run_measures_a_branch_again(fake: FakeGitHub, write: Any, suite: str) -> None:
    """The workflow runs on the branch with the named suite, so it uses only caches of the branch."""
    assert write(f"/bench run {suite}").code == Exit.PASS
    assert fake.started_runs == [
        {"workflow": "bench.yml", "ref": "feature", "inputs": {"suite": suite or "pr"}}
    ]


def test_run_repeats_the_workflow_run_of_a_fork(fake: FakeGitHub, write: Any) -> None:
    """It keeps the rights of a fork."""
    move_to_fork(fake)
    assert write("/bench run").code == Exit.PASS
    assert fake.started_runs == [{"run": 41}]


def test_a_fork_has_only_the_suite_pr(fake: FakeGitHub, write: Any) -> None:
    """The reply has the reason."""
    move_to_fork(fake)
    check_refused(
        fake, write("/bench run nightly"), "bench measures the pull request of a fork only with suite pr"
    )


def test_an_unknown_suite_is_refused(fake: FakeGitHub, write: Any) -> None:
    """The reply lists the suites."""
    check_refused(fake, write("/bench run nightlx"), "suite 'nightlx' does not exist")
    assert "nightly" in fake.comments[7][0]["body"]


def test_help_lists_the_commands(fake: FakeGitHub, write: Any) -> None:
    """It is not a refusal."""
    assert write("/bench help").code == Exit.PASS
    assert "`/bench baseline accept <sha> <reason>`" in fake.comments[7][0]["body"]


def test_a_comment_without_a_command_sends_no_request(fake: FakeGitHub, write: Any) -> None:
    """Most comments are for people."""
    assert "no command" in write("please look at this").err
    assert fake.requests == []


def test_a_closed_pull_request_is_refused(fake: FakeGitHub, write: Any) -> None:
    """It is not measured."""
    fake.pulls[0]["state"] = "closed"
    check_refused(fake, write("/bench run"), "pull request #7 is closed")


@pytest.mark.usefixtures("fake")
def test_update_accepts_the_runs_of_a_workflow_run(bench: Bench) -> None:
    """It changes the files in this folder."""
    Path(QUICK).parent.mkdir(parents=True)
    Path(QUICK).write_text(baseline_json(make_baseline()))
    done = bench("baseline", "update", "--from-run", "41", "--reason", "faster", "--by", "Tess")
    assert f"{QUICK} is changed" in done.err
    assert Baseline.model_validate_json(Path(QUICK).read_text()).runs[-1].accepted_by == "Tess"
    again = bench("baseline", "update", "--from-run", "41", "--reason", "faster", "--by", "Tess")
    assert "no baseline changes" in again.err


@pytest.mark.usefixtures("fake")
def test_update_opens_a_pull_request(bench: Bench) -> None:
    """It changes no file in this folder."""
    done = bench("baseline", "update", "--from-run", "41", "--reason", "faster", "--by", "tess", "--propose")
    assert "https://github.com/owner/name/pull/90" in done.err
    assert not Path("baselines").exists()
    again = bench("baseline", "update", "--from-run", "41", "--reason", "x", "--by", "tess", "--propose")
    assert "already" in again.err


def test_runs_of_the_default_branch_extend_its_baseline(bench: Bench, fake: FakeGitHub) -> None:
    """One commit adds the runs of the suite to the newest level; runs of other suites are not read."""
    fake.add_artifact(42, "bench-nightly-quick", pack_run(1.0))
    fake.add_artifact(42, "bench-model-quick", b"not read")
    nightly = ("baseline", "update", "--extend", "--commit", "--suite", "nightly", "--from-run")
    done = bench(*nightly, "42", "--reason", "nightly", "--by", "bench")
    assert done.code == Exit.PASS
    assert "the level 'usual' has 11 runs now" in done.err
    assert f"{QUICK} is changed on the default branch" in done.err
    after = Baseline.model_validate_json(fake.git.files("main")[QUICK])
    assert [len(level.runs) for level in after.levels] == [11]
    assert fake.git.message("main").startswith("Add the runs of suite nightly to its baselines: nightly")
    assert not Path("baselines").exists()


def test_worse_runs_of_the_default_branch_are_left_out(bench: Bench, fake: FakeGitHub) -> None:
    """A regression that no person accepted does not become usual."""
    fake.add_artifact(42, "bench-nightly-quick", pack_run(1.4))
    nightly = ("baseline", "update", "--extend", "--commit", "--suite", "nightly", "--from-run")
    done = bench(*nightly, "42", "--reason", "nightly", "--by", "bench")
    assert done.code == Exit.PASS
    assert "left out: run" in done.err
    assert "is worse than its baseline: response time +40 %" in done.err
    assert "no baseline changes" in done.err
    assert fake.git.message("main") == "first"


def test_a_protected_default_branch_is_an_error(bench: Bench, fake: FakeGitHub) -> None:
    """GitHub refuses the commit, although the branch has not moved; the hint names the other way."""
    fake.add_artifact(42, "bench-nightly-quick", pack_run(1.0))
    refusal = {
        "message": "Repository rule violations found",
        "errors": ["Changes must be made in a pull request"],
    }
    fake.faults = [Fault("PATCH", "/git/refs/heads/main$", 422, value=refusal)]
    nightly = ("baseline", "update", "--extend", "--commit", "--suite", "nightly", "--from-run")
    done = bench(*nightly, "42", "--reason", "nightly", "--by", "bench")
    assert done.code == Exit.PUBLISH
    assert "Repository rule violations found: Changes must be made in a pull request" in done.err
    assert "or use --propose" in done.err


@pytest.mark.parametrize("named", [["--new-level", "--extend"], ["--commit", "--propose"]])
def test_opposite_options_are_refused(bench: Bench, named: list[str]) -> None:
    """Each pair has opposite meanings."""
    done = bench("baseline", "update", "--reason", "x", "--from-run", "1", *named)
    assert (done.code, f"{named[0]} and {named[1]} exclude each other" in done.err) == (Exit.USAGE, True)


@pytest.mark.parametrize("named", [[], ["--from", "x", "--from-run", "1"]])
def test_update_needs_one_source_of_runs(bench: Bench, named: list[str]) -> None:
    """Neither none nor two."""
    done = bench("baseline", "update", "--reason", "x", *named)
    assert (done.code, "name either runs or a workflow run" in done.err) == (Exit.USAGE, True)
