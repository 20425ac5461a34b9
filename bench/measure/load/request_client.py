"""Sends one request at a time, and makes a sample of each: at its end or at its deadline.

All work is done in callbacks of the loop. The callback that reads the end of a response may send the next
request, so a request needs no task, no timer and no turn of the loop of its own.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol

from bench.core.load.arrival import Arrival
from bench.core.response.failure import Failure
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Culprit, Outcome
from bench.measure.http.reading import OnEnd, Reading
from bench.measure.http.wire import Reply, WireError, WireFault
from bench.measure.load.shared import Shared
from bench.measure.load.trace_header import add_trace

OPEN_TIMEOUT_S = 5.0
"""Longest time for opening a connection before the load."""
_DETAIL_LENGTH = 200  # of the explanation of a failure
_NO_CONNECTION = {WireFault.CONNECT_FAILED, WireFault.TLS_FAILED, WireFault.NAME_FAILED}

OnSample = Callable[[RequestSample, Sequence[float]], None]
"""Called when a request ends, with its sample and the times at which its pieces of text were read."""


class Exchanger(Protocol):
    """The part of `Connection` that a VU uses; `HttpxConnection` has it too."""

    reply: Reply

    async def open(self) -> float | None:
        """See `Connection.open`."""
        ...

    async def exchange(self, request: bytes) -> Reply:
        """See `Connection.exchange`."""
        ...

    def post(self, request: bytes) -> None:
        """See `Connection.post`."""
        ...

    def begin(self, request: bytes, on_end: OnEnd, reading: Reading) -> None:
        """See `Connection.begin`."""
        ...

    def cancel(self) -> None:
        """See `Connection.cancel`."""
        ...

    def close(self) -> None:
        """See `Connection.close`."""
        ...

    async def wait_closed(self) -> None:
        """See `Connection.wait_closed`."""
        ...


class LeftError(Exception):
    """Ends an exchange because the VU leaves; the connection is closed."""


class RequestClient(ABC):
    """Sends the requests of a VU (see `virtual_user.VirtualUser`).

    Args:
        timeout_s: Longest time for one request.
        shared: What all clients of a process share.

    Attributes:
        check_at_s: Time of the next check, on the clock of `time.monotonic`.
    """

    __slots__ = (
        "_arrival", "_connection", "_culprit", "_deadline_s", "_deadlines", "_on_sample",
        "_origin_s", "_scheduled_s", "_timeout_s", "_trace_prefix", "check_at_s",
    )  # fmt: skip

    _arrival: Arrival
    _connection: Exchanger

    def __init__(self, timeout_s: float, shared: Shared) -> None:
        self.check_at_s = inf
        self._timeout_s = timeout_s
        self._deadlines = shared.deadlines
        self._trace_prefix = shared.trace_prefix
        self._on_sample: OnSample | None = None
        self._culprit = Culprit.TARGET
        self._deadline_s = inf
        self._scheduled_s = 0.0
        self._origin_s = 0.0
        shared.deadlines.add(self)

    def post(self, arrival: Arrival) -> None:  # noqa: B027 - most requests need other work
        """Write a request at once if that needs no other work; `begin` must follow in the same callback."""

    @abstractmethod
    def begin(self, arrival: Arrival, scheduled_s: float, origin_s: float, on_sample: OnSample) -> None:
        """Send a request and read its response. A failed request is a sample too.

        Args:
            arrival: The request.
            scheduled_s: Its planned time, in seconds since the start of the run.
            origin_s: The start of the run on the clock of `time.monotonic`.
            on_sample: Called when the request has ended, never before this function returns.
        """

    def response_header(self, name: str) -> str | None:
        """Return a header of the newest response; `None` without it."""
        return self._connection.reply.header(name)

    @abstractmethod
    def _make_sample(self, broken: Failure | None) -> tuple[RequestSample, Sequence[float]]:
        """Return the sample of the newest request, and when each piece of text was read.

        Args:
            broken: Why the exchange ended before the response did; `None` if it is complete.
        """

    def cut(self, failure: Failure) -> None:
        """End the request in progress now, with its times until now; do nothing without one."""
        if self._on_sample is not None:
            self._connection.cancel()
            self._culprit = Culprit.TARGET
            self._finish(failure)

    def check(self, now_s: float) -> None:
        """End the request if its deadline has passed."""
        if now_s >= self._deadline_s:
            self.time_out()

    def time_out(self) -> None:
        """End the request in progress: it was not answered in time, or its VU cancels it as planned."""
        timeout_s = self._timeout_s
        self.cut(timeout_failure(min(timeout_s, self._arrival.cancel_after_s or timeout_s), self._arrival))

    def _send(self, connection: Exchanger, request: bytes, reading: Reading, on_sample: OnSample) -> None:
        """Send the request of `_arrival`. Its deadline counts from now."""
        self._connection = connection
        self._on_sample = on_sample
        limit_s = self._timeout_s
        cancel_after_s = self._arrival.cancel_after_s
        if cancel_after_s is not None and cancel_after_s <= limit_s:
            limit_s = cancel_after_s
            self._deadlines.look_at(time.monotonic() + limit_s)
        self.check_at_s = self._deadline_s = time.monotonic() + limit_s
        if not self._deadlines.is_running:
            self._deadlines.run()
        if self._trace_prefix is not None:
            request = add_trace(request, self._trace_prefix, self._arrival)
        connection.begin(request, self._on_end, reading)

    def _on_end(self, error: BaseException | None) -> None:
        """Take the end of the exchange."""
        self._finish(None if error is None else self._explain(error))

    def _explain(self, error: BaseException) -> Failure | None:
        """Return why an exchange ended before its response did; `None` if the VU has left."""
        if isinstance(error, LeftError):
            return None
        if isinstance(error, WireError):
            self._culprit = error.culprit
            return wire_failure(error)
        self.check_at_s = inf
        raise error

    def _finish(self, broken: Failure | None) -> None:
        """Pass on the sample of the request, which has ended."""
        self.check_at_s = inf
        on_sample = self._on_sample
        self._on_sample = None
        if broken is not None:  # the exchange ends now
            self._connection.reply.finished_s = time.monotonic()
        sample, token_times_s = self._make_sample(broken)
        assert on_sample is not None  # noqa: S101 - a request was in progress
        on_sample(sample, token_times_s)

    def _culprit_of(self, failure: Failure | None, broken: Failure | None) -> Culprit | None:
        """Return the part that caused a failure; `None` for success and for a cancellation."""
        if failure is None or failure[0] is Outcome.CANCELLED:
            return None
        return self._culprit if failure == broken else Culprit.TARGET


def _storable(text: str) -> str:
    """Return a text without halves of characters, which JSON allows and no file can hold."""
    return text.encode(errors="replace").decode()


def describe_failure(failure: Failure | None) -> str | None:
    """Return the explanation of a failure as it is stored; `None` for success."""
    if failure is None:
        return None
    outcome, detail = failure
    return _storable(detail[:_DETAIL_LENGTH]) or outcome.value


def since(origin_s: float, at_s: float | None) -> float | None:
    """Return a time of the run from a time of the clock, both in seconds; `None` if it is unknown."""
    return None if at_s is None else at_s - origin_s


def timeout_failure(timeout_s: float, arrival: Arrival) -> Failure:
    """Return the failure of a request that was not answered in time, or that its VU cancelled."""
    if timeout_s == arrival.cancel_after_s:
        return Outcome.CANCELLED, f"cancelled after {timeout_s:.3g} s, as planned"
    return Outcome.TIMEOUT, f"no complete response within {timeout_s:g} s"


def wire_failure(error: WireError) -> Failure:
    """Return the failure of a request that has no reply."""
    if error.generator_fault is not None:
        return Outcome.NOT_SENT, f"{error.generator_fault}: {error}"
    outcome = Outcome.CONNECT_FAILED if error.kind in _NO_CONNECTION else Outcome.BAD_STREAM
    return error.outcome or outcome, f"{error.kind.value}: {error}"
