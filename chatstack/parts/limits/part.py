"""The part that refuses questions above a user's limit. Settings: RATE_LIMIT_PER_MINUTE, REDIS_URL."""

import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

from prometheus_client import Counter

from chatstack.chat.events import Ask, Event, FailedError, Question
from chatstack.measures import Measures
from chatstack.parts.limits.window import Admission, SlidingWindow
from chatstack.parts.part import OpenPart, Surroundings

_WINDOW_S = 60.0
_MOST_PER_MINUTE = 100_000
_TOO_MANY_REQUESTS = 429

Admit = Callable[[str, float], Awaitable[Admission]]


@asynccontextmanager
async def open_part(surroundings: Surroundings) -> AsyncIterator[OpenPart]:
    """Open the part."""
    settings = surroundings.settings
    limit = settings.count("RATE_LIMIT_PER_MINUTE", 0, low=1, high=_MOST_PER_MINUTE)
    limits = RateLimit(limit, surroundings.measures)
    if settings.optional("REDIS_URL") is None:
        window = SlidingWindow(limit, _WINDOW_S)

        async def admit(user: str, now_s: float) -> Admission:
            return window.admit(user, now_s)

        yield OpenPart(limits.wrap(admit))
        return
    # A limit in memory needs no package for Redis.
    from chatstack.parts.limits.shared_window import SharedWindow  # noqa: PLC0415 - see above
    from chatstack.parts.redis_client import open_redis  # noqa: PLC0415 - likewise

    shared = SharedWindow(open_redis(settings), limit, _WINDOW_S, limits.count_failure)
    try:
        yield OpenPart(limits.wrap(shared.admit))
    finally:
        await shared.close()


class RateLimit:
    """Refuses questions above the limit, and states the limit in the headers of each response.

    Headers: `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers, and `Retry-After`.

    Args:
        limit: Most questions of a user in a minute.
        measures: Counts refused questions, and questions that were decided without Redis.
    """

    def __init__(self, limit: int, measures: Measures) -> None:
        self._limit = limit
        self._limited = Counter(
            "chatstack_limited_questions",
            "Questions refused by the rate limit.",
            registry=measures.registry,
        )
        self._failures = Counter(
            "chatstack_limits_redis_failures",
            "Times that Redis did not answer, so that the backend limited its own questions for a second.",
            registry=measures.registry,
        )

    def count_failure(self, reason: str) -> None:  # noqa: ARG002 - the interface of the shared window
        """Count a question that Redis could not decide."""
        self._failures.inc()

    def wrap(self, admit: Admit) -> Callable[[Ask], Ask]:
        """Return the part that asks `admit` before each question."""

        def part(ask: Ask) -> Ask:
            async def limited(question: Question) -> AsyncGenerator[Event, None]:
                admission = await admit(str(question.user["_id"]), time.monotonic())
                question.headers.update(self._headers(admission))
                if not admission.is_admitted:
                    self._limited.inc()
                    seconds = retry_after_s(admission)
                    raise FailedError(
                        _TOO_MANY_REQUESTS,
                        f"more than {self._limit} messages in a minute",
                        {"Retry-After": str(seconds)},
                    )
                async with aclosing(ask(question)) as events:
                    async for event in events:
                        yield event

            return limited

        return part

    def _headers(self, admission: Admission) -> dict[str, str]:
        seconds = retry_after_s(admission)
        return {
            "RateLimit-Policy": f'"user";q={self._limit};w={_WINDOW_S:.0f}',
            "RateLimit": f'"user";r={admission.remaining};t={seconds}',
        }


def retry_after_s(admission: Admission) -> int:
    """Return the seconds after which one more request passes, rounded up."""
    return max(1, math.ceil(admission.wait_s))
