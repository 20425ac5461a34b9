"""The part that asks the agent again. Setting: UPSTREAM_ATTEMPTS."""

import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import stamina
import stamina.instrumentation
from prometheus_client import Counter

from chatstack.chat.causes import Cause
from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question
from chatstack.measures import Measures
from chatstack.parts.backoff.budget import RetryBudget
from chatstack.parts.part import OpenPart, Surroundings

_MOST_ATTEMPTS = 10
# A retry for each ten questions, and ten in advance.
_BUDGET_RATIO = 0.1
_BUDGET_RESERVE = 10.0
# The waits are 0.1 s, 0.2 s, 0.4 s, … up to 5 s, each with up to a second more, by chance.
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0
_JITTER_S = 1.0
# A server that wants a longer pause is not asked again: the client can decide to wait.
_LONGEST_RETRY_AFTER_S = 10.0
_CURABLE = {Cause.UNREACHABLE, Cause.BROKEN, Cause.LIMITED, Cause.BUSY}


@asynccontextmanager
async def open_part(surroundings: Surroundings) -> AsyncIterator[OpenPart]:
    """Open the part."""
    attempts = surroundings.settings.count("UPSTREAM_ATTEMPTS", 1, low=1, high=_MOST_ATTEMPTS)
    # The defaults of stamina write to stdout, which has the announcement, and count in another registry.
    stamina.instrumentation.set_on_retry_hooks([])
    back_off = BackOff(attempts, surroundings.measures)
    yield OpenPart(back_off.wrap if attempts > 1 else lambda ask: ask)


class BackOff:
    """Asks again while no piece of the answer was sent, with growing random waits and within a budget.

    The beginning of a stream is held back until its first piece, so that a failure before it can be cured.

    Args:
        attempts: Most attempts of a question.
        measures: Counts retries.
    """

    def __init__(self, attempts: int, measures: Measures) -> None:
        self._attempts = attempts
        self._budget = RetryBudget(_BUDGET_RATIO, _BUDGET_RESERVE)
        self._retries = Counter(
            "chatstack_upstream_retries",
            "Questions that were asked again, by the cause of the failure.",
            ["cause"],
            registry=measures.registry,
        )
        self._exhausted = Counter(
            "chatstack_upstream_retries_over_budget",
            "Questions that were not asked again, because the retry budget was used up.",
            registry=measures.registry,
        )

    def wrap(self, ask: Ask) -> Ask:
        """Return an `Ask` that asks again after failures."""

        async def retrying(question: Question) -> AsyncGenerator[Event, None]:
            self._budget.deposit()
            beginning, events = await self._begin(ask, question)
            async with aclosing(events):
                for event in beginning:
                    yield event
                async for event in events:
                    yield event

        return retrying

    async def _begin(self, ask: Ask, question: Question) -> tuple[list[Event], AsyncGenerator[Event, None]]:
        """Return the events up to the first piece, and the generator of the others."""
        attempt: stamina.Attempt | None = None

        def decide(error: Exception) -> bool | float:
            assert attempt is not None  # noqa: S101 - an attempt has failed
            is_last = attempt.num >= self._attempts
            return False if is_last or not isinstance(error, FailedError) else self._decide(error)

        attempts = aiter(
            stamina.retry_context(
                decide,
                attempts=self._attempts,
                timeout=None,
                wait_initial=_FIRST_WAIT_S,
                wait_max=_LONGEST_WAIT_S,
                wait_jitter=_JITTER_S,
            )
        )
        while True:
            with question.watch.part("back_off"):
                attempt = await anext(attempts)
            with attempt:
                return await _read_beginning(ask(question))

    def _decide(self, error: FailedError) -> bool | float:
        """Return whether to ask again, or the seconds to wait before that."""
        if error.cause not in _CURABLE or (error.retry_after_s or 0.0) > _LONGEST_RETRY_AFTER_S:
            return False
        if not self._budget.withdraw():
            self._exhausted.inc()
            return False
        self._retries.labels(error.cause.value).inc()
        if error.retry_after_s is None:
            return True
        return error.retry_after_s + random.uniform(0.0, _JITTER_S)


async def _read_beginning(
    events: AsyncGenerator[Event, None],
) -> tuple[list[Event], AsyncGenerator[Event, None]]:
    """Read the events up to the first piece."""
    beginning: list[Event] = []
    try:
        async for event in events:
            beginning.append(event)
            if isinstance(event, Piece | Done):
                break
    except BaseException:
        await events.aclose()
        raise
    return beginning, events
