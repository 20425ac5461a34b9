"""The tokens of streamed responses: the times between them, and the moments at which they came."""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from bench.core.samples.arrays import Column, Floats, Mask
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.values.histogram import Histogram
from bench.core.values.units import ms

TICK_S = 0.01
"""The moments of tokens are known to this part of a second."""
# Shorter pauses between tokens do not divide a period.
_SHORTEST_PAUSE_S = 0.1

Span = tuple[float, float]
"""Start and end of a period, in seconds since the start of the run."""


def shift_spans(spans: Iterable[Span], by_s: float) -> tuple[Span, ...]:
    """Return the same periods on a clock that is ahead by this number of seconds."""
    return tuple((start_s + by_s, end_s + by_s) for start_s, end_s in spans)


class TokenTimes:
    """The tokens of a phase's successful streamed responses.

    Attributes:
        gaps: Times between a token and the next one of the same response. Tokens that came in one read have
            the gap 0.
        ticks: True for each tick in which a token came.
        first_tick: Number of the first of these ticks, from the start of the run.
    """

    def __init__(self) -> None:
        self.gaps = Histogram()
        self.first_tick = 0
        self.ticks: Mask = np.zeros(0, dtype=bool)

    @classmethod
    def of(cls, gaps: Histogram, spans: Iterable[Span]) -> "TokenTimes":
        """Return the tokens with these gaps, which came in these periods."""
        times = cls()
        times.gaps = gaps
        for start_s, end_s in spans:
            first = round(start_s / TICK_S)
            end = round(end_s / TICK_S)
            times._cover(first, end)
            times.ticks[first - times.first_tick : end - times.first_tick] = True
        return times

    def add(self, times_s: Floats, starts: Column) -> None:
        """Add responses.

        Args:
            times_s: When each token came, in seconds since the start of the run, one response after the
                other; at least one.
            starts: Index of each response's first token.
        """
        gaps_s = np.diff(times_s)
        self.gaps.add(ms(np.delete(gaps_s, starts[1:] - 1)))
        ticks = np.maximum(times_s / TICK_S, 0.0).astype(np.intp)
        self._cover(int(ticks.min()), int(ticks.max()) + 1)
        self.ticks[ticks - self.first_tick] = True

    def merge(self, other: "TokenTimes") -> None:
        """Add the tokens of another load generator or of another time."""
        self.gaps.merge(other.gaps)
        end = other.first_tick + len(other.ticks)
        self._cover(other.first_tick, end)
        self.ticks[other.first_tick - self.first_tick : end - self.first_tick] |= other.ticks

    def spans(self) -> tuple[Span, ...]:
        """Return the periods in which tokens came at intervals of at most `_SHORTEST_PAUSE_S`."""
        ticks = np.flatnonzero(self.ticks) + self.first_tick
        if not len(ticks):
            return ()
        last_before_pause = np.flatnonzero(np.diff(ticks) > _SHORTEST_PAUSE_S / TICK_S)
        starts = ticks[np.append(0, last_before_pause + 1)]
        ends = ticks[np.append(last_before_pause, -1)] + 1
        spans: list[Span] = []
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            spans.append((round(start * TICK_S, 3), round(end * TICK_S, 3)))
        return tuple(spans)

    def _cover(self, first: int, end: int) -> None:
        """Make room for the ticks from `first` to the one before `end`."""
        if not len(self.ticks):
            self.first_tick = first
        before = max(0, self.first_tick - first)
        after = max(0, end - self.first_tick - len(self.ticks))
        if before or after:
            self.ticks = np.pad(self.ticks, (before, after))
            self.first_tick -= before


class TokenLog:
    """Collects the tokens of responses as they end. Per token, it only copies a number."""

    def __init__(self) -> None:
        self._phases: dict[int, _PhaseLog] = {}

    def add(self, sample: RequestSample, times_s: Sequence[float]) -> None:
        """Add the tokens of a response. Only successful responses of the scenario's own target count.

        Args:
            sample: The request.
            times_s: When each token was read, on the clock of `time.monotonic`; empty if it was not streamed.
        """
        if sample.outcome is not Outcome.OK or sample.arm or not times_s or sample.first_token_s is None:
            return
        log = self._phases.setdefault(sample.phase, _PhaseLog())
        log.starts.append(len(log.times_s))
        log.origins_s.append(times_s[0] - sample.first_token_s)
        log.times_s.extend(times_s)

    def take(self) -> dict[int, TokenTimes]:
        """Return all tokens by phase, and begin again without any."""
        taken: dict[int, TokenTimes] = {}
        for phase, log in self._phases.items():
            tokens = taken[phase] = TokenTimes()
            starts = np.array(log.starts)
            counts = np.diff(starts, append=len(log.times_s))
            tokens.add(np.array(log.times_s) - np.repeat(log.origins_s, counts), starts)
        self._phases = {}
        return taken


class _PhaseLog:
    def __init__(self) -> None:
        self.times_s = array("d")
        """When each token was read, one response after the other."""
        self.starts: list[int] = []
        """Index of each response's first token."""
        self.origins_s: list[float] = []
        """Start of the run on the clock of the times, by response."""
