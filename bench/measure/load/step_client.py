"""Sends one request of a journey's step over the connection of its VU, and makes a sample of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.core.config.step_request import StepCheck
from bench.core.load.arrival import Arrival
from bench.core.response.failure import Failure
from bench.core.response.step_answer import StepAnswer, check_step
from bench.core.response.tier_times import TierReader
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.values.units import ms
from bench.measure.http.connection import Reading
from bench.measure.http.wire import Reply
from bench.measure.load.request_client import (
    Exchanger,
    OnSample,
    RequestClient,
    describe_failure,
    since,
)
from bench.measure.load.shared import Shared

_WHOLE = Reading()


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


class StepClient(RequestClient):
    """Sends requests of steps (see `virtual_user.VirtualUser`), each after it was set as `request`.

    Args:
        timeout_s: Longest time for one request.
        tier_reader: Reads the tier times of answers.
        shared: What all clients of a process share.
    """

    __slots__ = ("_tier_reader", "request")

    def __init__(self, timeout_s: float, tier_reader: TierReader, shared: Shared) -> None:
        super().__init__(timeout_s, shared)
        self.request: PreparedRequest | None = None
        self._tier_reader = tier_reader

    async def open(self) -> None:
        """Do nothing: the connections belong to the journey."""

    async def close(self) -> None:
        """Do nothing: the connections belong to the journey."""

    def begin(self, arrival: Arrival, scheduled_s: float, origin_s: float, on_sample: OnSample) -> None:
        """Send the request and read its answer to the end (see `RequestClient.begin`)."""
        request = self.request
        assert request is not None  # noqa: S101 - the journey sets it
        self._arrival = arrival
        self._scheduled_s = scheduled_s
        self._origin_s = origin_s
        self._send(request.connection, request.content, _WHOLE, on_sample)

    def _make_sample(self, broken: Failure | None) -> tuple[RequestSample, Sequence[float]]:
        request = self.request
        assert request is not None  # noqa: S101 - the journey sets it
        arrival = self._arrival
        origin_s = self._origin_s
        reply = request.connection.reply
        finished_s = reply.finished_s - origin_s
        failure = broken
        if broken is None:
            answer = request.read(reply, ms(finished_s - self._scheduled_s))
            failure = check_step(answer, request.checks, is_secret=request.is_secret) or request.save(answer)
        sample = RequestSample(
            phase=arrival.phase,
            vu=arrival.vu,
            iteration=arrival.iteration,
            prompt=arrival.label,
            scheduled_s=self._scheduled_s,
            finished_s=finished_s,
            outcome=Outcome.OK if failure is None else failure[0],
            connect_s=reply.connect_s,
            sent_s=since(origin_s, reply.sent_s),
            first_byte_s=since(origin_s, reply.first_byte_s),
            status=reply.status or None,
            detail=describe_failure(failure),
            culprit=self._culprit_of(failure, broken),
            tier_times=self._tier_reader.read(reply.headers, {}),
            step=arrival.journey_step,
        )
        return sample, ()
