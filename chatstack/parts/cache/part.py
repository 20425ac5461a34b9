"""The part of the cache: `CACHE_TTL_S` switches it on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatstack.parts.cache.answers import Answers, MemoryAnswers
from chatstack.parts.cache.cache import Cache
from chatstack.parts.cache.counts import CacheCounts
from chatstack.parts.cache.removal import Removal
from chatstack.parts.part import OpenPart, Surroundings
from chatstack.settings import Settings

_MAX_ENTRIES = 1000
_SHORTEST_S = 0.001


@asynccontextmanager
async def open_part(surroundings: Surroundings) -> AsyncIterator[OpenPart]:
    """Open the cache.

    Settings: CACHE_TTL_S, CACHE_MAX_ENTRIES, CACHE_PER_USER and REDIS_URL.
    """
    settings = surroundings.settings
    counts = CacheCounts(surroundings.measures)
    answers = _open_answers(settings, counts)
    cache = Cache(answers, counts, per_user=settings.switch("CACHE_PER_USER"))
    try:
        yield OpenPart(cache.wrap, [Removal(cache, surroundings.tokens, surroundings.read_body).route()])
    finally:
        await answers.close()


def _open_answers(settings: Settings, counts: CacheCounts) -> Answers:
    ttl_s = settings.number("CACHE_TTL_S", 0.0, low=_SHORTEST_S)
    max_entries = settings.count("CACHE_MAX_ENTRIES", _MAX_ENTRIES, low=1)
    if settings.optional("REDIS_URL") is None:
        return MemoryAnswers(ttl_s, max_entries)
    # A cache in memory needs no package for Redis.
    from chatstack.parts.cache.redis_answers import RedisAnswers, TolerantAnswers  # noqa: PLC0415 - see above
    from chatstack.parts.redis_client import open_redis  # noqa: PLC0415 - likewise

    return TolerantAnswers(RedisAnswers(open_redis(settings), ttl_s, max_entries), counts.count_error)
