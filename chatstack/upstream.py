"""HTTP to the tier below, with one connection a request under way.

A shared httpx client rescans all its connections on every request, which at a hundred of them costs more than
the answer; so there is a stack of clients with one connection each.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx


class Upstream:
    """The tier below.

    Args:
        url: Its address.
        timeout_s: How long it may say nothing.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self.url = url
        self._timeout_s = timeout_s
        self._idle: list[httpx.AsyncClient] = []
        # Making one takes as long as an answer of a small model, so the clients share it.
        self._tls = ssl.create_default_context()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client that nobody else uses meanwhile."""
        client = self._idle.pop() if self._idle else self._open()
        try:
            yield client
        except BaseException:
            await client.aclose()  # nobody knows where it was broken off, so nobody else gets it
            raise
        client.cookies.clear()  # they are one user's, and the next one is another
        self._idle.append(client)

    async def close(self) -> None:
        """Close all connections."""
        for client in self._idle:
            await client.aclose()
        self._idle.clear()

    def _open(self) -> httpx.AsyncClient:
        client = httpx.AsyncClient(
            base_url=self.url,
            timeout=self._timeout_s,
            verify=self._tls,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None),
            trust_env=False,
        )
        client.headers.clear()  # what the asker did not say is not said for him
        return client
