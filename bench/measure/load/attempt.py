"""Sends one request of a journey, and once more after a renewed login. No failure contains a secret."""

import time
from collections.abc import Sequence
from typing import Protocol

from bench.core.load.arrival import Arrival
from bench.core.load.journey_plan import PlannedStep
from bench.core.response.failure import Failure
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Culprit, Outcome
from bench.measure.load.engine import VirtualUser


class Sender(Protocol):
    """The part of the engine that a user needs: it sends and records single requests."""

    async def send(self, vu: VirtualUser, arrival: Arrival, due_s: float) -> RequestSample:
        """Send a request that is due at this time of the pacer's clock, and record its sample."""
        ...

    def end_of(self, sample: RequestSample) -> float:
        """Return when the exchange of a request ended, on the pacer's clock."""
        ...

    async def sleep_until(self, at_s: float) -> None:
        """Wait until a time of the pacer's clock."""
        ...

    def now_s(self) -> float:
        """Return the time of the pacer's clock."""
        ...


class StepSender(Protocol):
    """The part of a journey that an attempt needs."""

    def prepare(self, planned: PlannedStep) -> VirtualUser:
        """Prepare the request of a step, and return the client that sends it."""
        ...

    def is_expired(self, sample: RequestSample) -> bool:
        """Return whether an answer shows that the login has expired."""
        ...

    async def log_in_again(self, arrival: Arrival, status: int | None, sender: Sender) -> bool:
        """Log in after an answer with this status; return whether that succeeded."""
        ...

    def hide_secrets(self, text: str) -> str:
        """Return a text without the secrets of the user."""
        ...


class Masked:
    """Sends a request by a client, and hides the user's secrets in the words of its failure."""

    def __init__(self, journey: StepSender, client: VirtualUser) -> None:
        self._journey = journey
        self._client = client

    async def open(self) -> None:
        """Do nothing: the connections belong to the journey."""

    async def close(self) -> None:
        """Do nothing: the connections belong to the journey."""

    async def send(
        self, arrival: Arrival, scheduled_s: float, origin_s: float
    ) -> tuple[RequestSample, Sequence[float]]:
        """Send the request, and read its answer."""
        sample, token_times_s = await self._client.send(arrival, scheduled_s, origin_s)
        return self._mask(sample), token_times_s

    def interrupted(
        self, arrival: Arrival, scheduled_s: float, origin_s: float, failure: Failure
    ) -> RequestSample:
        """Return the sample of a request whose `send` was cancelled."""
        return self._mask(self._client.interrupted(arrival, scheduled_s, origin_s, failure))

    def _mask(self, sample: RequestSample) -> RequestSample:
        if sample.detail is None:
            return sample
        return sample._replace(detail=self._journey.hide_secrets(sample.detail))


class Attempt(Masked):
    """Sends a request of a step, and once more if its answer shows that the login has expired."""

    def __init__(self, journey: StepSender, planned: PlannedStep, sender: Sender) -> None:
        super().__init__(journey, journey.prepare(planned))
        self._planned = planned
        self._sender = sender
        self._is_logging_in = False

    async def send(
        self, arrival: Arrival, scheduled_s: float, origin_s: float
    ) -> tuple[RequestSample, Sequence[float]]:
        """Send the request, and read its answer. The response time contains a renewed login."""
        sample, token_times_s = await super().send(arrival, scheduled_s, origin_s)
        if not self._journey.is_expired(sample):
            return sample, token_times_s
        self._is_logging_in = True
        is_renewed = await self._journey.log_in_again(arrival, sample.status, self._sender)
        self._is_logging_in = False
        if not is_renewed:
            return sample, token_times_s
        self._client = self._journey.prepare(self._planned)
        return await super().send(arrival, scheduled_s, origin_s)

    def interrupted(
        self, arrival: Arrival, scheduled_s: float, origin_s: float, failure: Failure
    ) -> RequestSample:
        """Return the sample of a request whose `send` was cancelled."""
        if self._is_logging_in:  # the newest reply is one of the login
            return _bare_sample(arrival, scheduled_s, origin_s, failure)
        return super().interrupted(arrival, scheduled_s, origin_s, failure)


class Unsendable:
    """A request that cannot be sent, because a value is missing or cannot stand in its place."""

    def __init__(self, words: str) -> None:
        self._words = words

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def send(
        self, arrival: Arrival, scheduled_s: float, origin_s: float
    ) -> tuple[RequestSample, Sequence[float]]:
        """Return the sample of a failed request."""
        failure = (Outcome.WRONG_CONTENT, f"the request cannot be sent: {self._words}")
        return _bare_sample(arrival, scheduled_s, origin_s, failure), ()

    def interrupted(
        self, arrival: Arrival, scheduled_s: float, origin_s: float, failure: Failure
    ) -> RequestSample:
        """Return the sample of an ended request."""
        return _bare_sample(arrival, scheduled_s, origin_s, failure)


def _bare_sample(arrival: Arrival, scheduled_s: float, origin_s: float, failure: Failure) -> RequestSample:
    """Return the sample of a request that has no reply."""
    outcome, detail = failure
    return RequestSample(
        phase=arrival.phase,
        vu=arrival.vu,
        iteration=arrival.iteration,
        prompt=arrival.label,
        scheduled_s=scheduled_s,
        finished_s=time.monotonic() - origin_s,
        outcome=outcome,
        detail=detail,
        culprit=None if outcome is Outcome.CANCELLED else Culprit.TARGET,
        step=arrival.journey_step,
    )
