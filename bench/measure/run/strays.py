"""Remove what killed runs left: temporary folders, and the checkouts in them that a repository lists."""

import subprocess
from contextlib import suppress
from pathlib import Path

from bench.measure.run.checkout import TREE
from bench.measure.stacks.marks import list_marked_projects
from bench.measure.stacks.projects import find_owner
from bench.owners import temporary

_GIT_TIMEOUT_S = 60
_LINK = "gitdir: "


def remove_strays() -> None:
    """Remove the temporary folders of dead processes of this user, never those of living ones.

    A folder stays while a supervisor still ends the services of its run.
    """
    folders = temporary.list_stray_folders()
    if not folders:
        return
    ending = {find_owner(project) for project in list_marked_projects()}
    for folder in folders:
        if temporary.find_owner(folder) in ending:
            continue
        tree = folder / TREE
        repository = _find_repository(tree)
        temporary.remove(folder)
        if repository is not None:
            _forget(repository, tree)


def _find_repository(tree: Path) -> Path | None:
    """Return the repository of a checkout; `None` if the folder is none."""
    with suppress(OSError, UnicodeDecodeError):
        link = (tree / ".git").read_text(encoding="utf-8")
        entry = Path(link.removeprefix(_LINK).strip())
        if link.startswith(_LINK) and entry.parent.name == "worktrees":
            return entry.parent.parent
    return None


def _forget(repository: Path, tree: Path) -> None:
    """Remove a checkout from the list of its repository, and no other one."""
    command = ["git", "--git-dir", str(repository), "worktree", "remove", "--force", "--force", str(tree)]
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(command, capture_output=True, timeout=_GIT_TIMEOUT_S, check=False)
