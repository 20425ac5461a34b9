"""What a killed run left in the folder for temporary files."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import pytest

from bench.measure.run.checkout import check_out
from bench.measure.run.strays import remove_strays
from bench.measure.stacks.marks import mark
from bench.owners.process import Owner
from bench.owners.temporary import own_name, temporary_folder

CURRENT = Owner.current()
DEAD = replace(CURRENT, start=1)
ENDING = replace(CURRENT, start=2)
"""The owner of a run that was killed just now."""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    root = tmp_path / "temporary"
    root.mkdir()
    monkeypatch.setenv("TMPDIR", str(root))
    return root


def _leave(root: Path, owner: Owner) -> Path:
    """Return a folder with a file of an owner."""
    folder = root / own_name("bench-shop").replace(str(CURRENT), str(owner))
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "backend.log").write_text("x")
    return folder


def test_the_folders_of_dead_runs_are_removed(root: Path) -> None:
    """A folder of a living run stays, and one of a stack that a supervisor still ends."""
    _leave(root, DEAD)
    ending = _leave(root, ENDING)
    environment = mark(os.environ, f"bench-shop-0c1d2e-{ENDING}-1")
    command = [sys.executable, "-c", "print('up', flush=True); input()"]
    with (
        temporary_folder("embedded") as living,
        subprocess.Popen(command, env=environment, stdin=PIPE, stdout=PIPE) as supervisor,
    ):
        assert supervisor.stdout is not None
        supervisor.stdout.readline()
        remove_strays()
        assert set(root.iterdir()) == {living, ending}
        supervisor.kill()
    remove_strays()
    assert list(root.iterdir()) == []


def test_the_checkout_of_a_killed_run_leaves_the_list_of_its_repository(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other worktrees of the repository stay on its list, also one whose folder is on a removed disk."""
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)
    _git("init", "--quiet")
    identity = ("-c", "user.name=Tess", "-c", "user.email=tess@example.invalid")
    _git(*identity, "commit", "--quiet", "--allow-empty", "-m", "one")
    _git("worktree", "add", "--quiet", "--detach", str(tmp_path / "mine"))
    (tmp_path / "mine").rename(tmp_path / "moved")
    program = """if True:
        from bench.measure.run.checkout import check_out
        with check_out("HEAD") as tree:
            print(tree, flush=True)
            input()
    """
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as run:
        assert run.stdout is not None
        tree = run.stdout.readline().strip()
        remove_strays()
        assert tree in _git("worktree", "list")
        run.kill()
        run.wait()
    with check_out("HEAD") as living:
        remove_strays()
        listed = _git("worktree", "list")
        assert tree not in listed
        assert str(living) in listed
        assert str(tmp_path / "mine") in listed
    assert list(root.iterdir()) == []


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout
