"""The part that limits the complete time of an answer. Setting: UPSTREAM_TOTAL_TIMEOUT_S.

UPSTREAM_TIMEOUT_S limits each silence of the agent, but not the time of one that sends a piece now and then.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from chatstack.chat.causes import Cause
from chatstack.chat.events import Ask, Event, FailedError, Part, Question
from chatstack.chat.exchange import TIMEOUT
from chatstack.parts.part import OpenPart, Surroundings

_SHORTEST_S = 0.001


@asynccontextmanager
async def open_part(surroundings: Surroundings) -> AsyncIterator[OpenPart]:
    """Open the part."""
    limit_s = surroundings.settings.number("UPSTREAM_TOTAL_TIMEOUT_S", 0.0, low=_SHORTEST_S)
    yield OpenPart(limit_time(limit_s))


def limit_time(limit_s: float) -> Part:
    """Return a part that ends an answer after this time, with all its attempts."""

    def part(ask: Ask) -> Ask:
        async def limited(question: Question) -> AsyncGenerator[Event, None]:
            end_s = asyncio.get_running_loop().time() + limit_s
            async with aclosing(ask(question)) as events:
                while True:
                    try:
                        async with asyncio.timeout_at(end_s):
                            event = await anext(events, None)
                    except TimeoutError:
                        raise FailedError(
                            TIMEOUT, "the AI agent did not answer in time", cause=Cause.LATE
                        ) from None
                    if event is None:
                        return
                    yield event

        return limited

    return part
