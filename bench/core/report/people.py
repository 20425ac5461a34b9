"""The people whose commits of a pull request changed the files of a tier."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class FileChange(NamedTuple):
    """A file that a commit of the pull request changed."""

    path: str
    """Path in the repository."""
    login: str
    """Login of the commit's author."""


def list_people(
    changes: Iterable[FileChange], files: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return the logins of the people who changed a tier's files, by tier, in the order of the changes.

    A tier whose files no commit changed is left out.

    Args:
        changes: The changed files of each commit of the pull request.
        files: Files and folders of each tier, as a stack file declares them.
    """
    people: dict[str, dict[str, None]] = {}
    for change in changes:
        for tier, places in files.items():
            if any(_contains(place, change.path) for place in places):
                people.setdefault(tier, {})[change.login] = None
    return {tier: tuple(logins) for tier, logins in people.items()}


def _contains(place: str, path: str) -> bool:
    """Return whether a path is this file, or is below this folder."""
    folder = place.removeprefix("./").rstrip("/")
    return folder in {"", ".", path} or path.startswith(f"{folder}/")
