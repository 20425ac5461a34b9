"""HTTP to the tier below, with one connection for each request in flight.

A shared httpx client scans all its connections at every request. With a hundred connections that costs more
than the answer, so this module keeps a stack of clients with one connection each.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from chatstack.settings import Settings

_TIMEOUT_S = 120.0
_SHORTEST_S = 0.001


class Upstream:
    """The tier below.

    Args:
        url: Address of the tier.
        timeout_s: Longest silence, in seconds.
        connect_timeout_s: Longest time to connect, in seconds; `None` for the longest silence.
    """

    def __init__(self, url: str, timeout_s: float, connect_timeout_s: float | None = None) -> None:
        self.url = url
        self._timeout = httpx.Timeout(timeout_s, connect=connect_timeout_s or timeout_s)
        self._idle: list[httpx.AsyncClient] = []
        # Creating a TLS context takes as long as an answer of a small model, so the clients share one.
        self._tls = ssl.create_default_context()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Lend a client for exclusive use."""
        client = self._idle.pop() if self._idle else self._open()
        try:
            yield client
        except BaseException:
            await (
                client.aclose()
            )  # the state of an interrupted connection is unknown, so it is not used again
            raise
        client.cookies.clear()  # cookies belong to one user, and the next request is another user's
        self._idle.append(client)

    async def close(self) -> None:
        """Close all connections."""
        for client in self._idle:
            await client.aclose()
        self._idle.clear()

    def _open(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            base_url=self.url,
            timeout=self._timeout,
            verify=self._tls,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None),
            trust_env=False,
        )
        client.headers.clear()  # send no headers that the client did not send
        return client


def open_upstream(settings: Settings, url_variable: str) -> Upstream:
    """Return the tier below. Settings: its address, UPSTREAM_TIMEOUT_S and UPSTREAM_CONNECT_TIMEOUT_S.

    Raises:
        SettingsError: A setting is wrong.
    """
    timeout_s = settings.number("UPSTREAM_TIMEOUT_S", _TIMEOUT_S, low=_SHORTEST_S)
    connect_timeout_s = settings.number("UPSTREAM_CONNECT_TIMEOUT_S", timeout_s, low=_SHORTEST_S)
    return Upstream(settings.url(url_variable), timeout_s, connect_timeout_s)
