"""The difference between the monotonic clocks of two machines, with its largest error.

One machine asks the other for its time. The other reads its clock at a moment between the question and its
answer, so the difference lies within half of the round trip around the value for its middle, whatever the two
ways took. Of several round trips the shortest one has the least error.
Source: F. Cristian, Probabilistic clock synchronization, Distributed Computing 3 (1989), section 3. The clock
filter of NTP takes the shortest round trip, too (RFC 5905, section 10).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.values.record import NotNegative, Record
from bench.core.values.units import ms


@dataclass(frozen=True, slots=True)
class ClockReading:
    """One round trip to a machine with another clock. All times are in seconds."""

    asked_s: float
    """Time of the question, on the clock of this machine."""
    there_s: float
    """Time of the answer, on the other clock."""
    answered_s: float
    """Time of the arrival of the answer, on the clock of this machine."""

    @property
    def round_trip_s(self) -> float:
        """Time from the question to the arrival of the answer."""
        return self.answered_s - self.asked_s


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """The difference of two clocks."""

    offset_s: float
    """The other clock minus the clock of this machine, in seconds."""
    error_s: float
    """Largest error of the difference: half of the shortest round trip."""
    slowest_s: float
    """The longest round trip."""

    def to_other(self, at_s: float) -> float:
        """Return a time of this machine on the other clock."""
        return at_s + self.offset_s

    def from_other(self, at_s: float) -> float:
        """Return a time of the other clock on the clock of this machine."""
        return at_s - self.offset_s


class GeneratorClock(Record):
    """The clock of a load generator's machine, compared with that of the machine of the run."""

    offset_s: float
    """Its clock minus that of the run, in seconds, just before the load."""
    error_ms: NotNegative
    """Largest error of its times by a wrong offset, in milliseconds: that of the estimate before the load, or
    the drift and the error of the estimate after it, if they are more."""
    drift_ms: float | None
    """Change of the offset from before the load until after it, in milliseconds; null if it was lost."""
    round_trip_ms: NotNegative
    """Shortest round trip before the load, in milliseconds."""


def estimate_offset(readings: Sequence[ClockReading]) -> ClockOffset:
    """Return the difference of two clocks from at least one round trip."""
    shortest = min(readings, key=lambda reading: reading.round_trip_s)
    return ClockOffset(
        offset_s=shortest.there_s - (shortest.asked_s + shortest.answered_s) / 2,
        error_s=shortest.round_trip_s / 2,
        slowest_s=max(reading.round_trip_s for reading in readings),
    )


def describe_clock(before: ClockOffset, after: ClockOffset | None) -> GeneratorClock:
    """Return the clock of a load generator from the estimates before and after its load.

    The offset before the load converts all times. A clock that drifts evenly is then off by at most the drift
    at the end of the load.
    """
    error_s = before.error_s
    drift_s = None
    if after is not None:
        drift_s = after.offset_s - before.offset_s
        error_s = max(error_s, abs(drift_s) + after.error_s)
    return GeneratorClock(
        offset_s=before.offset_s,
        error_ms=ms(error_s),
        drift_ms=None if drift_s is None else ms(drift_s),
        round_trip_ms=ms(2 * before.error_s),
    )
