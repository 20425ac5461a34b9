"""The cookies of one user, by RFC 6265: paths, domains, expiry and deletion. Without I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from bench.core.values.limited_names import MOST_NAMES

_LONGEST = 4096  # of a header, by RFC 6265 (section 6.1); browsers ignore longer ones
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class RequestOrigin(NamedTuple):
    """Where a request goes."""

    host: str
    """Name or address of the host."""
    path: str
    """Path without its query."""
    is_secure: bool = False
    """Whether the connection uses TLS."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie that a server has set."""

    name: str
    """Name."""
    value: str
    """Value, which may be secret."""
    domain: str
    """Host that gets the cookie."""
    path: str
    """Beginning of the paths that get the cookie."""
    with_subdomains: bool = False
    """Whether hosts below the domain get it, too."""
    needs_tls: bool = False
    """Whether it is sent over TLS only, and to this machine."""
    expires_s: float | None = None
    """End of its life in seconds since 1970; `None` for the end of the session."""

    def __repr__(self) -> str:
        """Return the cookie without its value."""
        return f"Cookie({self.name!r})"

    def belongs_to(self, origin: RequestOrigin, now_s: float) -> bool:
        """Return whether a request gets the cookie."""
        if self.expires_s is not None and self.expires_s <= now_s:
            return False
        if self.needs_tls and not origin.is_secure and origin.host not in _LOOPBACK:
            return False
        is_host = origin.host == self.domain
        is_below = self.with_subdomains and origin.host.endswith(f".{self.domain}")
        return (is_host or is_below) and _is_below(origin.path, self.path)


class CookieJar:
    """The cookies of one user."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], Cookie] = {}

    def add(self, headers: Iterable[str], origin: RequestOrigin, now_s: float) -> None:
        """Take the `Set-Cookie` headers of an answer. A cookie that has expired is deleted.

        Args:
            headers: Values of the headers.
            origin: Where the request went.
            now_s: Seconds since 1970.
        """
        for header in headers:
            cookie = _parse(header, origin, now_s)
            if cookie is None:
                continue
            key = (cookie.domain, cookie.path, cookie.name)
            self._cookies.pop(key, None)
            if cookie.expires_s is None or cookie.expires_s > now_s:
                self._cookies[key] = cookie
                if len(self._cookies) > MOST_NAMES:  # the oldest one, as a browser does
                    del self._cookies[next(iter(self._cookies))]

    def header(self, origin: RequestOrigin, now_s: float) -> str | None:
        """Return the header `cookie` of a request, the longest paths first; `None` without cookies."""
        if not self._cookies:
            return None
        cookies = [cookie for cookie in self._cookies.values() if cookie.belongs_to(origin, now_s)]
        cookies.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies) or None

    def value(self, name: str) -> str | None:
        """Return the value of the newest cookie of this name; `None` without one."""
        values = [cookie.value for cookie in self._cookies.values() if cookie.name == name]
        return values[-1] if values else None

    def clear(self) -> None:
        """Forget all cookies."""
        self._cookies.clear()


def _parse(header: str, origin: RequestOrigin, now_s: float) -> Cookie | None:
    """Return the cookie of a header; `None` if a browser would ignore it."""
    if len(header) > _LONGEST:
        return None
    pair, *fields = header.split(";")
    name, equals, value = pair.partition("=")
    if not equals or not name.strip():
        return None
    attributes: dict[str, str] = {}
    for field in fields:
        key, _, text = field.partition("=")
        attributes[key.strip().lower()] = text.strip()
    domain = attributes.get("domain", "").lower().removeprefix(".")
    if domain and origin.host != domain and not origin.host.endswith(f".{domain}"):
        return None
    path = attributes.get("path", "")
    return Cookie(
        name=name.strip(),
        value=value.strip(),
        domain=domain or origin.host,
        path=path if path.startswith("/") else _default_path(origin.path),
        with_subdomains=bool(domain),
        needs_tls="secure" in attributes,
        expires_s=_read_expiry(attributes, now_s),
    )


def _read_expiry(attributes: dict[str, str], now_s: float) -> float | None:
    """Return when a cookie expires: `max-age` before `expires`; an unreadable time counts as none."""
    try:
        return now_s + int(attributes["max-age"])
    except (KeyError, ValueError):
        pass
    try:
        return parsedate_to_datetime(attributes["expires"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None


def _default_path(path: str) -> str:
    """Return the folder of a path, as a cookie without a path has it."""
    return path.rpartition("/")[0] or "/"


def _is_below(path: str, folder: str) -> bool:
    if path == folder:
        return True
    return path.startswith(folder) and (folder.endswith("/") or path[len(folder)] == "/")
