"""The states of a circuit breaker."""

from dataclasses import dataclass
from enum import IntEnum


class BreakerState(IntEnum):
    """State of a circuit breaker, as its gauge shows it."""

    CLOSED = 0
    """Every question passes."""
    HALF_OPEN = 1
    """One question passes as a trial."""
    OPEN = 2
    """No question passes."""


@dataclass(frozen=True, slots=True, eq=False)
class Permit:
    """The permission to ask one question."""

    period: int
    """Period between two changes of the state. A result of an earlier period changes no state."""
    is_trial: bool


class Breaker:
    """Opens after a number of failures in a row, and closes after a successful trial.

    All times are seconds on a clock that never goes back.

    Args:
        most_failures: Failures in a row that open it.
        open_s: Seconds until the first trial.
    """

    def __init__(self, most_failures: int, open_s: float) -> None:
        self._most_failures = most_failures
        self._open_s = open_s
        self._failures = 0
        self._open_until_s: float | None = None
        self._trial: Permit | None = None
        self._period = 0

    def state(self, now_s: float) -> BreakerState:
        """Return the state."""
        if self._open_until_s is None:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if now_s >= self._open_until_s else BreakerState.OPEN

    def admit(self, now_s: float) -> Permit | None:
        """Return the permission to ask a question; `None` if it must not be asked."""
        state = self.state(now_s)
        if state is BreakerState.OPEN or (state is BreakerState.HALF_OPEN and self._trial is not None):
            return None
        permit = Permit(self._period, is_trial=state is BreakerState.HALF_OPEN)
        if permit.is_trial:
            self._trial = permit
        return permit

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until a refused question may be asked again: 0 while a trial runs."""
        return max(0.0, (self._open_until_s or 0.0) - now_s)

    def succeed(self, permit: Permit) -> None:
        """Take the success of a question."""
        if permit.period == self._period:
            self._failures = 0
            if permit.is_trial:
                self._change(None)

    def fail(self, permit: Permit, now_s: float) -> None:
        """Take the failure of a question."""
        if permit.period != self._period:
            return
        self._failures += 1
        if permit.is_trial or self._failures >= self._most_failures:
            self._change(now_s + self._open_s)

    def release(self, permit: Permit) -> None:
        """Take the end of a question that proves nothing, so that another one may be the trial."""
        if self._trial is permit:
            self._trial = None

    def _change(self, open_until_s: float | None) -> None:
        self._open_until_s = open_until_s
        self._failures = 0
        self._trial = None
        self._period += 1
