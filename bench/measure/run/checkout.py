"""Check out a commit into a temporary folder."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.core.values.nearest import find_nearest
from bench.errors import ConfigError
from bench.owners.temporary import temporary_folder

TREE = "tree"
"""Name of the checkout in its temporary folder."""
_TIMEOUT_S = 60


@contextmanager
def check_out(ref: str) -> Iterator[Path]:
    """Provide the files of a commit during the block. The current folder does not change.

    Returns:
        The folder that stands where the current one does in its repository.

    Raises:
        ConfigError: The current folder is not a repository, or has no such commit.
    """
    with temporary_folder("checkout") as folder:
        root = folder / TREE
        _git("worktree", "add", "--quiet", "--detach", str(root), f"{ref}^{{commit}}", ref=ref)
        try:
            # An older commit may lack the current folder, for example one with scenarios only.
            tree = root / _git("rev-parse", "--show-prefix", ref=ref).strip()
            tree.mkdir(parents=True, exist_ok=True)
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(root), ref=ref)


def commit_of(ref: str) -> str:
    """Return the full id of a commit.

    Raises:
        ConfigError: The current folder is not in a repository, or the commit does not exist.
    """
    _check_ref(ref)
    if find_repository() is None:
        raise ConfigError(
            f"cannot check out '{ref}': {Path.cwd()} is not in a git repository",
            "run bench in the repository of the application",
        )
    try:
        return _git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", ref=ref).strip()
    except ConfigError as error:
        names = _git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", ref="HEAD")
        nearest = find_nearest(ref, names.split())
        hint = f"in a shallow clone, fetch it first: git fetch origin {ref}"
        if nearest is not None:
            hint = f"did you mean '{nearest}'?"
        raise ConfigError(f"cannot check out '{ref}': the repository has no such commit", hint) from error


def has_commit(commit: str) -> bool:
    """Return whether the repository of this folder has a commit, by its full id."""
    try:
        _git("cat-file", "-e", f"{commit}^{{commit}}", ref=commit)
    except ConfigError:
        return False
    return True


def read_at(commit: str, path: str) -> str | None:
    """Return the text of a file in a commit; `None` if the commit or the file does not exist here.

    Args:
        commit: Id of the commit.
        path: Path from the current folder.
    """
    try:
        return _git("show", f"{commit}:./{path}", ref=commit)
    except ConfigError:
        return None


def merge_base(ref: str) -> str | None:
    """Return the commit at which the branch of HEAD left another branch; `None` if that is not here."""
    try:
        return _git("merge-base", ref, "HEAD", ref=ref).strip()
    except ConfigError:
        return None


def list_changed_files(base: str) -> list[str] | None:
    """Return the files that differ between a commit and HEAD, relative to the top of the repository.

    Returns:
        None if the commit is not here.
    """
    try:
        listed = _git("diff", "--name-only", "--no-renames", "-z", f"{base}^{{commit}}", "HEAD", ref=base)
    except ConfigError:
        return None
    return [name for name in listed.split("\0") if name]


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository of the current folder."""

    root: Path
    """Its outermost folder."""
    place: Path
    """The current folder, relative to `root`."""

    def list_files(self) -> list[Path]:
        """Return the files that git does not ignore, relative to `root`."""
        listed = _git("-C", str(self.root), "ls-files", "-z", "-co", "--exclude-standard", ref="HEAD")
        return [Path(name) for name in listed.split("\0") if name]


def find_repository() -> Repository | None:
    """Return the repository of the current folder; `None` without one."""
    try:
        root = _git("rev-parse", "--show-toplevel", ref="HEAD").strip()
        place = _git("rev-parse", "--show-prefix", ref="HEAD").strip()
    except ConfigError:
        return None
    return Repository(Path(root), Path(place))


def _check_ref(ref: str) -> None:
    """Check that git does not read the name of a commit as an option.

    Raises:
        ConfigError: It would.
    """
    if ref.startswith("-"):
        raise ConfigError(f"'{ref}' is not a commit", "name a branch, a tag or a commit")


def _git(*arguments: str, ref: str) -> str:
    _check_ref(ref)
    try:
        completed = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT_S,
            check=True,
        )
    except FileNotFoundError as error:
        raise ConfigError("git is not installed", "install git to measure other commits") from error
    except subprocess.SubprocessError as error:
        lines = (getattr(error, "stderr", "") or "").strip().splitlines()
        reason = f": {lines[-1]}" if lines else ""
        raise ConfigError(
            f"cannot check out '{ref}'{reason}", "name a commit of the repository in this folder"
        ) from error
    return completed.stdout
