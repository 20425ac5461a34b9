"""Commits to branches of a repository, made without a working tree."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from bench.errors import PublishError
from bench.publish.api import NOT_FOUND, Api, done, read
from bench.publish.foreign import Foreign

_UNPROCESSABLE = 422
_CONTAINED = frozenset({"identical", "behind"})  # GitHub's words for a commit that a branch has


class _Object(Foreign):
    sha: str


class _Reference(Foreign):
    object: _Object


class _Commit(Foreign):
    tree: _Object


class _Pull(Foreign):
    html_url: str


class _Text(Foreign):
    message: str


class ListedCommit(Foreign):
    """A commit as GitHub lists it."""

    sha: str
    commit: _Text


class _Range(Foreign):
    status: str
    commits: list[ListedCommit]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pull request to open."""

    branch: str
    """Name of the new branch."""
    base: str
    """Branch that the pull request targets."""
    at: str | None
    """Commit of the base branch."""
    title: str
    """Title in one line."""
    body: str
    """Text in Markdown."""


class Branches:
    """The branches of one repository.

    Args:
        repository: `owner/name`.
        api: GitHub's REST API.
    """

    def __init__(self, repository: str, api: Api) -> None:
        self._api = api
        self._base = f"/repos/{repository}"

    def head(self, branch: str) -> str | None:
        """Return the commit of a branch; `None` if the branch does not exist.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        answer = self._api.ask("GET", f"{self._base}/git/ref/heads/{quote(branch)}")
        return None if answer.status_code == NOT_FOUND else read(answer, _Reference).object.sha

    def contains(self, branch: str, commit: str) -> bool:
        """Check that a branch contains a commit.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        return self._compare(branch, commit).status in _CONTAINED

    def commits_since(self, branch: str, commit: str) -> list[ListedCommit]:
        """Return the commits that lead to a commit and that a branch does not contain; 250 at most.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        return self._compare(branch, commit).commits

    def _compare(self, branch: str, commit: str) -> _Range:
        names = quote(f"{branch}...{commit}")
        return read(self._api.ask("GET", f"{self._base}/compare/{names}"), _Range)

    def text(self, path: str, commit: str) -> str | None:
        """Return the text of a file of a commit; `None` if the file does not exist.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        return self._api.text(f"{self._base}/contents/{quote(path)}", {"ref": commit})

    def commit(self, branch: str, parent: str | None, files: Mapping[str, str], message: str) -> str | None:
        """Commit files to a branch and return the new commit; `None` if the branch has moved.

        Args:
            branch: Name of the branch; a missing branch is created.
            parent: Commit that the branch must have, or where a new branch starts; `None` for no parent.
            files: Texts by path.
            message: Commit message.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        # No branch refers to a new tree or commit yet, so a repeated request is harmless.
        blobs = []
        for path, text in sorted(files.items()):
            blobs.append({"path": path, "mode": "100644", "type": "blob", "content": text})
        tree: dict[str, object] = {"tree": blobs}
        if parent is not None:
            parent_commit = read(self._api.ask("GET", f"{self._base}/git/commits/{parent}"), _Commit)
            tree["base_tree"] = parent_commit.tree.sha
        tree_sha = read(self._api.ask("POST", f"{self._base}/git/trees", json=tree), _Object).sha
        content = {"message": message, "tree": tree_sha, "parents": [parent] if parent else []}
        new = read(self._api.ask("POST", f"{self._base}/git/commits", json=content), _Object).sha
        if parent is not None and self.head(branch) is not None:
            path = f"{self._base}/git/refs/heads/{quote(branch)}"
            # Without force GitHub accepts only a descendant of the current commit.
            answer = self._api.ask("PATCH", path, json={"sha": new, "force": False})
            unchanged = parent
        else:
            reference = {"ref": f"refs/heads/{branch}", "sha": new}
            answer = self._api.ask("POST", f"{self._base}/git/refs", json=reference)
            unchanged = None
        if answer.status_code == _UNPROCESSABLE:
            current = self.head(branch)
            if current != unchanged:
                return new if current == new else None  # new: an earlier request lost its answer only
        done(answer)  # the branch has not moved, so GitHub refused for another reason, such as a rule
        return new

    def propose(self, proposal: Proposal, files: Mapping[str, str], message: str) -> str:
        """Commit files to a new branch, open a pull request from it, and return its address.

        Args:
            proposal: The branch and the pull request.
            files: Texts by path.
            message: Commit message.

        Raises:
            PublishError: The branch exists already, or GitHub refused or does not answer.
        """
        branch = proposal.branch
        if self.commit(branch, proposal.at, files, message) is None:
            raise PublishError(f"branch {branch} exists already", "merge or delete it first")
        content = {"head": branch, "base": proposal.base, "title": proposal.title, "body": proposal.body}
        answer = self._api.ask("POST", f"{self._base}/pulls", json=content)
        try:
            return read(answer, _Pull).html_url
        except PublishError as error:
            hint = error.hint
            if answer.status_code in {403, _UNPROCESSABLE}:
                hint = "allow GitHub Actions to create pull requests: Settings, Actions, General"
            message = f"branch {branch} was created without a pull request: {error.message}"
            raise PublishError(message, hint) from error
