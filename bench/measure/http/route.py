"""The way to a stack over HTTP: the client, the trusted certificates and the proxies."""

import importlib.util
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.errors import ConfigError
from bench.measure.http.proxies import Proxies, read_proxies
from bench.measure.http.trust import make_context

if TYPE_CHECKING:  # importing httpx takes a tenth of a second, and a load generator rarely needs it
    import httpx


class HttpImplementation(StrEnum):
    """The HTTP implementation that sends the requests."""

    OWN = "own"
    """The load generator's own timed connection."""
    HTTPX = "httpx"
    """httpx, for proxies and HTTP/2; slower, and its times are less exact."""


class HttpVersion(StrEnum):
    """The HTTP version that a user asks for."""

    HTTP_1_1 = "1.1"
    HTTP_2 = "2"


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a stack. Load, ready check and health checks of a run use the same."""

    transport: HttpImplementation = HttpImplementation.OWN
    """The HTTP implementation of the load."""
    version: HttpVersion | None = None
    """HTTP version of httpx; `None` for the highest that the server and the installed packages support."""
    ca: Path | None = None
    """PEM file with certificates that are trusted as well as those of the system."""
    proxies: Proxies = field(default_factory=Proxies)
    """The proxies; none for the own transport."""

    @property
    def context(self) -> ssl.SSLContext:
        """The TLS context; see `make_context`."""
        return make_context(self.ca)

    def without_proxies(self) -> "Route":
        """Return the way to a server of bench itself."""
        return replace(self, proxies=Proxies())

    def client(self, urls: Iterable[str]) -> "httpx.AsyncClient":
        """Return a client for the health checks at these addresses."""
        import httpx  # noqa: PLC0415 - see above

        mounts: dict[str, httpx.AsyncBaseTransport | None] = {}
        for origin, proxy in self._find_proxies(urls).items():
            mounts[origin] = httpx.AsyncHTTPTransport(proxy=proxy, verify=self.context)
        return httpx.AsyncClient(verify=self.context, trust_env=False, mounts=mounts)

    def blocking_client(
        self, urls: Iterable[str], headers: Mapping[str, str], timeout_s: float
    ) -> "httpx.Client":
        """Return a client for the ready check at these addresses."""
        import httpx  # noqa: PLC0415 - see above

        mounts: dict[str, httpx.BaseTransport | None] = {}
        for origin, proxy in self._find_proxies(urls).items():
            mounts[origin] = httpx.HTTPTransport(proxy=proxy, verify=self.context)
        return httpx.Client(
            headers=headers, timeout=timeout_s, verify=self.context, trust_env=False, mounts=mounts
        )

    def _find_proxies(self, urls: Iterable[str]) -> dict[str, str]:
        """Return the proxy of each address that needs one, by its scheme, host and port."""
        by_origin = {}
        for url in urls:
            proxy = self.proxies.find(url)
            if proxy is not None:
                parts = urlsplit(url)
                by_origin[f"{parts.scheme}://{parts.netloc}"] = proxy
        return by_origin


DIRECT = Route()
"""The own transport, without proxies, with the certificates of the system."""


def choose_route(
    transport: HttpImplementation,
    version: HttpVersion | None,
    ca: Path | None,
    environ: Mapping[str, str],
) -> Route:
    """Return the route that the options ask for.

    Args:
        transport: The HTTP implementation.
        version: The HTTP version.
        ca: PEM file with further certificates.
        environ: The environment, which declares the proxies of httpx.

    Raises:
        ConfigError: An option, a file of certificates or a proxy is wrong, or a package is missing.
    """
    route = direct_route(ca)
    if transport is HttpImplementation.OWN:
        if version is HttpVersion.HTTP_2:
            raise ConfigError("--http 2: the own transport supports HTTP/1.1 only", "add --transport httpx")
        return route
    if version is HttpVersion.HTTP_2 and not has_http2():
        raise ConfigError("--http 2 needs the package h2", "pip install 'chatbench[http2]'")
    return Route(transport, version, ca, read_proxies(environ))


def direct_route(ca: Path | None = None) -> Route:
    """Return the route without proxies.

    Args:
        ca: PEM file with certificates that are trusted as well as those of the system.

    Raises:
        ConfigError: A file of certificates is wrong.
    """
    make_context(ca)
    return Route(ca=ca)


def has_http2() -> bool:
    """Return whether the package is installed that httpx needs for HTTP/2."""
    return importlib.util.find_spec("h2") is not None
