"""Ollama's queue: some requests run, some wait in order, and one more is refused."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class QueueFullError(Exception):
    """As many requests wait as may."""


class Slots:
    """Places to run in, given in the order of arrival.

    Args:
        parallel: Requests that run at once (OLLAMA_NUM_PARALLEL).
        max_queue: Requests that may wait (OLLAMA_MAX_QUEUE).
    """

    def __init__(self, parallel: int, max_queue: int) -> None:
        self._parallel = parallel
        self._max_queue = max_queue
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.running = 0

    @property
    def waiting(self) -> int:
        """Requests that wait now."""
        return len(self._waiting)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a place and hold it inside the block; it is free again however the block ends.

        Raises:
            QueueFullError: Nobody may wait any more.
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
                self._leave()  # the place was given just when the client left
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def _leave(self) -> None:
        """Hand the place to the next in line, or give it up."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1
