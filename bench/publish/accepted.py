"""Read the baseline files that an accept commit of bench wrote to the branch of a pull request.

A pull request must not change the baselines that judge it. The only exception is the commit that
`/bench baseline accept` makes for a maintainer: its files are trusted as data, and no other file is read.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from bench.errors import PublishError
from bench.publish.api import Api, read
from bench.publish.branches import Branches
from bench.publish.foreign import Foreign

_SUBJECT = "Accept the runs of "
_NAMED_DIGITS = 9
_MOST_BYTES = 5_000_000
_MOST_FILES = 250  # GitHub lists up to 300 files of a commit, so a complete list is shorter


class _User(Foreign):
    login: str


class _Listed(Foreign):
    sha: str


class _Verification(Foreign):
    verified: bool


class _Text(Foreign):
    message: str
    verification: _Verification


class _File(Foreign):
    filename: str


class WrittenCommit(Foreign):
    """A commit as GitHub shows it, with the files that it changed."""

    sha: str
    author: _User | None
    commit: _Text
    parents: list[_Listed]
    files: list[_File]


def accept_message(sha: str, reason: str, login: str, number: int) -> str:
    """Return the message of the commit that accepts the runs of a commit for a pull request."""
    return f"{_SUBJECT}{sha[:_NAMED_DIGITS]}: {reason}\n\n{login}, in #{number}\n"


def explain_untrusted(written: WrittenCommit, bot: str, folder: str) -> str | None:
    """Return why a commit is not an accept commit of bench; `None` if it is one.

    Everyone who can push can write the name of the bot into a commit, so GitHub's signature must prove it.

    Args:
        written: The commit.
        bot: Account of the token, which makes the accept commits.
        folder: The only folder in which the commit may have changed files.
    """
    if written.author is None or written.author.login != bot:
        return f"its author is not {bot}"
    if not written.commit.verification.verified:
        return "GitHub did not sign it"
    return _explain_other_parent(written) or _explain_other_files(written, folder)


def _explain_other_parent(written: WrittenCommit) -> str | None:
    """Return why a commit does not directly follow the commit whose runs it accepts; `None` if it does."""
    if len(written.parents) != 1:
        return "it has not exactly one parent"
    message = written.commit.message
    named = message.removeprefix(_SUBJECT)[:_NAMED_DIGITS]
    if not message.startswith(_SUBJECT) or not written.parents[0].sha.startswith(named):
        return "it does not accept the runs of its parent"
    return None


def _explain_other_files(written: WrittenCommit, folder: str) -> str | None:
    """Return why the files of a commit are not baselines only; `None` if they are."""
    names = [file.filename for file in written.files]
    if not names or len(names) > _MOST_FILES:
        return f"it changes {len(names)} files"
    if not all(name.startswith(f"{folder}/") and name.endswith(".json") for name in names):
        return f"it changes files outside of {folder}"
    return None


@dataclass
class AcceptedFiles:
    """The files of one commit that were last written by an accept commit of bench."""

    repository: str
    """`owner/name`."""
    head_sha: str
    """The commit."""
    default_branch: str
    """Branch whose own baselines are newer than an accept commit that it contains."""
    find_bot: Callable[[], str]
    """Returns the account of the token, which makes the accept commits."""
    folder: str
    """The only folder whose files are read."""
    api: Api
    _own: frozenset[str] | None = field(default=None, init=False)

    def text(self, path: str) -> str | None:
        """Return the text of a file; `None` if an accept commit of bench did not write it last.

        Raises:
            PublishError: GitHub refused or does not answer, or the file is too large.
        """
        if not path.startswith(f"{self.folder}/") or not self._list_own():
            return None
        base = f"/repos/{self.repository}"
        query = {"sha": self.head_sha, "path": path}
        newest = next(iter(self.api.pages(f"{base}/commits", _Listed, query)), None)
        if newest is None or newest.sha not in self._list_own():
            return None
        written = read(self.api.ask("GET", f"{base}/commits/{quote(newest.sha)}"), WrittenCommit)
        if explain_untrusted(written, self.find_bot(), self.folder) is not None:
            return None
        # The text of that commit, not of the head: a merge commit could contain another one.
        text = Branches(self.repository, self.api).text(path, newest.sha)
        if text is not None and len(text) > _MOST_BYTES:
            raise PublishError(
                f"{path} has {len(text) / 1e6:.0f} MB, a baseline has at most {_MOST_BYTES / 1e6:.0f} MB",
                "remove it from the branch, and accept the runs again",
            )
        return text

    def _list_own(self) -> frozenset[str]:
        """Return the commits that look like accept commits and that the default branch does not contain.

        Most branches have none, so one request is enough for them. GitHub lists the newest 250 commits.
        """
        if self._own is None:
            branches = Branches(self.repository, self.api)
            commits = branches.commits_since(self.default_branch, self.head_sha)
            subjects = [commit for commit in commits if commit.commit.message.startswith(_SUBJECT)]
            self._own = frozenset(commit.sha for commit in subjects)
        return self._own
