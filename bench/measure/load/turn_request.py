"""One request of a turn in Python. Its sample is made after the turn has read and checked the answer."""

import time
from collections.abc import Collection, Sequence

import httpx

from bench.core.load.arrival import Arrival
from bench.core.response.failure import STATUS_OUTCOMES, Failure
from bench.core.response.server_words import find_words
from bench.core.response.tier_times import TierReader
from bench.core.samples.request import RequestSample, token_moments
from bench.core.samples.sample import Culprit, Outcome
from bench.core.values.units import ms
from bench.measure.http.httpx_transport import EXTENSION, ExchangeTimes
from bench.measure.http.wire import WireError
from bench.measure.load.request_client import describe_failure, since, wire_failure

_MOST_REFUSED_BYTES = 16 * 1024
_FIRST_REFUSED = 400
_NO_TIERS = TierReader(None)


class TurnRequest:
    """A request that the code of a turn sends.

    Args:
        arrival: The request, with its name in results and its number.
        planned_s: Planned time of sending, on the clock of `time.monotonic` like all times.
        accepted: Statuses that the turn expects; empty for all below 400.

    Attributes:
        arrival: The request.
        planned_s: Planned time of sending.
        is_over: Whether its answer was read or closed, or it failed.
        is_cancelled: Whether it was cancelled, by the turn or at the end of the run.
        failure: Why it failed; `None` if it did not.
    """

    def __init__(self, arrival: Arrival, planned_s: float, accepted: Collection[int] = ()) -> None:
        self.arrival = arrival
        self.planned_s = planned_s
        self.is_over = False
        self.is_cancelled = False
        self.failure: Failure | None = None
        self._accepted = accepted
        self._culprit = Culprit.TARGET
        self._response: httpx.Response | None = None
        self._times: ExchangeTimes | None = None
        self._parts = 0
        self._refused = bytearray()
        self._ended_s: float | None = None
        self._token_times_s: list[float] = []
        self._milestones_s: dict[str, float] = {}

    def make_sample(self, origin_s: float) -> tuple[RequestSample, Sequence[float]]:
        """Return the sample of the request, and when each of its tokens was read.

        Args:
            origin_s: Start of the run on the clock of `time.monotonic`.
        """
        failure = self.failure or self._check_status()
        outcome = Outcome.OK if failure is None else failure[0]
        arrival = self.arrival
        times = self._times
        headers = [] if self._response is None else self._response.headers.raw
        tokens_s = self._token_times_s
        sample = RequestSample(
            phase=arrival.phase,
            vu=arrival.vu,
            iteration=arrival.iteration,
            prompt=arrival.label,
            scheduled_s=self.planned_s - origin_s,
            finished_s=(time.monotonic() if self._ended_s is None else self._ended_s) - origin_s,
            outcome=outcome,
            connect_s=None if times is None else times.connect_s,
            sent_s=None if times is None else since(origin_s, times.sent_s),
            first_byte_s=None if times is None else since(origin_s, times.first_byte_s),
            first_answer_s=tokens_s[0] - origin_s if tokens_s else None,
            tokens=len(tokens_s) or None,
            status=None if self._response is None else self._response.status_code,
            detail=describe_failure(failure),
            culprit=None if failure is None or outcome is Outcome.CANCELLED else self._culprit,
            step=arrival.journey_step,
            tier_times=_NO_TIERS.read(headers, {}),
            milestone_times={name: ms(at_s - self.planned_s) for name, at_s in self._milestones_s.items()},
            **token_moments(tokens_s, origin_s),
        )
        return sample, tokens_s

    def interrupt(self, failure: Failure) -> None:
        """End the request, whose answer is not complete at the end of the run."""
        self._ended_s = time.monotonic()
        self.failure = failure

    def begin_answer(self, response: httpx.Response) -> None:
        """Take the status and the headers of the answer."""
        self._response = response
        self._times = response.extensions[EXTENSION]

    def take_part(self, part: bytes) -> None:
        """Take a part of the body that the turn gets now."""
        self._parts += 1
        assert self._response is not None  # noqa: S101 - a part follows the headers
        if self._response.status_code >= _FIRST_REFUSED and len(self._refused) < _MOST_REFUSED_BYTES:
            self._refused += part

    def end(self) -> None:
        """Note that the answer is complete, or that the turn closed it."""
        if self.is_over or self.is_cancelled:
            return
        self.is_over = True
        finished_s = self._times.finished_s if self._times is not None else None
        self._ended_s = finished_s or time.monotonic()

    def fail(self, error: httpx.TransportError) -> None:
        """Note that the exchange failed."""
        cause = error.__cause__
        if isinstance(cause, WireError):
            self._culprit = cause.culprit
            self.failure = wire_failure(cause)
        else:
            self.failure = _explain(error)
        self.end()

    def cancel(self) -> None:
        """Note that the exchange was cancelled, by the turn or at the end of the run."""
        if not self.is_over:
            self.is_cancelled = True
            self._ended_s = time.monotonic()

    def settle(self) -> None:
        """Note that the turn goes on after a cancellation, so that it was its own, such as a timeout."""
        if self.is_cancelled and not self.is_over:
            self.failure = Outcome.CANCELLED, "cancelled by the turn"
            self.is_over = True

    def reject(self, words: str) -> None:
        """Note that the answer is not the expected one, unless the request failed before."""
        if self.failure is None and self._check_status() is None:
            self.failure = Outcome.WRONG_CONTENT, words

    def mark_tokens(self, count: int) -> None:
        """Note output tokens in the newest part of the answer."""
        self._token_times_s += [self._read_s] * count

    def mark_milestone(self, name: str) -> None:
        """Note that the newest part of the answer reaches a milestone, unless an earlier one has."""
        self._milestones_s.setdefault(name, self._read_s)

    @property
    def _read_s(self) -> float:
        """When the newest part that the turn has was read from the socket."""
        if self._times is None or not self._parts:
            return time.monotonic()
        return self._times.parts_s[self._parts - 1]

    def _check_status(self) -> Failure | None:
        if self._response is None:
            return None
        status = self._response.status_code
        if self._accepted and status not in self._accepted and status < _FIRST_REFUSED:
            expected = " or ".join(map(str, self._accepted))
            return Outcome.WRONG_CONTENT, f"the status is {status}, expected {expected}"
        if status < _FIRST_REFUSED or status in self._accepted:
            return None
        words = find_words(bytes(self._refused), self._response.headers.get("content-type"))
        return STATUS_OUTCOMES.get(status, Outcome.HTTP_ERROR), words


def _explain(error: httpx.TransportError) -> Failure:
    """Return the outcome of an exchange that failed without an error of the connection."""
    if isinstance(error, httpx.ConnectTimeout):
        return Outcome.CONNECT_FAILED, f"connect_failed: {error}"
    if isinstance(error, httpx.TimeoutException):
        return Outcome.TIMEOUT, str(error)
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return Outcome.WRONG_CONTENT, f"the request cannot be sent: {error}"
    return Outcome.BAD_STREAM, f"bad_stream: {error}"
