"""When the requests of an open loop are due."""

import math
from collections.abc import Iterator
from itertools import count
from random import Random
from typing import assert_never

from bench.core.config.executors import OpenLoop
from bench.core.config.open_loops import (
    ArrivalRateSeries,
    ArrivalTimes,
    ConstantArrivalRate,
    RampingArrivalRate,
    RatePiece,
)

RatedLoop = ConstantArrivalRate | RampingArrivalRate | ArrivalRateSeries
"""An open loop with a rate, to which random arrivals apply."""


def plan_due_times(load: OpenLoop, seed: str) -> Iterator[float]:
    """Yield when each request of an open loop is due, in seconds from the start of the phase.

    Args:
        load: The phase.
        seed: Seed of random arrivals.
    """
    match load:
        case ArrivalTimes():
            yield from load.offsets_s
        case ConstantArrivalRate():
            rate_rps = load.rate_rps
            duration_s = load.duration_s
            for position in _positions(load, seed):  # pragma: no branch - the positions have no end
                due_s = position / rate_rps
                if due_s >= duration_s:
                    return
                yield due_s
        case RampingArrivalRate() | ArrivalRateSeries():
            yield from _follow_rate(load, seed)
        case _:
            assert_never(load)


def _positions(load: RatedLoop, seed: str) -> Iterator[float]:
    """Yield the planned number of requests at which each request is due, without end.

    The mean distance of two positions is 1, so a rate that changes stretches random distances like even ones.
    """
    match load.arrivals:
        case "even":
            yield from map(float, count())
        case "poisson":
            draw_gap = Random(seed).expovariate
            position = 0.0
            while True:
                position += draw_gap(1.0)
                yield position
        case "gamma":
            assert load.burstiness is not None  # noqa: S101 - the executor requires it
            yield from _gamma_positions(load.burstiness, Random(seed))
        case _:
            assert_never(load.arrivals)


def _gamma_positions(shape: float, random: Random) -> Iterator[float]:
    """Yield positions whose distances have a gamma distribution with this shape and the mean 1.

    The phase begins at any moment of the traffic and not just after a request, so the first distance is the
    rest of an interval: long intervals contain more moments. Bursty traffic would else begin with a burst.
    Source: Cox, Renewal Theory (1962), section 5.
    """
    scale = 1.0 / shape
    draw_gap = random.gammavariate
    position = random.random() * draw_gap(shape + 1.0, scale)
    while True:
        yield position
        position += draw_gap(shape, scale)


def _follow_rate(load: RampingArrivalRate | ArrivalRateSeries, seed: str) -> Iterator[float]:
    """Yield the time at which the area under the rate reaches each position."""
    positions = _positions(load, seed)
    position = next(positions)
    duration_s = load.duration_s
    begin_s = 0.0
    before = 0.0
    for piece in load.pieces:
        area = piece.requests
        while position - before < area:
            due_s = begin_s + _time_to_reach(piece, position - before)
            if due_s >= duration_s:
                return
            yield due_s
            position = next(positions)
        begin_s += piece.duration_s
        before += area


def _time_to_reach(piece: RatePiece, area: float) -> float:
    """Return the time in a piece at which the area under its rate reaches a value.

    From rate a to b in d seconds: n(t) = a·t + (b - a)/d·t²/2, solved for t.
    """
    if area == 0.0:
        return 0.0
    slope = (piece.end_rps - piece.start_rps) / piece.duration_s
    discriminant = max(0.0, piece.start_rps**2 + 2.0 * slope * area)
    # This form of the root does not subtract nearly equal numbers if the rate is nearly constant.
    return 2.0 * area / (piece.start_rps + math.sqrt(discriminant))
