"""A VU that sends a failed request again, as the scenario's `retry` declares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Protocol

from bench.core.config.retry import Retry
from bench.core.load.arrival import Arrival
from bench.core.load.backoff import is_retryable, wait_s
from bench.core.response.failure import Failure
from bench.core.samples.request import RequestSample
from bench.core.values.retry_after import read_retry_after
from bench.measure.load.request_client import OnSample
from bench.measure.load.retry_room import RetryRoom
from bench.measure.load.virtual_user import VirtualUser


class Retryable(VirtualUser, Protocol):
    """A VU whose newest response has headers."""

    def response_header(self, name: str) -> str | None:
        """Return a header of the newest response; `None` without it."""
        ...


class RetryingVu:
    """Sends the requests of a VU, each until it succeeds or may not be sent again (see `VirtualUser`).

    The sample is that of the last attempt, planned when the first one was: its times contain all waits.

    Args:
        vu: Sends each attempt.
        retry: The declaration.
        room: The budget and the timer of the load generator.
    """

    def __init__(self, vu: Retryable, retry: Retry, room: RetryRoom) -> None:
        self._vu = vu
        self._retry = retry
        self._room = room
        self._give_up: Callable[[], None] | None = None

    async def open(self) -> None:
        """Open the connection. Failures are ignored, since the first request will show them."""
        await self._vu.open()

    async def close(self) -> None:
        """Close the connection."""
        await self._vu.close()

    def post(self, arrival: Arrival) -> None:
        """Write the first attempt at once if that needs no other work."""
        self._vu.post(arrival)

    def begin(self, arrival: Arrival, scheduled_s: float, origin_s: float, on_sample: OnSample) -> None:
        """Send a request until it succeeds or may not be sent again (see `VirtualUser.begin`)."""
        self._room.budget.deposit(self._retry.budget)
        self._begin_attempt(_Request(arrival, scheduled_s, origin_s, on_sample), 0, None)

    def cut(self, failure: Failure) -> None:
        """End the request in progress now. Between two attempts, the failure of the last attempt remains."""
        if self._give_up is None:
            self._vu.cut(failure)
        else:
            self._give_up()

    def _begin_attempt(self, request: "_Request", number: int, at_s: float | None) -> None:
        """Send an attempt, and take its sample.

        Args:
            request: The request.
            number: Number of retries before it.
            at_s: Its planned time since the start of the run; `None` for the first attempt.
        """

        def take(sample: RequestSample, token_times_s: Sequence[float]) -> None:
            sample = sample._replace(retries=number, retried_s=at_s)
            if request.arrival.cancel_after_s is None and self._may_retry(sample):
                self._wait(request, sample)
            else:
                request.on_sample(sample, token_times_s)

        self._vu.begin(request.arrival, request.scheduled_s, request.origin_s, take)

    def _may_retry(self, sample: RequestSample) -> bool:
        if (sample.retries or 0) + 1 >= self._retry.attempts or not is_retryable(self._retry, sample):
            return False
        return self._room.budget.withdraw()

    def _wait(self, request: "_Request", sample: RequestSample) -> None:
        """Wait, and send the next attempt."""
        number = (sample.retries or 0) + 1
        after_s = read_retry_after(self._vu.response_header("retry-after"), datetime.now(UTC))
        arrival = request.arrival
        random = Random(f"{self._room.seed}:{arrival.phase}:{arrival.vu}:{arrival.iteration}:{number}")
        at_s = sample.finished_s + wait_s(self._retry, number, after_s, random)

        def go_on() -> None:
            if self._give_up is give_up:  # a wait that was ended is not ended again by its timer
                self._give_up = None
                self._begin_attempt(request, number, at_s)

        def give_up() -> None:
            self._give_up = None
            request.on_sample(sample, ())

        self._give_up = give_up
        self._room.pacer.call_at(at_s + request.origin_s, go_on)


@dataclass(frozen=True, slots=True)
class _Request:
    """A request of the plan."""

    arrival: Arrival
    scheduled_s: float
    origin_s: float
    on_sample: OnSample
