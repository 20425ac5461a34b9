"""Connections to the Redis that parts of several backends share."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chatstack.settings import Settings, SettingsError

TIMEOUT_S = 1.0
"""Longest wait of a request for Redis, in seconds."""


def open_redis(settings: Settings) -> Redis:
    """Return connections to `REDIS_URL`, which are opened when they are first used.

    A failed command is not repeated, because each part goes on without Redis.

    Raises:
        SettingsError: The address is wrong. The message does not contain it, since it may contain a password.
    """
    try:
        return Redis.from_url(
            settings.text("REDIS_URL"),
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        raise SettingsError("REDIS_URL: not an address like redis://127.0.0.1:6379/0") from None
