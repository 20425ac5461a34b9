"""Commits of bench through the API of a real Git repository."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from bench.publish.accepted import AcceptedFiles, accept_message
from bench.publish.api import Api
from bench.publish.branches import Branches
from tests.publish.fake_github import FakeGitHub, serving
from tests.workflows.origin import Origin, make_origin

REPOSITORY = "owner/name"
FILE = "baselines/app/quick.json"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    """Return a repository with one commit on its default branch."""
    source = tmp_path / "source"
    subprocess.run(["git", "init", "--quiet", str(source)], check=True)
    (source / "README.md").write_text("A chat.\n")
    git = ["git", "-C", str(source), "-c", "user.name=octocat", "-c", "user.email=octocat@github.invalid"]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "First"], check=True)
    return make_origin(tmp_path / "origin.git", source)


@pytest.fixture
def api(origin: Origin) -> Iterator[Api]:
    """Return the API that serves the repository."""
    with serving(FakeGitHub(git=origin)) as github:
        yield Api(SecretStr("token"), github.url)


def test_a_commit_of_the_api_is_a_commit_of_the_repository(origin: Origin, api: Api) -> None:
    """Its file is new, all other files stay, and its parent is the head that was named."""
    head = origin.head("main")
    new = Branches(REPOSITORY, api).commit("main", head, {FILE: "{}\n"}, "Accept")
    assert new == origin.head("main")
    assert origin.git("rev-parse", "main^") == head
    assert origin.paths("main", "baselines/") == [FILE]
    assert origin.read("main", "README.md") == "A chat."


def test_a_branch_that_moved_is_not_changed(origin: Origin, api: Api) -> None:
    """A commit with an older parent is no fast forward, so the branch keeps its newer commit."""
    old = origin.head("main")
    new = origin.change("main", {"README.md": "A better chat.\n"}, "Second")
    assert Branches(REPOSITORY, api).commit("main", old, {FILE: "{}\n"}, "Accept") is None
    assert origin.head("main") == new


@pytest.mark.parametrize("by_bench", [True, False])
def test_only_a_commit_of_bench_is_trusted(origin: Origin, api: Api, *, by_bench: bool) -> None:
    """A baseline file of a branch counts if bench committed it, and not if a person pushed the same file."""
    head = origin.change("feature", {"app.py": "fast = False\n"}, "Slower", start=origin.head("main"))
    message = accept_message(head, "on purpose", "octocat", 1)
    if by_bench:
        assert Branches(REPOSITORY, api).commit("feature", head, {FILE: "{}\n"}, message)
    else:
        origin.change("feature", {FILE: "{}\n"}, message)
    accepted = AcceptedFiles(
        REPOSITORY, origin.head("feature"), "main", lambda: origin.author, "baselines", api
    )
    assert (accepted.text(FILE) == "{}\n") is by_bench
