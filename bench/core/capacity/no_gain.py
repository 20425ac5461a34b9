"""The load from which on more load brings no more throughput."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.core.capacity.curve_point import CurvePoint

# A load is saturated if this factor more load brings less than this factor more throughput.
SATURATED_USERS = 1.5
SATURATED_RPS = 1.1


class LoadThroughput(NamedTuple):
    """The throughput of requests at similar load."""

    lowest: float
    """Smallest load."""
    highest: float
    """Largest load."""
    requests: int
    """Number of requests, at least 1."""
    throughput_rps: float | None
    """Responses per second; `None` if the load lasted no time."""


def first_without_gain(loads: Sequence[LoadThroughput]) -> int | None:
    """Return the first load from which on more load brings no more throughput, as an index; else `None`.

    Compared with the last load, three conditions hold: the load grows by at least `SATURATED_USERS`, the
    throughput of no later load grows by more than `SATURATED_RPS`, and throughput in proportion to the load
    is out of reach of two standard errors. The standard error is the one of a ratio of two counts: √(1/n₁ +
    1/n₂). Noise therefore hides a saturated load, but never makes one up.

    Args:
        loads: The loads, ascending.
    """
    if not loads:
        return None
    last = loads[-1]
    for number, first in enumerate(loads[:-1]):
        load_growth = last.lowest / first.highest
        if load_growth < SATURATED_USERS or first.throughput_rps is None or last.throughput_rps is None:
            continue
        largest_rps = _largest_rps(loads[number:])
        two_errors = 2.0 * (1.0 / first.requests + 1.0 / last.requests) ** 0.5
        proportional_rps = first.throughput_rps * load_growth
        flat = largest_rps <= SATURATED_RPS * first.throughput_rps
        if flat and last.throughput_rps * (1.0 + two_errors) < proportional_rps:
            return number
    return None


def find_no_gain(points: Sequence[CurvePoint]) -> float | None:
    """Return the load from which on more load brings no more successful requests; `None` if none was tried.

    A capacity search and a run with several loads ask the same question, so they use the same rule.

    Args:
        points: The measured loads, ascending.
    """
    measured = [
        LoadThroughput(point.load, point.load, point.requests, point.throughput_rps.value) for point in points
    ]
    number = first_without_gain(measured)
    return None if number is None else points[number].load


def _largest_rps(loads: Sequence[LoadThroughput]) -> float:
    return max(load.throughput_rps for load in loads if load.throughput_rps is not None)
