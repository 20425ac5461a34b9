"""HTTPX with one client per VU: a shared client searches all its connections on every request."""

import ssl
import time

import httpx

from . import HOST, Client, Take


class HttpxClient:
    """See `Client`."""

    def __init__(self, port: int, users: int) -> None:
        tls = ssl.create_default_context()  # shared: making one costs milliseconds
        base = f"http://{HOST}:{port}"
        self._clients = [
            httpx.AsyncClient(base_url=base, verify=tls, trust_env=False, timeout=60) for _ in range(users)
        ]

    async def open(self) -> None:
        """Open no shared connection."""

    async def get(self, user: int, path: str) -> None:
        """Request a document and read it to its end."""
        await self._clients[user].get(path)

    async def stream(self, user: int, path: str, take: Take) -> None:
        """Request a stream; a part's time is that at which the loop yields it."""
        async with self._clients[user].stream("GET", path) as response:
            async for part in response.aiter_raw():
                take(part, time.monotonic())

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            await client.aclose()


def make(port: int, users: int) -> Client:
    """Return the VUs of a server."""
    return HttpxClient(port, users)
