"""The interfaces of virtual users, and of everything that begins requests."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from bench.core.load.arrival import Arrival
from bench.core.response.failure import Failure
from bench.measure.load.request_client import OnSample


class Participant(Protocol):
    """A VU of any kind."""

    async def open(self) -> None:
        """Open the connections. Failures are ignored, since the first request will show them."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class VirtualUser(Participant, Protocol):
    """A VU: one connection to one target."""

    def post(self, arrival: Arrival) -> None:
        """Write a request at once if that needs no other work; `begin` must follow in the same callback."""
        ...

    def begin(self, arrival: Arrival, scheduled_s: float, origin_s: float, on_sample: OnSample) -> None:
        """Send a request and read its response. A failed request is a sample too.

        Args:
            arrival: The request.
            scheduled_s: Its planned time, in seconds since the start of the run.
            origin_s: The start of the run on the pacer's clock.
            on_sample: Called when the request has ended, never before this function returns.
        """
        ...

    def cut(self, failure: Failure) -> None:
        """End the request in progress now: its sample has this failure, and its times until now."""
        ...


User = TypeVar("User", bound=Participant)
GracefulStop = Callable[[float], float]
"""Returns how long requests may take after the end of a phase, from the slowest answer so far; in seconds."""
OpenVu = Callable[[int, int], User]
"""Makes a VU from its number, and the number of its arm, or of its journey in a mix."""
Begin = Callable[[int], Awaitable[float]]
OnFree = Callable[[float], None]
"""Called when a VU is free again, with the time on the pacer's clock."""


class Activity(Protocol):
    """Something that begins requests in a phase. It calls `Loops.end_work` when it has ended."""

    @property
    def waits_since_s(self) -> float | None:
        """Planned time of the request in progress, on the pacer's clock; `None` without one."""
        ...

    def rest(self) -> None:
        """Begin only what cleans up. A request in progress may end."""
        ...

    def interrupt(self) -> None:
        """End the request in progress now, and begin only what cleans up."""
        ...
