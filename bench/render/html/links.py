"""Addresses on GitHub of what a history names. Only what is what it should be becomes a link."""

import re
from dataclasses import dataclass

from bench.errors import ConfigError

_SERVER = re.compile(r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Links:
    """Where commits and workflow runs are to be read.

    Attributes:
        repository: Its address; None when it is not known, and then there is no link.
    """

    repository: str | None = None

    def commit(self, name: str | None) -> str | None:
        """Of a commit; None unless it is named whole."""
        return self._of(f"commit/{name}") if _whole(name) else None

    def between(self, last: str | None, first: str | None) -> str | None:
        """Of what came after one commit up to another; None unless both are named whole and differ."""
        known = _whole(last) and _whole(first) and last != first
        return self._of(f"compare/{last}...{first}") if known else None

    def workflow_run(self, number: int | None) -> str | None:
        """Of a workflow run; None when it is not known."""
        return None if number is None else self._of(f"actions/runs/{number}")

    def _of(self, what: str) -> str | None:
        return None if self.repository is None else f"{self.repository}/{what}"


def links_to(server: str, repository: str | None) -> Links:
    """Links to a repository; none where it is not named.

    Args:
        server: `https://github.com`, or another one that is GitHub's.
        repository: `owner/name`.

    Raises:
        ConfigError: One of them is not what it should be.
    """
    if not repository:
        return Links()
    if not _REPOSITORY.fullmatch(repository) or repository.endswith(("/.", "/..")):
        raise ConfigError(f"'{repository}' is no repository", "--repository owner/name")
    if not _SERVER.fullmatch(server):
        raise ConfigError(f"'{server}' is no server of GitHub", "GITHUB_SERVER_URL=https://github.com")
    return Links(f"{server}/{repository}")


def _whole(commit: str | None) -> bool:
    return commit is not None and _COMMIT.fullmatch(commit) is not None
