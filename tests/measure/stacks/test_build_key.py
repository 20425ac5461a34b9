"""Digests of the files that an image is built from."""

import subprocess
from pathlib import Path

import pytest

from bench.measure.stacks.build_key import digest_files, find_context


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Provide a folder with files, one of which git ignores."""
    root = tmp_path / "application"
    (root / "src").mkdir(parents=True)
    (root / "src" / "main.py").write_text("one")
    (root / "link").symlink_to("src")
    (root / ".gitignore").write_text("*.log\n")
    return root


def test_names_rights_and_contents_change_the_digest(folder: Path) -> None:
    """So does the place that a link points to; the time of a change does not."""
    digests = [digest_files(folder)]
    (folder / "src" / "main.py").write_text("two")
    digests.append(digest_files(folder))
    (folder / "src" / "main.py").chmod(0o755)
    digests.append(digest_files(folder))
    (folder / "src" / "main.py").rename(folder / "src" / "other.py")
    digests.append(digest_files(folder))
    (folder / "link").unlink()
    (folder / "link").symlink_to("elsewhere")
    digests.append(digest_files(folder))
    assert len(set(digests)) == len(digests)
    (folder / "src" / "other.py").touch()
    assert digest_files(folder) == digests[-1]


def test_a_checkout_and_a_folder_with_ignored_files_have_one_digest(folder: Path, tmp_path: Path) -> None:
    """Files that git ignores, deleted ones and the folders of bench do not count; new ones do."""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=Tess", "-c", "user.email=tess@example.invalid"]
        subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    checkout = tmp_path / "checkout"
    git("worktree", "add", "--detach", str(checkout))
    committed = digest_files(checkout)
    (folder / "run.log").write_text("ignored")
    (folder / "results").mkdir()
    (folder / "results" / "result.json").write_text("{}")
    assert digest_files(folder) == committed
    (folder / "new.py").write_text("new")
    assert digest_files(folder) != committed
    (folder / "new.py").unlink()
    (folder / "src" / "main.py").unlink()
    assert digest_files(folder) != committed


def test_a_context_outside_of_the_version_has_no_key(tmp_path: Path) -> None:
    """The same holds for a Dockerfile or a further context outside, and for an address."""
    tree = tmp_path / "tree"
    assert find_context({"context": str(tree / "api")}, tree) == tree / "api"
    assert find_context({"context": "."}, tree) == tree
    assert find_context({"context": "api", "dockerfile": "docker/Dockerfile"}, tree) == tree / "api"
    assert find_context({"context": "api", "dockerfile": "../Dockerfile"}, tree) is None
    assert find_context({"context": str(tmp_path)}, tree) is None
    assert find_context({"context": ".", "additional_contexts": {"x": "../x"}}, tree) is None
