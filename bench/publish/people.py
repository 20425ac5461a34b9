"""Read who changed which files in a pull request. These requests are optional."""

from urllib.parse import quote

from bench.core.report.people import FileChange
from bench.errors import PublishError
from bench.publish.api import Api, read
from bench.publish.foreign import Foreign

_MOST_COMMITS = 3
"""Commits of several authors that are read one by one, to keep a push below ten requests."""


class _User(Foreign):
    login: str


class _File(Foreign):
    filename: str


class _Listed(Foreign):
    sha: str
    author: _User | None


class _Range(Foreign):
    commits: list[_Listed]
    files: list[_File] = []


class _Written(Foreign):
    files: list[_File] = []


def list_changes(api: Api, repository: str, base: str, head_sha: str) -> list[FileChange]:
    """Return the files that each commit changed, with the author; empty if that needs too many requests.

    Args:
        api: GitHub's REST interface.
        repository: `owner/name`.
        base: Branch that the pull request is compared with.
        head_sha: Newest commit of the pull request.
    """
    if api.is_short:
        return []
    try:
        return _read_changes(api, f"/repos/{repository}", quote(f"{base}...{head_sha}"))
    except PublishError:
        return []


def _read_changes(api: Api, home: str, names: str) -> list[FileChange]:
    compared = read(api.ask("GET", f"{home}/compare/{names}"), _Range)
    logins = [None if commit.author is None else commit.author.login for commit in compared.commits]
    only = logins[0] if len(set(logins)) == 1 else None
    if only is not None:
        return [FileChange(file.filename, only) for file in compared.files]
    changes: list[FileChange] = []
    if len(logins) > _MOST_COMMITS:
        return changes
    for commit, login in zip(compared.commits, logins, strict=True):
        if login is not None:
            written = read(api.ask("GET", f"{home}/commits/{quote(commit.sha)}"), _Written)
            changes += [FileChange(file.filename, login) for file in written.files]
    return changes
