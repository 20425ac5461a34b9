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
    return Redis.from_pool(open_pool(settings.text("REDIS_URL"), timeout_s))


def open_pool(
    url: str, timeout_s: float, connections: int = _CONNECTIONS, *, decode_responses: bool = False
) -> BlockingConnectionPool:
    """Return a pool of connections, which are opened when they are first used.

    Args:
        url: Address of Redis, which may contain a password.
        timeout_s: Longest wait for a connection, and for each answer, in seconds.
        connections: Largest number of connections.
        decode_responses: Return texts instead of bytes.

    Raises:
        SettingsError: The address is wrong. The message does not contain it.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            decode_responses=decode_responses,
        )
        pool.connection_class(**pool.connection_kwargs)  # an unknown parameter of the address fails only here
    except (ValueError, TypeError):
        raise SettingsError("REDIS_URL: not an address like redis://127.0.0.1:6379/0") from None
    return pool
