"""Addresses of commits and workflow runs on GitHub, and of pages. Only a valid value becomes a link."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from bench.core.values.escape import visible_text
from bench.errors import ConfigError

_SERVER = re.compile(r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of commits and workflow runs in a repository."""

    repository: str | None = None
    """Address of the repository; None if it is unknown, and then there are no links."""

    def commit(self, sha: str | None) -> str | None:
        """Return the address of a commit; None without a full SHA."""
        return self._address(f"commit/{sha}") if _is_full_sha(sha) else None

    def between(self, last: str | None, first: str | None) -> str | None:
        """Return the address of the commits after `last` up to `first`; None without two full SHAs."""
        comparable = _is_full_sha(last) and _is_full_sha(first) and last != first
        return self._address(f"compare/{last}...{first}") if comparable else None

    def workflow_run(self, number: int | None) -> str | None:
        """Return the address of a workflow run; None without a number."""
        return None if number is None else self._address(f"actions/runs/{number}")

    def _address(self, path: str) -> str | None:
        return None if self.repository is None else f"{self.repository}/{path}"


@dataclass(frozen=True, slots=True)
class SiteLinks:
    """The addresses that the pages of a site link."""

    github: Links = Links()
    """Addresses of commits and workflow runs."""
    run_pages: Mapping[str, str] = field(default_factory=dict)
    """File of the page of each run that has one, by the run's id."""

    def seen_from(self, home: str) -> "SiteLinks":
        """Return the addresses for a page from which this path leads to the root of the site."""
        pages = {run_id: f"{home}{path}" for run_id, path in self.run_pages.items()}
        return SiteLinks(self.github, pages)


def link(text: str, address: str | None) -> str:
    """Return a link as HTML, or the text alone without an address."""
    if address is None:
        return text
    return Markup('<a href="{}">{}</a>').format(address, visible_text(text))


def links_to(server: str, repository: str | None) -> Links:
    """Return the links to a repository; none without a repository.

    Args:
        server: Address of a GitHub server, such as `https://github.com`.
        repository: `owner/name`.

    Raises:
        ConfigError: The server or the repository is not valid.
    """
    if not repository:
        return Links()
    if not _REPOSITORY.fullmatch(repository) or repository.endswith(("/.", "/..")):
        raise ConfigError(f"'{repository}' is not a repository", "--repository owner/name")
    if not _SERVER.fullmatch(server):
        raise ConfigError(f"'{server}' is not a GitHub server", "GITHUB_SERVER_URL=https://github.com")
    return Links(f"{server}/{repository}")


def _is_full_sha(sha: str | None) -> bool:
    return sha is not None and _COMMIT.fullmatch(sha) is not None
