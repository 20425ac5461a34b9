"""A sliding window in Redis, which all backends share."""

from collections.abc import Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chatstack.parts.limits.window import Admission, SlidingWindow

_KEY = "chatstack:limit:"
# After a failure, Redis is not asked for this long.
_PAUSE_S = 1.0
_MICROSECONDS = 1_000_000
# The steps of `SlidingWindow.admit` as one atomic step, on the clock of Redis.
# Redis turns a number of Lua into text with 14 digits only, so the time is formatted.
_ADMIT = """
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and now - oldest >= window do
  redis.call('LPOP', KEYS[1])
  oldest = redis.call('LINDEX', KEYS[1], 0)
end
local count = redis.call('LLEN', KEYS[1])
local admitted = 0
if count < limit then
  redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
  admitted, count = 1, count + 1
end
local first = redis.call('LINDEX', KEYS[1], math.max(0, count - limit))
return {admitted, math.max(0, limit - count), first + window - now}
"""


class SharedWindow:
    """A sliding window in Redis. While Redis does not answer, this process limits its own requests.

    Args:
        redis: Redis.
        limit: Most requests in a period.
        window_s: Length of the period, in seconds.
        on_failure: Called with the reason when Redis could not be asked.
    """

    def __init__(self, redis: Redis, limit: int, window_s: float, on_failure: Callable[[str], None]) -> None:
        self._redis = redis
        self._script = redis.register_script(_ADMIT)
        self._arguments = (limit, round(window_s * _MICROSECONDS))
        self._own = SlidingWindow(limit, window_s)
        self._on_failure = on_failure
        self._paused_until_s = float("-inf")

    async def admit(self, user: str, now_s: float) -> Admission:
        """Decide whether a request of a user may pass, and count it if it may."""
        if now_s >= self._paused_until_s:
            try:
                admitted, remaining, wait = await self._script(keys=[_KEY + user], args=self._arguments)
                return Admission(admitted == 1, remaining, wait / _MICROSECONDS)
            except (RedisError, OSError) as error:
                self._paused_until_s = now_s + _PAUSE_S
                self._on_failure(type(error).__name__)
        return self._own.admit(user, now_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
