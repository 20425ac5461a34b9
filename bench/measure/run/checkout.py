"""A commit's files in a folder of their own, as long as a block lasts."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.errors import ConfigError

_TIMEOUT_S = 60


@contextmanager
def checked_out(ref: str) -> Iterator[Path]:
    """The files of a commit of the repository in this folder; nothing of it changes here.

    Raises:
        ConfigError: This is no repository, or it has no such commit.
    """
    with TemporaryDirectory(prefix="bench-checkout-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(tree), f"{ref}^{{commit}}", what=ref)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree), what=ref)


def commit_of(ref: str) -> str:
    """The full id of a commit.

    Raises:
        ConfigError: There is none of that name.
    """
    return _git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", what=ref).strip()


def _git(*arguments: str, what: str) -> str:
    if what.startswith("-"):
        raise ConfigError(f"'{what}' is no commit", "name a branch, a tag or a commit")
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except FileNotFoundError as error:
        raise ConfigError("git is not installed", "it gives the files of a commit") from error
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", "") or ""
        raise ConfigError(
            f"cannot check out '{what}'{': ' + said.strip().splitlines()[-1] if said.strip() else ''}",
            "name a commit of the repository in this folder",
        ) from error
    return done.stdout
