"""Sends one request of a journey's step over the connection of its VU, and returns a sample of it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.core.config.step_request import StepCheck
from bench.core.load.arrival import Arrival
from bench.core.response.failure import Failure
from bench.core.response.step_answer import StepAnswer, check_step
from bench.core.response.tier_times import TierReader
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Culprit, Outcome
from bench.core.values.units import ms
from bench.measure.http.wire import Reply, WireError
from bench.measure.load.chat_client import (
    DETAIL_LENGTH,
    Exchanger,
    since,
    storable,
    timeout_failure,
    wire_failure,
)
from bench.measure.load.trace_header import add_trace


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request of a step with the values of its user."""

    content: bytes = field(repr=False)
    """The bytes of the request."""
    connection: Exchanger
    """Connection to the service."""
    checks: Sequence[StepCheck]
    """Checks of the answer."""
    read: Callable[[Reply, float], StepAnswer]
    """Returns the answer of a reply and its response time in milliseconds, and takes its cookies."""
    save: Callable[[StepAnswer], Failure | None]
    """Saves the values of an answer that passed its checks; returns why it is none."""
    is_secret: bool = False
    """Whether the answer holds secrets, so that failures must not quote it."""


class StepClient:
    """Sends requests of steps (see `engine.VirtualUser`), each after it was set as `request`.

    Args:
        timeout_s: Longest time for one request.
        tier_reader: Reads the tier times of answers.
        trace_prefix: Beginning of the trace ids of the requests; `None` to send no `traceparent`.
    """

    def __init__(self, timeout_s: float, tier_reader: TierReader, trace_prefix: bytes | None = None) -> None:
        self.request: PreparedRequest | None = None
        self._timeout_s = timeout_s
        self._tier_reader = tier_reader
        self._trace_prefix = trace_prefix
        self._culprit = Culprit.TARGET

    async def open(self) -> None:
        """Do nothing: the connections belong to the journey."""

    async def close(self) -> None:
        """Do nothing: the connections belong to the journey."""

    async def send(
        self, arrival: Arrival, scheduled_s: float, origin_s: float
    ) -> tuple[RequestSample, Sequence[float]]:
        """Send the request and read its answer to the end. Only a cancellation raises."""
        failure = await self._exchange(arrival)
        return self._read(arrival, scheduled_s, origin_s, failure), ()

    def interrupted(
        self, arrival: Arrival, scheduled_s: float, origin_s: float, failure: Failure
    ) -> RequestSample:
        """Return the sample of a request whose `send` was cancelled, with its times until now."""
        return self._read(arrival, scheduled_s, origin_s, failure)

    async def _exchange(self, arrival: Arrival) -> Failure | None:
        """Send the request. Return why the exchange ended before the answer did."""
        assert self.request is not None  # noqa: S101 - the journey sets it
        self._culprit = Culprit.TARGET
        timeout_s = min(self._timeout_s, arrival.cancel_after_s or self._timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                content = add_trace(self.request.content, self._trace_prefix, arrival)
                await self.request.connection.exchange(content)
        except TimeoutError:
            return timeout_failure(timeout_s, arrival)
        except WireError as error:
            self._culprit = error.culprit
            return wire_failure(error)
        return None

    def _read(
        self, arrival: Arrival, scheduled_s: float, origin_s: float, broken: Failure | None
    ) -> RequestSample:
        """Return the sample of the newest exchange."""
        request = self.request
        assert request is not None  # noqa: S101 - the journey sets it
        reply = request.connection.reply
        if broken is not None:  # the exchange ends now
            reply.finished_s = time.monotonic()
        finished_s = reply.finished_s - origin_s
        failure = broken
        if broken is None:
            answer = request.read(reply, ms(finished_s - scheduled_s))
            failure = check_step(answer, request.checks, is_secret=request.is_secret) or request.save(answer)
        outcome, detail = failure or (Outcome.OK, None)
        culprit = self._culprit if failure is not None and failure == broken else Culprit.TARGET
        return RequestSample(
            phase=arrival.phase,
            vu=arrival.vu,
            iteration=arrival.iteration,
            prompt=arrival.label,
            scheduled_s=scheduled_s,
            finished_s=finished_s,
            outcome=outcome,
            connect_s=reply.connect_s,
            sent_s=since(origin_s, reply.sent_s),
            first_byte_s=since(origin_s, reply.first_byte_s),
            status=reply.status or None,
            detail=None if detail is None else storable(detail[:DETAIL_LENGTH]) or outcome.value,
            culprit=None if failure is None or outcome is Outcome.CANCELLED else culprit,
            tier_times=self._tier_reader.read(reply.headers, {}),
            step=arrival.journey_step,
        )
