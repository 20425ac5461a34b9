"""Single flight: requests with the same key at the same time share one run of its events."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, TypeVar

from chatstack.chat.events import Event, FailedError
from chatstack.chat.exchange import FAILED

Subject = TypeVar("Subject")


class Flight(Generic[Subject]):
    """One run of events that any number of requests read, each from the first event on.

    The run has a task of its own: it goes on if the request that began it leaves, and ends when the last
    reader leaves.

    Args:
        subject: What all readers share besides the events.
        events: The events; they are closed at the end.
        on_end: Called once, when no further request may join.
    """

    def __init__(
        self, subject: Subject, events: AsyncGenerator[Event, None], on_end: Callable[[], None]
    ) -> None:
        self.subject = subject
        self._events: list[Event] = []
        self._failure: Exception | None = None
        self._is_over = False
        self._readers = 0
        self._news = asyncio.Event()
        self._on_end = on_end
        self._task = asyncio.create_task(self._run(events))

    async def read(self) -> AsyncGenerator[Event, None]:
        """Yield all events, those of the past first.

        Raises:
            FailedError: The run failed.
        """
        self._readers += 1
        position = 0
        try:
            while True:
                while position < len(self._events):
                    yield self._events[position]
                    position += 1
                if self._is_over:
                    break
                await self._news.wait()
            if self._failure is not None:
                raise _copy(self._failure)
        finally:
            self._readers -= 1
            if not self._readers and not self._is_over:
                await self._stop()

    async def _run(self, events: AsyncGenerator[Event, None]) -> None:
        try:
            async with aclosing(events):
                async for event in events:
                    self._events.append(event)
                    self._wake()
        except asyncio.CancelledError:
            self._failure = FailedError(FAILED, "the answer was interrupted")
            raise
        except Exception as error:  # noqa: BLE001 - each reader raises it
            self._failure = error
        finally:
            self._end()

    async def _stop(self) -> None:
        """End a run that has no reader, and wait until its resources are free."""
        self._end()
        self._task.cancel()
        await asyncio.wait({self._task})

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._on_end()
            self._wake()

    def _wake(self) -> None:
        news = self._news
        self._news = asyncio.Event()
        news.set()


class Flights(Generic[Subject]):
    """The runs of now, by key."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight[Subject]] = {}

    def join(
        self, key: str, begin: Callable[[], tuple[Subject, AsyncGenerator[Event, None]]]
    ) -> tuple[Flight[Subject], bool]:
        """Return the run of a key, and whether it begins with this call.

        Args:
            key: The key.
            begin: Returns the subject and the events of a new run.
        """
        current = self._flights.get(key)
        if current is not None:
            return current, False
        flight = Flight(*begin(), on_end=lambda: self._remove(key, flight))
        self._flights[key] = flight
        return flight, True

    def forget(self, prefix: str) -> None:
        """Let later requests begin a run of their own, for keys that begin with a text."""
        for key in [key for key in self._flights if key.startswith(prefix)]:
            del self._flights[key]

    def _remove(self, key: str, flight: Flight[Subject]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


def _copy(failure: Exception) -> Exception:
    """Return an error for one reader: a shared one would collect the tracebacks of all."""
    if isinstance(failure, FailedError):
        return FailedError(failure.status, failure.message, failure.headers)
    return failure
