"""Runs a coroutine from callbacks of the loop, without a task: the requests and pauses of a user.

Journeys are written as coroutines, since that is how people read them. Each of their waits is a function that
begins something and calls back. So a request of a journey costs no task, no future and no turn of the loop.
"""

from collections.abc import Callable, Coroutine, Generator, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from bench.core.load.arrival import Arrival
from bench.core.response.failure import Failure
from bench.core.samples.request import RequestSample
from bench.measure.load.virtual_user import Activity, OnFree, VirtualUser
from bench.timing.pacing import Pacer

Value = TypeVar("Value")
Exchanged = tuple[RequestSample, Sequence[float]]
"""A request that has ended, and the times of its pieces of text."""


class _Wait(Generic[Value]):
    """A wait of a script.

    Args:
        begin: Begins to wait; it gets the function to call with the value, later.
    """

    def __init__(self, begin: Callable[[Callable[[Value], None]], None]) -> None:
        self._begin = begin

    def __await__(self) -> Generator[Any, Any, Value]:
        value: Value = yield self._begin
        return value


class ScriptHost(Protocol):
    """The part of the engine that a script needs."""

    pacer: Pacer
    origin_s: float

    def record(self, sample: RequestSample, token_times_s: Sequence[float]) -> None:
        """Record a request that has ended."""
        ...

    def end_of(self, sample: RequestSample) -> float:
        """Return when the exchange of a request ended, on the pacer's clock."""
        ...

    def interruption(self, arrival: Arrival, due_s: float) -> Failure:
        """Return outcome and detail of a request that is interrupted now."""
        ...

    def end_iteration(self, activity: Activity, on_free: OnFree, free_s: float) -> None:
        """Go on with a user whose iteration has ended."""
        ...


class Script:
    """One iteration of a user, and its sender of requests. All times are on the pacer's clock.

    Args:
        host: The engine.
        on_free: Called when the user is free again.

    Attributes:
        is_over: Whether the run or its phase was ended, so that only requests that clean up may begin.
        is_closed: Whether the time for the clean-up has passed too.
    """

    def __init__(self, host: ScriptHost, on_free: OnFree) -> None:
        self.is_over = False
        self.is_closed = False
        self._host = host
        self._on_free = on_free
        self._end_wait: Callable[[], None] | None = None
        self._end_pause: Callable[[], None] | None = None
        self._waits_since_s: float | None = None
        self._coroutine: Coroutine[Any, Any, float] | None = None

    def start(self, coroutine: Coroutine[Any, Any, float]) -> None:
        """Run the coroutine of the iteration, which returns when the user is free."""
        self._coroutine = coroutine
        self._resume(None)

    @property
    def waits_since_s(self) -> float | None:
        """Planned time of the request in progress; `None` between two requests."""
        return self._waits_since_s

    def rest(self) -> None:
        """Begin only requests that clean up. A request in progress may end, and a pause ends now."""
        self.is_over = True
        if self._end_pause is not None:
            self._end_pause()

    def interrupt(self) -> None:
        """End the wait of now. The first time, the user may still clean up."""
        self.is_closed = self.is_over
        self.is_over = True
        if self._end_wait is not None:
            self._end_wait()

    async def exchange(self, vu: VirtualUser, arrival: Arrival, due_s: float) -> Exchanged:
        """Send a request that is due at this time, and return it when it has ended. It is not recorded."""
        return await _Wait(partial(self._begin_request, vu, arrival, due_s))

    async def sleep_until(self, at_s: float) -> None:
        """Wait until a time, or until the script is interrupted."""
        if at_s > self.now_s() and not self.is_over:
            await _Wait(partial(self._begin_pause, at_s))

    def record(self, sample: RequestSample, token_times_s: Sequence[float]) -> None:
        """Record a request that has ended."""
        self._host.record(sample, token_times_s)

    def end_of(self, sample: RequestSample) -> float:
        """Return when the exchange of a request ended."""
        return self._host.end_of(sample)

    def now_s(self) -> float:
        """Return the time of the pacer's clock."""
        return self._host.pacer.now_s()

    def _begin_request(
        self, vu: VirtualUser, arrival: Arrival, due_s: float, on_end: Callable[[Exchanged], None]
    ) -> None:
        origin_s = self._host.origin_s
        self._waits_since_s = due_s
        self._end_wait = lambda: vu.cut(self._host.interruption(arrival, due_s))
        vu.begin(arrival, due_s - origin_s, origin_s, lambda sample, times_s: on_end((sample, times_s)))

    def _begin_pause(self, at_s: float, on_end: Callable[[None], None]) -> None:
        def wake() -> None:
            if self._end_wait is wake:  # a pause that was interrupted is not ended again by its timer
                on_end(None)

        self._end_wait = self._end_pause = wake
        self._host.pacer.call_at(at_s, wake)

    def _resume(self, value: Any) -> None:
        """Run the coroutine to its next wait."""
        self._end_wait = self._end_pause = self._waits_since_s = None
        assert self._coroutine is not None  # noqa: S101 - the script has started
        try:
            begin = self._coroutine.send(value)
        except StopIteration as end:
            self._host.end_iteration(self, self._on_free, end.value)
        else:
            begin(self._resume)
