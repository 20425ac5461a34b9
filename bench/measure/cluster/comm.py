"""A connection of Dask, which has no types of its own."""

from typing import Any, Protocol


class Comm(Protocol):
    """A connection between a run and a Dask worker. All errors of it are an `OSError`."""

    async def read(self) -> Any:
        """Return the next message."""
        ...

    async def write(self, message: object, /) -> object:
        """Send a message. It never waits: Dask buffers without a limit."""
        ...

    async def close(self) -> None:
        """Close the connection after the last message."""
        ...

    def abort(self) -> None:
        """Close the connection at once."""
        ...
