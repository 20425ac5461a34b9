"""The files of a version: a commit, a folder, or a prepared copy."""

import subprocess
from pathlib import Path

import pytest

from bench.core.config.stack import Stack
from bench.core.config.version import parse_version
from bench.errors import ConfigError, TargetError
from bench.measure.run.version_files import provide_files


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a repository with a commit, a later change, an ignored file and a new file, and stand in it."""
    root = tmp_path / "repository"
    root.mkdir()
    monkeypatch.chdir(root)
    _git("init", "--quiet")
    (root / "code.txt").write_text("old")
    (root / ".gitignore").write_text("secret.txt\n")
    _git("add", ".")
    _git("-c", "user.name=Tess", "-c", "user.email=tess@example.invalid", "commit", "--quiet", "-m", "one")
    (root / "code.txt").write_text("new")
    (root / "secret.txt").write_text("x")
    (root / "scenarios").mkdir()
    (root / "scenarios" / "mine.yaml").write_text("later than the commit")
    return root


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)


def _stack(*prepare: str) -> Stack:
    commands = [["sh", "-c", command] for command in prepare]
    return Stack.model_validate({"name": "mine", "purpose": "A test.", "prepare": commands})


def _provide(text: str, stack: Stack, notes: list[str] | None = None) -> dict[str, str]:
    """Return the text of each file of a version while it is provided, and of its state."""
    note = (lambda _: None) if notes is None else notes.append
    with provide_files(text, parse_version(text), stack, note, lambda _: stack) as files:
        tree = files.tree or Path.cwd()
        texts = {str(path.relative_to(tree)): path.read_text() for path in tree.glob("*.txt")}
        if files.state is not None:
            texts |= {f"state/{path.name}": path.read_text() for path in files.state.glob("*.txt")}
        return texts


def test_each_version_is_prepared_in_a_copy_of_its_files(repository: Path) -> None:
    """The current folder does not change; a variable reaches the commands."""
    stack = _stack(
        'cat code.txt > built.txt; echo "$POOL ${env.POOL}" > ${state}/pool.txt', "cp ${here}/secret.txt ."
    )
    notes: list[str] = []
    old = _provide("mine@HEAD+POOL=5", stack, notes)
    assert old == {"code.txt": "old", "built.txt": "old", "secret.txt": "x", "state/pool.txt": "5 5\n"}
    assert notes[0].startswith("preparing mine@HEAD+POOL=5: sh -c cat code.txt")
    assert _provide("mine+POOL=6", stack)["built.txt"] == "new"
    assert _provide(f"mine@{repository}+POOL=7", stack)["state/pool.txt"] == "7 7\n"
    assert not (repository / "built.txt").exists()


def test_a_copy_has_the_files_that_git_does_not_ignore() -> None:
    """As a commit would have them."""
    assert _provide("mine", _stack("true")).keys() == {"code.txt"}


def test_without_prepare_a_folder_is_used_as_it_is(repository: Path) -> None:
    """Only a commit has a folder of its own."""
    assert _provide("mine", _stack()).keys() == {"code.txt", "secret.txt"}
    assert _provide(f"mine@{repository}", _stack())["code.txt"] == "new"
    assert _provide("mine@HEAD", _stack()) == {"code.txt": "old"}


def test_a_commit_may_be_older_than_the_current_folder(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative folders of the stack file work there too."""
    monkeypatch.chdir(repository / "scenarios")
    version = parse_version("mine@HEAD")
    with provide_files("mine@HEAD", version, _stack(), lambda _: None, lambda _: _stack()) as files:
        assert files.tree is not None
        assert files.tree.name == "scenarios"
        assert (files.tree / ".." / "code.txt").read_text() == "old"


def test_a_commit_declares_its_stack_itself() -> None:
    """The stack of a commit is read from its files; that of a folder is given."""
    version = parse_version("mine@HEAD")

    def declare(tree: Path) -> Stack:
        assert (tree / "code.txt").read_text() == "old"
        return _stack("echo own > own.txt")

    with provide_files("mine@HEAD", version, _stack(), lambda _: None, declare) as files:
        assert files.stack == _stack("echo own > own.txt")
        assert files.tree is not None
        assert (files.tree / "own.txt").read_text() == "own\n"


def test_a_failed_preparation_shows_its_last_lines() -> None:
    """The error has the exit code."""
    stack = _stack("echo 'no package express'; exit 3", "touch never.txt")
    with pytest.raises(TargetError, match=r"(?s)`prepare` ended with code 3; .*no package express"):
        _provide("mine@HEAD", stack)


def test_an_unknown_folder_is_an_error() -> None:
    """The message names it."""
    with pytest.raises(ConfigError, match=r"mine@\./nowhere: the folder .*nowhere does not exist"):
        _provide("mine@./nowhere", _stack())
