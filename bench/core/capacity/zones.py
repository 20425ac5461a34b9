"""The zones of the load: green meets the objectives, red breaks them, and yellow lies between."""

import math
from typing import Literal

from bench.core.capacity.curve import CapacityCurve
from bench.core.capacity.curve_point import LinePoint
from bench.core.capacity.load_trial import LoadUnit, SafeLoad
from bench.core.values.record import NotNegative, Record

RedReason = Literal["objective", "no gain"]


class CapacityZones(Record):
    """The loads to run at (green), to watch (yellow), and to avoid (red)."""

    green_to: NotNegative | None
    """Largest green load; null if no load is green."""
    red_from: NotNegative | None
    """Smallest red load; null if no tried load is red. Loads between green and red are yellow."""
    yellow_because: Literal["interval", "response time"]
    """Why green ends: the interval of the safe load begins, or response time grows by a larger share than
    throughput."""
    red_because: RedReason | None
    """Why red begins: an objective surely breaks, or more load brings no throughput; null without red."""


def find_zones(
    safe_load: SafeLoad | None, curve: CapacityCurve | None, no_gain_from: float | None
) -> CapacityZones | None:
    """Return the zones of a search.

    Green ends at the lower end of the interval of the safe load, or earlier, at the largest *power*:
    throughput divided by response time (Kleinrock, 1979, "Power and deterministic rules of thumb"). Above it,
    response time grows by a larger share than throughput. Red begins above the interval, or where more load
    brings no more throughput.

    Args:
        safe_load: The result of the search; `None` if even the smallest load breaks an objective.
        curve: The curve of the trials; `None` without a trial.
        no_gain_from: Load from which on more load brings no more throughput.
    """
    if curve is None:
        return None
    red_from = _above(safe_load, curve)
    red_because: RedReason | None = None if red_from is None else "objective"
    if no_gain_from is not None and (red_from is None or no_gain_from < red_from):
        red_from = no_gain_from
        red_because = "no gain"
    green_to = None if safe_load is None else safe_load.low
    yellow_because: Literal["interval", "response time"] = "interval"
    most_powerful = _most_powerful(curve)
    if green_to is not None and most_powerful is not None and most_powerful < green_to:
        green_to = most_powerful
        yellow_because = "response time"
    if green_to is not None and red_from is not None and green_to >= red_from:
        green_to = _below(red_from, curve.unit)
    return CapacityZones(
        green_to=green_to or None,
        red_from=red_from,
        yellow_because=yellow_because,
        red_because=red_because,
    )


def _above(safe_load: SafeLoad | None, curve: CapacityCurve) -> float | None:
    """Return the smallest load above the interval of the safe load."""
    if safe_load is None:
        return curve.points[0].load
    if safe_load.high is None or curve.unit == "requests/s":
        return safe_load.high
    return math.floor(safe_load.high) + 1.0


def _below(load: float, unit: LoadUnit) -> float:
    """Return the largest load below a load: a user less, or in an open loop the load itself."""
    return math.ceil(load) - 1.0 if unit == "users" else load


def _most_powerful(curve: CapacityCurve) -> float | None:
    """Return the load with the largest power; `None` without an adequate model or a maximum."""
    if curve.best is None:
        return None
    line = curve.best.line
    best = max(line, key=_power)
    if best is line[-1]:
        return None
    return math.floor(best.load) if curve.unit == "users" else best.load


def _power(point: LinePoint) -> float:
    return point.throughput_rps / point.mean_ms if point.mean_ms else 0.0
