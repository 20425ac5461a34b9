"""The same work by different clients; each file is imported only by the process that measures it."""

import importlib
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

Take = Callable[[bytes, float], None]
HOST = "127.0.0.1"


class Client(Protocol):
    """VUs of one server, each with one request at a time."""

    async def open(self) -> None:
        """Open shared connections."""
        ...

    def get(self, user: int, path: str) -> Awaitable[object]:
        """Request a document and read it to its end."""
        ...

    def stream(self, user: int, path: str, take: Take) -> Awaitable[object]:
        """Request a stream and pass each part with its time in seconds."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


def client_named(name: str, port: int, users: int) -> Client:
    """Return the client in the file of this name."""
    module = importlib.import_module(f"{__name__}.{name}")
    return cast("Client", module.make(port, users))
