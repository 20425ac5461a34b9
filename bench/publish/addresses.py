"""Where a redirect of GitHub leads, and which repositories have a new address. Pure: no request is sent here.

Source: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

import re
from urllib.parse import urljoin, urlsplit

from bench.errors import PublishError
from bench.publish.refusals import PROXY_HINT

REDIRECTS = frozenset({301, 302, 307, 308})
"""Statuses of redirects that keep the method and the body of a request."""
MOST_HOPS = 5
"""Redirects that one request may follow."""
_PERMANENT = frozenset({301, 308})
_LONGEST = 200
_REPOSITORY = re.compile(r"/repos/[^/?#]+/[^/?#]+")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_below(address: str, api_url: str) -> bool:
    """Check that an address has the host and the path of the API, so that it may receive the token."""
    path = urlsplit(api_url).path.rstrip("/")
    return _server(address) == _server(api_url) and urlsplit(address).path.startswith(f"{path}/")


def redirected(place: str, url: str, location: str, api_url: str) -> str:
    """Return the address to which a redirect leads.

    Args:
        place: Method and path of the request, for the error.
        url: Address of the request.
        location: The header `Location`; it may be relative.
        api_url: Address of the API.

    Raises:
        PublishError: The address is not below the API, so it must not receive the token.
    """
    address = urljoin(url, location)
    if is_below(address, api_url):
        return address
    hint = PROXY_HINT
    if urlsplit(address).hostname == urlsplit(api_url).hostname:
        hint = "set GITHUB_API_URL to the address of the API that GitHub names"
    raise PublishError(f"{place} has moved to {address[:_LONGEST]}", hint)


def _server(address: str) -> tuple[str, str | None, int | None, bool]:
    """Return what must be equal: the scheme, the host, the port, and no name of a user."""
    parts = urlsplit(address)
    try:
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:  # the text behind the colon is no port
        port = None
    return parts.scheme, parts.hostname, port, "@" in parts.netloc


class Renames:
    """The repositories whose new addresses GitHub has named."""

    def __init__(self) -> None:
        self.has_any = False
        """Whether GitHub redirected a request to another repository's address."""
        self._addresses: dict[str, str] = {}

    def current(self, url: str) -> str:
        """Return the newest known address of a URL of the API."""
        match = _REPOSITORY.search(url)
        if match is None:
            return url
        address = self._addresses.get(match[0])
        return url if address is None else f"{url[: match.start()]}{address}{url[match.end() :]}"

    def learn(self, url: str, address: str, status: int) -> None:
        """Learn from a redirect. Only a permanent one changes the addresses of later requests."""
        old = urlsplit(url).path
        new = urlsplit(address).path
        match = _REPOSITORY.search(old)
        if match is None:
            return
        start = match.start()
        rest = old[match.end() :]
        if old[:start] != new[:start] or not new.endswith(rest):
            return
        self.has_any = True
        if status in _PERMANENT:
            self._addresses[match[0]] = new[start : len(new) - len(rest)]
