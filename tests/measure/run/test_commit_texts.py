"""The branch, the subject and the author of a measured commit: texts that strangers write."""

import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from bench.core.history.history import to_history_point
from bench.core.run.origin import LONGEST_COMMIT_TEXT, Provenance
from bench.core.verdict.comparable import conditions_key
from bench.measure.run.alternate import Arm, find_origin
from bench.measure.run.conditions import Conditions
from bench.measure.run.provenance import current_commit, provenance
from bench.store import stacks
from tests.factories import make_provenance, make_run

_VARIABLES = ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "GITHUB_REF_TYPE")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Commit into a repository of the test, and take no name from the job that runs the test."""
    monkeypatch.chdir(tmp_path)
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)


def _git(*arguments: str, author: str = "Tess Ter") -> None:
    named = ["-c", f"user.name={author}", "-c", "user.email=tess@bench.invalid"]
    subprocess.run(["git", *named, *arguments], check=True)


def _commit(message: str, author: str = "Tess Ter") -> None:
    if not Path(".git").is_dir():
        _git("init", "--quiet", "--initial-branch", "speed/cache")
    _git("commit", "--quiet", "--allow-empty", "--message", message, author=author)


def _texts() -> tuple[str | None, ...]:
    made = provenance("run", {})
    return made.branch, made.subject, made.author


def test_a_run_names_its_commit() -> None:
    """The subject is the first line of the message; outside a repository nothing is known."""
    assert _texts() == (None, None, None)
    _commit("Cache the prompt\n\nMore words.")
    assert _texts() == ("speed/cache", "Cache the prompt", "Tess Ter")


def test_github_names_the_branch_of_a_detached_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull request has the branch of its head, a push its own; a tag is no branch, and git goes first."""
    monkeypatch.setenv("GITHUB_REF_NAME", "main")
    assert _texts()[0] is None  # outside a repository
    _commit("First")
    assert _texts()[0] == "speed/cache"
    _git("checkout", "--quiet", "--detach")
    assert _texts()[0] is None
    monkeypatch.setenv("GITHUB_REF_TYPE", "branch")
    assert _texts()[0] == "main"
    monkeypatch.setenv("GITHUB_HEAD_REF", "fix")
    assert _texts()[0] == "fix"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\x1b[31mred\x07", "[31mred"),
        ("a\u2028b", "a b"),
        ("x" * 5_000, "x" * LONGEST_COMMIT_TEXT),
    ],
)  # fmt: skip
def test_a_text_of_a_commit_is_one_short_line(text: str, kept: str) -> None:
    """Control characters and line separators become spaces, and a long text is cut."""
    _commit(text, author=text)
    assert _texts()[1:] == (kept, kept)


def test_a_branch_in_the_environment_may_be_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result can be stored whatever bytes the environment contains."""
    _commit("First")
    _git("checkout", "--quiet", "--detach")
    monkeypatch.setenv("GITHUB_HEAD_REF", "\udcffx")
    assert provenance("run", {}).model_dump_json()


@pytest.mark.parametrize("text", ["", "a\nb", "a\x00b", "a\u2028b", "x" * (LONGEST_COMMIT_TEXT + 1)])
@pytest.mark.parametrize("field", ["branch", "subject", "author"])
def test_a_stored_text_of_several_lines_is_refused(field: str, text: str) -> None:
    """Results are untrusted: a longer text, and one with a line break, is not valid."""
    with pytest.raises(ValidationError, match=field):
        Provenance.model_validate(make_provenance().model_dump() | {field: text})


def test_a_history_keeps_the_texts_and_they_change_no_comparison() -> None:
    """A line of a history has them, and runs with other texts have the same conditions."""
    texts = {"branch": "main", "subject": "Cache the prompt", "author": "Tess Ter"}
    named = to_history_point(make_run(provenance=make_provenance(**texts)))
    unnamed = to_history_point(make_run(provenance=make_provenance()))
    assert named.model_dump(include=set(texts)) == texts
    assert conditions_key(named) == conditions_key(unnamed)
    assert named.figures == unnamed.figures


def test_a_measured_version_has_the_texts_of_its_own_commit() -> None:
    """The commit of a version is not that of this folder; a version without a commit has no texts."""
    _commit("First")
    first = current_commit()
    _commit("Second", author="Ann Other")
    Path("changed.py").touch()
    here = provenance("run", {})
    stack = stacks.load("embedded")
    origin = find_origin(Arm("base", stack, Conditions(), commit=first), here)
    assert (origin.commit, origin.branch, origin.subject, origin.author) == (
        first, None, "First", "Tess Ter",
    )  # fmt: skip
    assert (origin.dirty, origin.describe_changes()) == (False, "")
    assert find_origin(Arm("head", stack, Conditions()), here) == here
    assert here.describe_changes() == "changed.py"
