import socket
from pathlib import Path

import pytest

from bench.core.setup.findings import Finding, Grade, count_problems, order_by_grade
from bench.usecases.check_setup import check_setup
from tests.command import bench

STACK = """\
name: mine
purpose: A test.
services:
  app:
    command: [no-such-program-of-any-machine]
    port: PORT
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return tmp_path


def _find(subject: str, stack: str | None = None) -> list[Finding]:
    return [finding for finding in check_setup(stack) if finding.subject == subject]


def _write_stack(folder: Path, port: int) -> None:
    (folder / "scenarios/stacks").mkdir(parents=True)
    (folder / "scenarios/stacks/mine.yaml").write_text(STACK.replace("PORT", str(port)))


@pytest.mark.usefixtures("folder")
def test_an_empty_folder_has_no_problem_of_its_own() -> None:
    """The shipped files are valid, and the clock is fine enough."""
    assert [finding.grade for finding in _find("files")] == [Grade.OK]
    assert [finding.grade for finding in _find("clock")] == [Grade.OK]
    assert _find("disk")


def test_a_wrong_file_is_a_problem_with_its_line(folder: Path) -> None:
    """The message is that of `bench scenarios check`."""
    (folder / "scenarios").mkdir()
    (folder / "scenarios/broken.yaml").write_text("name: broken\nvus: many\n")
    (finding,) = _find("files")
    assert finding.grade is Grade.PROBLEM
    assert "broken.yaml" in finding.message


def test_the_programs_and_ports_of_a_stack_are_checked(folder: Path) -> None:
    """A program that is not installed is a problem; a taken port may be that of the stack itself."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        _write_stack(folder, other.getsockname()[1])
        findings = _find("stack mine")
    assert {finding.grade for finding in findings} == {Grade.PROBLEM, Grade.NOTE, Grade.OK}
    messages = " ".join(finding.message for finding in findings)
    assert "no-such-program-of-any-machine is not installed" in messages
    assert "is taken" in messages


@pytest.mark.usefixtures("folder")
def test_an_unknown_stack_is_a_problem() -> None:
    """Its error is one of the findings, so that all others are seen, too."""
    (finding,) = _find("stack other", "other")
    assert finding.grade is Grade.PROBLEM
    assert "does not exist" in finding.message


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("token", "grade"), [("", Grade.NOTE), ("x", Grade.OK)])
def test_a_workflow_needs_a_token_to_publish(
    token: str, grade: Grade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a workflow of GitHub is checked for it."""
    assert _find("github") == []
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_TOKEN", token)
    assert [finding.grade for finding in _find("github")] == [grade]


def test_problems_come_first() -> None:
    """Then notes, then the rest, each in their order."""
    grades = [Grade.OK, Grade.NOTE, Grade.PROBLEM, Grade.OK, Grade.PROBLEM]
    findings = [Finding(str(number), grade, "x") for number, grade in enumerate(grades)]
    assert [finding.subject for finding in order_by_grade(findings)] == ["2", "4", "1", "0", "3"]
    assert count_problems(findings) == 2


def test_the_command_shows_each_finding_and_its_cure(folder: Path) -> None:
    """A problem has a hint below it, and the exit code of a run that cannot be measured."""
    _write_stack(folder, 9)
    done = bench("doctor", "--stack", "mine", cwd=folder)
    assert done.code == 5
    lines = done.out.splitlines()
    assert lines[0] == "problem  stack mine: no-such-program-of-any-machine is not installed"
    assert lines[1] == "         hint: install it, or correct PATH"
    assert "1 problem to correct before a run" in done.err
