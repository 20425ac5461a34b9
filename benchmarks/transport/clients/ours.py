"""The project's transport: one `Connection` per VU, and requests that are built once."""

import asyncio
from collections.abc import Awaitable

from bench.measure.http.connection import Address, Connection, Reply, request_bytes

from . import HOST, Client, Take


class OurClient:
    """See `Client`."""

    def __init__(self, port: int, users: int) -> None:
        self._address = Address(HOST, port)
        self._connections = [Connection(self._address) for _ in range(users)]
        self._requests: dict[str, bytes] = {}

    async def open(self) -> None:
        """Open the connections."""
        await asyncio.gather(*(connection.open() for connection in self._connections))

    def get(self, user: int, path: str) -> Awaitable[Reply]:
        """Request a document and read it to its end."""
        return self._connections[user].exchange(self._requests.get(path) or self._request(path))

    def stream(self, user: int, path: str, take: Take) -> Awaitable[Reply]:
        """Request a stream; the transport takes the times."""
        return self._connections[user].exchange(
            self._requests.get(path) or self._request(path), take, 1 << 40
        )

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()

    def _request(self, path: str) -> bytes:
        request = self._requests[path] = request_bytes("GET", path, self._address.authority, {})
        return request


def make(port: int, users: int) -> Client:
    """Return the VUs of a server."""
    return OurClient(port, users)
