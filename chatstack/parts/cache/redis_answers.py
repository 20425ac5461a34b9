"""The store of answers in Redis, which several backends share."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chatstack.parts.cache.answer import CachedAnswer
from chatstack.parts.cache.answers import Answers

Result = TypeVar("Result")

# The braces keep all keys in one slot of a cluster.
_PREFIX = "{chatstack:cache}:"
_INDEX = "{chatstack:cache}"
"""Sorted set: the name of each answer, by the time of its last use."""
_MS_PER_S = 1000
# One step, so that no answer is stored without its place in the index.
_PUT = """
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[1], ARGV[3], KEYS[2])
local excess = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[4])
if excess > 0 then
  local oldest = redis.call('ZPOPMIN', KEYS[1], excess)
  for position = 1, #oldest, 2 do redis.call('DEL', oldest[position]) end
end
"""
SILENCE_S = 1.0
"""Time after an error in which Redis is not asked again: a Redis that hangs delays one question a second."""


class RedisAnswers:
    """Answers in Redis.

    Args:
        redis: Connections to Redis.
        ttl_s: Lifetime of an answer, in seconds.
        max_entries: Most answers of all backends together.
    """

    def __init__(self, redis: Redis, ttl_s: float, max_entries: int) -> None:
        self._redis = redis
        self._ttl_ms = max(1, round(_MS_PER_S * ttl_s))
        self._max_entries = max_entries
        self._put = redis.register_script(_PUT)

    async def get(self, key: str) -> CachedAnswer | None:
        """Return an answer; `None` if it is not stored or expired."""
        name = _PREFIX + key
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.get(name)
            pipeline.zadd(_INDEX, {name: time.time()}, xx=True)
            content, _ = await pipeline.execute()
        return None if content is None else CachedAnswer.from_bytes(content)

    async def put(self, key: str, answer: CachedAnswer) -> None:
        """Store an answer."""
        arguments = (answer.to_bytes(), self._ttl_ms, time.time(), self._max_entries)
        await self._put(keys=(_INDEX, _PREFIX + key), args=arguments)

    async def remove(self, prefix: str) -> int:
        """Remove the answers whose keys begin with a text, and return their number."""
        start = (_PREFIX + prefix).encode()
        stored = cast("list[bytes]", await self._redis.zrange(_INDEX, 0, -1))
        names = [name for name in stored if name.startswith(start)]
        if not names:
            return 0
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(*names)  # expired ones do not count
            pipeline.zrem(_INDEX, *names)
            removed, _ = await pipeline.execute()
        return int(removed)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


class TolerantAnswers:
    """Answers of a store that may fail: its errors are misses.

    Args:
        answers: The store.
        on_error: Called at each error.
        clock: Current time, in seconds.
    """

    def __init__(
        self, answers: Answers, on_error: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._answers = answers
        self._on_error = on_error
        self._clock = clock
        self._silent_until_s = clock()

    async def get(self, key: str) -> CachedAnswer | None:
        """Return an answer; `None` if it is not stored, or if the store failed."""
        return await self._attempt(lambda: self._answers.get(key))

    async def put(self, key: str, answer: CachedAnswer) -> None:
        """Store an answer, if the store works."""
        await self._attempt(lambda: self._answers.put(key, answer))

    async def remove(self, prefix: str) -> int:
        """Remove the answers whose keys begin with a text, and return their number.

        Raises:
            ConnectionError: The store failed, so the answers may still be there.
        """
        try:
            return await self._answers.remove(prefix)
        except (RedisError, OSError) as error:
            self._on_error()
            raise ConnectionError("the store of the cache does not answer") from error

    async def close(self) -> None:
        """Close the store."""
        await self._answers.close()

    async def _attempt(self, call: Callable[[], Awaitable[Result | None]]) -> Result | None:
        if self._clock() < self._silent_until_s:
            return None
        try:
            return await call()
        except (RedisError, OSError):
            self._on_error()
            self._silent_until_s = self._clock() + SILENCE_S
            return None
