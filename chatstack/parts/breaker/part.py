"""The part that stops asking an agent that fails. Settings: BREAKER_FAILURES, BREAKER_OPEN_S."""

import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from prometheus_client import Counter, Gauge

from chatstack.chat.causes import Cause
from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question
from chatstack.chat.exchange import UNAVAILABLE
from chatstack.measures import Measures
from chatstack.parts.breaker.breaker import Breaker, BreakerState, Permit
from chatstack.parts.log import open_log
from chatstack.parts.part import OpenPart, Surroundings

_OPEN_S = 10.0
_SHORTEST_OPEN_S = 0.001
_MOST_FAILURES = 10_000
# The agent works if it refuses a question, or limits the questions of a client.
_FAILURES = {Cause.UNREACHABLE, Cause.BROKEN, Cause.LATE, Cause.BUSY, Cause.FAULTY}


@asynccontextmanager
async def open_part(surroundings: Surroundings) -> AsyncIterator[OpenPart]:
    """Open the part."""
    settings = surroundings.settings
    breaker = Breaker(
        settings.count("BREAKER_FAILURES", 0, low=1, high=_MOST_FAILURES),
        settings.number("BREAKER_OPEN_S", _OPEN_S, low=_SHORTEST_OPEN_S),
    )
    yield OpenPart(CircuitBreaker(breaker, surroundings.measures).wrap)


class CircuitBreaker:
    """Refuses questions with 503 and `Retry-After` while the breaker is open.

    Args:
        breaker: The states.
        measures: Shows the state, and counts openings and refused questions.
        clock: Returns seconds.
    """

    def __init__(
        self, breaker: Breaker, measures: Measures, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._breaker = breaker
        self._clock = clock
        self._log = open_log()
        self._opened = Counter(
            "chatstack_breaker_opened", "Times that the breaker opened.", registry=measures.registry
        )
        self._refused = Counter(
            "chatstack_breaker_refused", "Questions refused by the breaker.", registry=measures.registry
        )
        state = Gauge(
            "chatstack_breaker_state", "0: closed, 1: half open, 2: open.", registry=measures.registry
        )
        state.set_function(lambda: self._breaker.state(self._clock()))

    def wrap(self, ask: Ask) -> Ask:
        """Return an `Ask` that the breaker protects."""

        async def protected(question: Question) -> AsyncGenerator[Event, None]:
            permit = self._breaker.admit(self._clock())
            if permit is None:
                raise self._refuse()
            try:
                async with aclosing(ask(question)) as events:
                    async for event in events:
                        # The first piece of a trial proves that the agent works: others need not wait longer.
                        if isinstance(event, Done) or (permit.is_trial and isinstance(event, Piece)):
                            self._breaker.succeed(permit)
                        yield event
            except FailedError as error:
                self._take(permit, error)
                raise
            finally:
                self._breaker.release(permit)

        return protected

    def _take(self, permit: Permit, error: FailedError) -> None:
        if error.cause not in _FAILURES:
            self._breaker.succeed(permit)
            return
        now_s = self._clock()
        was_open = self._breaker.state(now_s) is BreakerState.OPEN
        self._breaker.fail(permit, now_s)
        if not was_open and self._breaker.state(now_s) is BreakerState.OPEN:
            self._opened.inc()
            self._log.warning("breaker opened", cause=error.cause.value, seconds=self._breaker.wait_s(now_s))

    def _refuse(self) -> FailedError:
        self._refused.inc()
        seconds = max(1, math.ceil(self._breaker.wait_s(self._clock())))
        return FailedError(UNAVAILABLE, "the AI agent is not available", {"Retry-After": str(seconds)})
