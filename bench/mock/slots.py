"""Ollama's queue: a number of requests run, others wait in order, and further ones are refused."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class QueueFullError(Exception):
    """The queue is full."""


class Slots:
    """Slots that are given in the order of arrival.

    Args:
        parallel: Number of requests that run at once (OLLAMA_NUM_PARALLEL).
        max_queue: Number of requests that may wait (OLLAMA_MAX_QUEUE).
    """

    def __init__(self, parallel: int, max_queue: int) -> None:
        self._parallel = parallel
        self._max_queue = max_queue
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.running = 0

    @property
    def waiting(self) -> int:
        """Number of waiting requests."""
        return len(self._waiting)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a slot and hold it inside the block.

        Raises:
            QueueFullError: The queue is full.
        """
        await self._enter()
        try:
            yield
        finally:
            self._leave()

    async def _enter(self) -> None:
        if self.running < self._parallel and not self._waiting:
            self.running += 1
            return
        if len(self._waiting) >= self._max_queue:
            raise QueueFullError
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # the client left at the moment at which it got the slot
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def _leave(self) -> None:
        """Give the slot to the next waiting request, or free it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1
