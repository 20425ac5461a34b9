"""Branches of a repository, changed without a working tree: a commit is there whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from bench.errors import PublishError
from bench.publish.api import NOT_FOUND, Api, done, read
from bench.publish.foreign import Foreign

_UNPROCESSABLE = 422


class _Object(Foreign):
    sha: str


class _Reference(Foreign):
    object: _Object


class _Commit(Foreign):
    tree: _Object


class _Pull(Foreign):
    html_url: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pull request that is to be.

    Attributes:
        branch: Is made for it.
        base: The branch that it is for.
        at: The commit at which that is.
        title: In one line.
        body: As Markdown.
    """

    branch: str
    base: str
    at: str | None
    title: str
    body: str


class Branches:
    """The branches of one repository.

    Args:
        repository: `owner/name`.
        api: By which it is asked.
    """

    def __init__(self, repository: str, api: Api) -> None:
        self._api, self._base = api, f"/repos/{repository}"

    def head(self, branch: str) -> str | None:
        """The commit at which a branch is; None when there is no such branch.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        answer = self._api.ask("GET", f"{self._base}/git/ref/heads/{quote(branch)}")
        return None if answer.status_code == NOT_FOUND else read(answer, _Reference).object.sha

    def text(self, path: str, commit: str) -> str | None:
        """A file of a commit; None when it has none there.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        return self._api.text(f"{self._base}/contents/{quote(path)}", {"ref": commit})

    def commit(self, branch: str, parent: str | None, files: Mapping[str, str], message: str) -> bool:
        """Put files into a branch as one commit, if it is still where it was. Returns whether it was.

        Args:
            branch: Is made where there is none yet.
            parent: The commit at which it must be; for a new branch where it begins, None for nowhere.
            files: Their texts by path.
            message: Of the commit.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        # A tree and a commit belong to nobody until the branch has them, so to make them twice is no harm.
        tree: dict[str, object] = {
            "tree": [
                {"path": path, "mode": "100644", "type": "blob", "content": text}
                for path, text in sorted(files.items())
            ]
        }
        if parent is not None:
            known = read(self._api.ask("GET", f"{self._base}/git/commits/{parent}"), _Commit)
            tree["base_tree"] = known.tree.sha
        made = read(self._api.ask("POST", f"{self._base}/git/trees", json=tree), _Object).sha
        content = {"message": message, "tree": made, "parents": [parent] if parent else []}
        new = read(self._api.ask("POST", f"{self._base}/git/commits", json=content), _Object).sha
        if parent is not None and self.head(branch) is not None:
            path = f"{self._base}/git/refs/heads/{quote(branch)}"
            # Without force GitHub takes only what follows upon what is there.
            answer = self._api.ask("PATCH", path, json={"sha": new, "force": False})
        else:
            reference = {"ref": f"refs/heads/{branch}", "sha": new}
            answer = self._api.ask("POST", f"{self._base}/git/refs", json=reference)
        if answer.status_code == _UNPROCESSABLE:
            return self.head(branch) == new  # our own change, whose answer was lost, is no other's
        done(answer)
        return True

    def propose(self, proposal: Proposal, files: Mapping[str, str], message: str) -> str:
        """Put files into a new branch, open a pull request from it, and say where that is.

        Args:
            proposal: The branch and the pull request.
            files: Their texts by path.
            message: Of the commit.

        Raises:
            PublishError: There is such a branch, or GitHub refused or does not answer.
        """
        branch = proposal.branch
        if not self.commit(branch, proposal.at, files, message):
            raise PublishError(f"there is a branch {branch} already", "merge or delete it first")
        content = {"head": branch, "base": proposal.base, "title": proposal.title, "body": proposal.body}
        answer = self._api.ask("POST", f"{self._base}/pulls", json=content)
        if answer.status_code in {403, _UNPROCESSABLE}:
            raise PublishError(
                f"branch {branch} is there, but GitHub refused a pull request from it",
                "Settings, Actions, General: allow GitHub Actions to create pull requests",
            )
        return read(answer, _Pull).html_url
