"""The interface of a store of answers, and the one in the memory of this process."""

import time
from collections.abc import Callable
from typing import Protocol

from cachetools import TTLCache

from chatstack.parts.cache.answer import CachedAnswer


class Answers(Protocol):
    """Answers by key. Each expires, and the least recently used ones make room for new ones."""

    async def get(self, key: str) -> CachedAnswer | None:
        """Return an answer; `None` if it is not stored or expired."""
        ...

    async def put(self, key: str, answer: CachedAnswer) -> None:
        """Store an answer."""
        ...

    async def remove(self, prefix: str) -> int:
        """Remove the answers whose keys begin with a text, and return their number."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class MemoryAnswers:
    """Answers of one process.

    Args:
        ttl_s: Lifetime of an answer, in seconds.
        max_entries: Most answers.
        clock: Current time, in seconds.
    """

    def __init__(self, ttl_s: float, max_entries: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._answers: TTLCache[str, CachedAnswer] = TTLCache(max_entries, ttl_s, clock)

    async def get(self, key: str) -> CachedAnswer | None:
        """Return an answer; `None` if it is not stored or expired."""
        return self._answers.get(key)

    async def put(self, key: str, answer: CachedAnswer) -> None:
        """Store an answer."""
        self._answers[key] = answer

    async def remove(self, prefix: str) -> int:
        """Remove the answers whose keys begin with a text, and return their number."""
        self._answers.expire()
        keys = [key for key in self._answers if key.startswith(prefix)]
        for key in keys:
            del self._answers[key]
        return len(keys)

    async def close(self) -> None:
        """Do nothing: the memory goes with the process."""
