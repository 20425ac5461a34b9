"""Aiohttp, as its documentation recommends: one session with one connection per VU."""

import time

import aiohttp  # type: ignore[import-not-found,unused-ignore] # only in the peers' environment

from . import HOST, Client, Take


class AiohttpClient:
    """See `Client`."""

    def __init__(self, port: int) -> None:
        self._base = f"http://{HOST}:{port}"

    async def open(self) -> None:
        """Open the session."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def get(self, _: int, path: str) -> None:
        """Request a document and read it to its end."""
        async with self._session.get(self._base + path) as response:
            await response.read()

    async def stream(self, _: int, path: str, take: Take) -> None:
        """Request a stream; a part's time is that at which the loop yields it."""
        async with self._session.get(self._base + path) as response:
            async for part in response.content.iter_any():
                take(part, time.monotonic())

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def make(port: int, _: int) -> Client:
    """Return the VUs of a server."""
    return AiohttpClient(port)
