"""What the stalls of a closed loop would have done to the response times of an open loop."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bench.core.config.executors import OpenLoop, Phase
from bench.core.run.stalls import TargetStall
from bench.core.samples.arrays import Floats, Mask
from bench.core.samples.metrics import METRICS
from bench.core.samples.samples import Samples
from bench.core.values import stats, wording
from bench.core.values.record import NotNegative, Record
from bench.core.values.units import ms

_PERCENTILES: dict[Literal["p99", "p99_9"], float] = {"p99": 0.99, "p99_9": 0.999}
_POINTS = 200
"""Number of arrivals that stand for all arrivals in a stall."""
_MOST_LISTED = 3


class StallEffect(Record):
    """A percentile of the response time as the closed loop measured it, and as an open loop would have."""

    percentile: Literal["p99", "p99_9"]
    """The lowest percentile that the stalls reach: the p99 if they take more than 1 % of the time."""
    measured_ms: NotNegative
    """Percentile of the measured response times."""
    open_loop_ms: NotNegative
    """The same percentile if requests arrived during a stall as often as at other times, and waited for its
    end."""


def stall_effect(
    stalls: Sequence[TargetStall], messages: Samples, phases: Sequence[Phase], elapsed_s: float
) -> StallEffect | None:
    """Return the effect of stalls on an open loop.

    Returns:
        None for an open loop, whose response times contain it, without stalls, and for too few requests.

    Args:
        stalls: The stalls of the run.
        messages: Answered and failed requests, which the response time covers.
        phases: Phases of the scenario; requests refer to them by index.
        elapsed_s: Duration of the run in seconds.
    """
    numbers = np.unique(messages.column("phase")).tolist()
    if not stalls or any(isinstance(phases[number], OpenLoop) for number in numbers):
        return None
    observed, present = METRICS["e2e_ms"].observe(messages)
    stalled_ratio = sum(stall.length_s for stall in stalls) / elapsed_s
    for name, probability in _PERCENTILES.items():
        if stalled_ratio > 1.0 - probability and stats.has_quantile(len(observed), probability):
            outside = ~_begins_in(messages.column("scheduled_s")[present], stalls)
            return StallEffect(
                percentile=name,
                measured_ms=max(0.0, observed.interpolate(probability).value),
                open_loop_ms=_open_loop_ms(observed.values[outside], stalls, elapsed_s, probability),
            )
    return None


def _begins_in(moments_s: Floats, stalls: Sequence[TargetStall]) -> Mask:
    inside = np.zeros(len(moments_s), dtype=bool)
    for stall in stalls:
        inside |= (moments_s >= stall.start_s) & (moments_s < stall.end_s)
    return inside


def _open_loop_ms(
    times_ms: Floats, stalls: Sequence[TargetStall], elapsed_s: float, probability: float
) -> float:
    """Return a percentile of the times outside of the stalls, and of arrivals that wait for their ends."""
    moving_s = elapsed_s - sum(stall.length_s for stall in stalls)
    usual_ms = float(np.median(times_ms)) if len(times_ms) else 0.0
    values = [times_ms]
    weights = [np.full(len(times_ms), moving_s / max(1, len(times_ms)))]
    for stall in stalls:
        waits_s = stall.length_s * (np.arange(_POINTS) + 0.5) / _POINTS
        values.append(ms(waits_s) + usual_ms)
        weights.append(np.full(_POINTS, stall.length_s / _POINTS))
    all_values = np.concatenate(values)
    order = np.argsort(all_values)
    shares = np.cumsum(np.concatenate(weights)[order])
    rank = int(np.searchsorted(shares, probability * shares[-1]))
    return max(0.0, float(all_values[order][min(rank, len(order) - 1)]))


def describe_stalls(stalls: Sequence[TargetStall], effect: StallEffect | None) -> tuple[str, ...]:
    """Return a sentence about the stalls of a run: `everything stood still from 10.1 to 12.1 s, …`."""
    if not stalls:
        return ()
    longest = sorted(stalls, key=lambda stall: -stall.length_s)[:_MOST_LISTED]
    periods = [f"{stall.start_s:.1f} to {stall.end_s:.1f} s" for stall in sorted(longest, key=_start_of)]
    waiting = max(stall.waiting for stall in stalls)
    times = "" if len(stalls) == 1 else f"{len(stalls)} times: "
    if len(stalls) > _MOST_LISTED:
        times += "longest "
    sentence = f"everything stood still {times}from {wording.listing(periods)}"
    sentence += f", while {wording.counted(waiting, 'request')} waited"
    if effect is not None:
        name = effect.percentile.replace("_", ".")
        open_loop = wording.duration(effect.open_loop_ms)
        measured = wording.duration(effect.measured_ms)
        sentence += f"; an open loop would have seen a {name} of {open_loop} instead of {measured}"
    return (sentence,)


def _start_of(stall: TargetStall) -> float:
    return stall.start_s
