"""The same work by different clients; each file is imported only by the process that measures it."""

import importlib
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

Take = Callable[[bytes, float], None]
HOST = "127.0.0.1"


class Client(Protocol):
    """Many users of one server, each with a request at a time."""

    async def open(self) -> None:
        """Open what is shared."""
        ...

    def get(self, user: int, path: str) -> Awaitable[object]:
        """Ask for a document and read it to its end."""
        ...

    def stream(self, user: int, path: str, take: Take) -> Awaitable[object]:
        """Ask for a stream and give each part, with the time at which this client has it, in seconds."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


def client_named(name: str, port: int, users: int) -> Client:
    """The client in the file of this name."""
    module = importlib.import_module(f"{__name__}.{name}")
    return cast("Client", module.make(port, users))
