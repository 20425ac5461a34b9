"""Find the requests that the load generator itself delayed, because its loop had no turn for some time."""

from collections.abc import Sequence

import numpy as np

from bench.core.run.recording import Recording
from bench.core.samples.arrays import Floats, Mask
from bench.core.samples.sample import Stall
from bench.core.samples.samples import Samples
from bench.core.values.record import Count, Record
from bench.core.values.units import ms
from bench.core.values.wording import counted

MOST_DELAY = 0.05
"""A request is delayed if the loop had no turn for more than this part of its response time."""


class LoopDelays(Record):
    """The times in which the load generator could neither read nor send."""

    longest_turn_ms: float
    """Longest time without a turn of the load generator's loop, in milliseconds."""
    delayed_requests: Count = 0
    """Number of requests that such times delayed by more than 5 %. Their times are in no percentile, so in no
    verdict."""


def find_delayed(samples: Samples, long_turns: Sequence[Stall]) -> Mask:
    """Return True for each request that times without a turn delayed by more than `MOST_DELAY`.

    Args:
        samples: The requests.
        long_turns: The times without a turn, on the clock of the requests. Those of several load generators
            may overlap.
    """
    if not long_turns:
        return np.zeros(len(samples), dtype=bool)
    begins_s = samples.column("scheduled_s")
    ends_s = samples.column("finished_s")
    lost_s = _lost_until(ends_s, long_turns) - _lost_until(begins_s, long_turns)
    return np.asarray(lost_s > MOST_DELAY * np.maximum(ends_s - begins_s, 0.0))


def _lost_until(at_s: Floats, long_turns: Sequence[Stall]) -> Floats:
    """Return the sum of the times without a turn before each moment."""
    edges_s = [0.0]
    sums_s = [0.0]
    for turn in sorted(long_turns, key=lambda turn: turn.at_s):
        begin_s = max(turn.at_s, edges_s[-1])
        end_s = max(turn.at_s + turn.length_s, begin_s)
        edges_s += [begin_s, end_s]
        sums_s += [sums_s[-1], sums_s[-1] + end_s - begin_s]
    return np.interp(at_s, edges_s, sums_s)


def drop_delayed(samples: Samples, long_turns: Sequence[Stall]) -> Samples:
    """Return the requests that were not delayed; all of them if each was."""
    delayed = find_delayed(samples, long_turns)
    return samples if delayed.all() else samples.where(~delayed)


def summarise_delays(recording: Recording) -> LoopDelays | None:
    """Return the delays of a recording; `None` if they were not measured."""
    if recording.longest_turn_s is None:
        return None
    delayed = find_delayed(recording.samples, recording.long_turns)
    return LoopDelays(
        longest_turn_ms=ms(recording.longest_turn_s), delayed_requests=int(np.count_nonzero(delayed))
    )


def warn_of_delays(delays: LoopDelays | None) -> list[str]:
    """Return a warning if requests were delayed."""
    if delays is None or not delays.delayed_requests:
        return []
    delayed = counted(delays.delayed_requests, "request")
    longest_s = delays.longest_turn_ms / 1000
    return [
        f"the times of {delayed} do not count: the load generator had no turn for up to {longest_s:.1f} s"
    ]
