"""`bench check --against REF`, as a user runs it in the repository of an application."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli.app import main
from bench.core.config.version import Version
from bench.errors import Exit
from bench.measure.run.conditions import Listener
from bench.store import stacks
from bench.usecases.versions import load_stack_of
from tests.command import Done, bench
from tests.small_application import STACK, git, make_application, slow_down

Call = Callable[..., Done]
COMPARE = ("--stack", "app", "--pairs", "3", "--no-calibration")


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """Provide a repository with an application, its stack and two scenarios, all committed."""
    return make_application(tmp_path / "application")


@pytest.fixture
def call(application: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process, in the folder of the application."""
    monkeypatch.chdir(application)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr("sys.argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return Done(int(caught.value.code or 0), captured.out, captured.err)

    return run


def test_a_slower_folder_fails_against_its_branch(application: Path) -> None:
    """The change is in the stack file only, which each version has of its own; no baseline is needed."""
    slow_down(application)
    done = bench("check", "--suite", "both", "--against", "main", *COMPARE, "--out", "json", cwd=application)
    order = [line.split(":")[0] for line in done.err.splitlines() if "more at most" in line]
    if done.code == Exit.MEASUREMENT:  # a busy machine makes a run invalid
        assert "failed twice" in done.out
        return
    assert done.code == Exit.REGRESSION, done.err
    assert order == ["one, pair 1", "two, pair 1", "one, pair 2", "two, pair 2"]
    reports = json.loads(done.out)["reports"]
    assert {report["comparison"]["base_name"] for report in reports} == {"main"}
    assert {report["comparison"]["pairs"] for report in reports} == {3}
    assert len(git(application, "worktree", "list").splitlines()) == 1
    for folder in (application / "results").iterdir():
        assert bench("compare", str(folder), cwd=application).code == Exit.REGRESSION


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("one", "--against", "mian"), "cannot check out 'mian'", "did you mean 'main'?"),
        (("one", "--against", "--help"), "'--help' is not a commit", "name a branch"),
        (("three", "--against", "main"), "scenario 'three' does not exist", "did you mean"),
        (("one", "--against", "main", "--stack", "ap"), "stack 'ap' does not exist", "did you mean 'app'?"),
        (("one", "--against", "main", "--stack", "external"), "runs elsewhere", "bench ab http://"),
        (("one", "--against", "main", "--url", "http://127.0.0.1:1"), "--url names", "bench ab http://"),
        (("http://127.0.0.1:1", "--against", "main"), "runs elsewhere", "bench ab http://"),
        (("one", "--against", "main", "--pairs", "2"), "at least 3 pairs", "--pairs 12"),
        (("one", "--against", "main", "--suite", "three"), "suite 'three' does not exist", "both"),
        (("one", "--pairs", "5"), "needs a commit", "--against main"),
        (("--suite", "both"), "needs a commit", "--against main"),
        ((), "name a scenario", "bench check quick"),
    ],
)
def test_a_wrong_comparison_is_refused_before_any_load(
    call: Call, arguments: tuple[str, ...], message: str, hint: str
) -> None:
    """The exit is 2; the error has the reason, and the hint the next step."""
    stack = () if {"--stack", "--url"} & {*arguments} else ("--stack", "app")
    done = call("check", *arguments, *stack)
    assert done.code == Exit.USAGE
    assert message in done.err
    assert hint in done.err


def test_outside_of_a_repository_there_is_no_other_version(application: Path, call: Call) -> None:
    """The error names the folder."""
    (application / ".git").rename(application / "gone")
    done = call("check", "one", "--against", "main", "--stack", "app")
    assert done.code == Exit.USAGE
    assert f"{application} is not in a git repository" in done.err


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (STACK.replace('"20"', '"30"'), None),
        (None, "scenarios/stacks/app.yaml of v1 does not exist; bench uses the file of this folder"),
        ("name: app", "scenarios/stacks/app.yaml of v1 cannot be read: "),
    ],
)
def test_a_commit_without_a_readable_stack_file_gets_that_of_the_folder(
    application: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, warning: str | None
) -> None:
    """A warning says so. Otherwise the commit has its own."""
    monkeypatch.chdir(application)
    if text is not None:
        file = tmp_path / "tree" / "scenarios" / "stacks" / "app.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    warnings: list[str] = []
    declared = stacks.load("app")
    listener = Listener(warning=warnings.append)
    own = load_stack_of(tmp_path / "tree", declared, Version("app", "v1"), listener)
    if warning is None:
        assert own.services["app"].environment["DELAY_MS"] == "30"
        assert not warnings
    else:
        assert own is declared
        assert warnings[0].startswith(warning)
