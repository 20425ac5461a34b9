"""Connections to the Redis that parts of several backends share."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chatstack.settings import Settings, SettingsError

_TIMEOUT_S = 1.0
# Enough to keep Redis busy. In a burst, further requests wait for a connection instead of failing.
_CONNECTIONS = 24


def open_redis(settings: Settings) -> Redis:
    """Return connections to `REDIS_URL`, which are opened when they are first used.

    A request waits for Redis for at most `REDIS_TIMEOUT_S`. A failed command is not repeated, because each
    part goes on without Redis.

    Raises:
        SettingsError: A setting is wrong. The message does not contain it, since it may contain a password.
    """
    timeout_s = settings.number("REDIS_TIMEOUT_S", _TIMEOUT_S, low=0.001)
    try:
        pool = BlockingConnectionPool.from_url(
            settings.text("REDIS_URL"),
            max_connections=_CONNECTIONS,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        raise SettingsError("REDIS_URL: not an address like redis://127.0.0.1:6379/0") from None
    return Redis.from_pool(pool)
