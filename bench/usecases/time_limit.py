"""The time that a job may spend on measurements."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.core.config.executors import Cases, PerVuIterations
from bench.core.config.scenario import Scenario

_RESERVE = 1.25
"""A measurement may take a quarter longer than expected."""
_ITERATIONS_S = 60.0
"""Expected duration of a phase that ends with its iterations: `max_duration` is an hour by default."""
_MARGIN_S = 60.0
"""A measurement that is in progress at the end of the time gets this long to end by itself."""


def expect_s(scenario: Scenario) -> float:
    """Return the expected duration of a scenario's load in seconds, before a run of it is known."""
    if scenario.capacity is not None:
        return scenario.capacity.budget_s
    total_s = 0.0
    for phase in scenario.phases:
        has_duration = not isinstance(phase, PerVuIterations | Cases)
        total_s += phase.duration_s if has_duration else min(phase.duration_s, _ITERATIONS_S)
    return total_s


class TimeLimit:
    """The time until a job has to judge what it has.

    Args:
        limit_s: Seconds from now on; `None` for no limit.
        clock: Returns seconds.
    """

    def __init__(self, limit_s: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end_s = None if limit_s is None else clock() + limit_s

    @property
    def left_s(self) -> float:
        """The seconds that are left; infinite without a limit."""
        return float("inf") if self._end_s is None else self._end_s - self._clock()

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return self.left_s <= 0.0

    def has_time_for(self, duration_s: float) -> bool:
        """Return whether a measurement of about this duration ends in time."""
        return duration_s * _RESERVE < self.left_s

    def now_s(self) -> float:
        """Return the time of the clock."""
        return self._clock()

    def share(self, ratio: float) -> "TimeLimit":
        """Return the limit of a part that gets this share of the time that is left."""
        return TimeLimit(None if self._end_s is None else max(0.0, self.left_s) * ratio, self._clock)


NO_LIMIT = TimeLimit()


@contextmanager
def interrupt_after(limit: TimeLimit, margin_s: float = _MARGIN_S) -> Iterator[threading.Event]:
    """Interrupt the block like Ctrl-C, some time after a limit is over.

    Args:
        limit: The limit. Without one, the block is not interrupted.
        margin_s: Seconds after the limit.

    Returns:
        An event that is set if the block was interrupted.
    """
    is_over = threading.Event()

    def interrupt() -> None:
        is_over.set()
        os.kill(os.getpid(), signal.SIGINT)

    if limit.left_s == float("inf"):
        yield is_over
        return
    timer = threading.Timer(max(0.0, limit.left_s) + margin_s, interrupt)
    timer.daemon = True
    # A shell ignores Ctrl-C for a program in the background, and a limit must end that program too.
    handler = signal.getsignal(signal.SIGINT)
    try:
        if handler is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        timer.start()
        yield is_over
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, handler)
