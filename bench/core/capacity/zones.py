"""The zones of the load: green meets the objectives, red breaks them, and yellow lies between."""

import math
from typing import Literal

from bench.core.capacity.curve import CapacityCurve
from bench.core.capacity.curve_point import LinePoint
from bench.core.capacity.load_trial import LoadUnit, SafeLoad
from bench.core.values.record import NotNegative, Record

YellowReason = Literal["interval", "response time", "no gain"]


class CapacityZones(Record):
    """The loads to run at (green), to watch (yellow), and to avoid (red)."""

    green_to: NotNegative | None
    """Largest green load; null if no load is green."""
    certain_to: NotNegative | None = None
    """Largest load that certainly meets the objectives; null without one. The yellow loads above it may break
    an objective."""
    red_from: NotNegative | None
    """Smallest load that certainly breaks an objective; null if no tried load does. Loads between green and
    red are yellow."""
    yellow_because: YellowReason
    """Why green ends: the interval of the safe load begins, response time grows by a larger share than
    throughput, or more load brings no more answers."""


def find_zones(
    safe_load: SafeLoad | None, curve: CapacityCurve | None, no_gain_from: float | None
) -> CapacityZones | None:
    """Return the zones of a search.

    Green loads certainly meet the objectives, and more load brings more answers at little cost. Green
    therefore ends at the lower end of the interval of the safe load, or earlier: at the largest *power*,
    which is throughput divided by response time (Kleinrock, 1979, "Power and deterministic rules of thumb"),
    or below the load from which on more load brings no more throughput. Red loads certainly break an
    objective: those above the interval. A safe load is never red.

    Args:
        safe_load: The result of the search; `None` if even the smallest load breaks an objective.
        curve: The curve of the trials; `None` without a trial.
        no_gain_from: Load from which on more load brings no more throughput.
    """
    if curve is None:
        return None
    if safe_load is None:
        return CapacityZones(green_to=None, red_from=curve.points[0].load, yellow_because="interval")
    ends: list[tuple[float, YellowReason]] = [(safe_load.low, "interval")]
    most_powerful = _most_powerful(curve)
    if most_powerful is not None:
        ends.append((most_powerful, "response time"))
    if no_gain_from is not None:
        ends.append((_below(no_gain_from, curve.unit), "no gain"))
    green_to, reason = min(ends, key=lambda end: end[0])
    return CapacityZones(
        green_to=green_to or None,
        certain_to=safe_load.low or None,
        red_from=_above(safe_load, curve.unit),
        yellow_because=reason,
    )


def _above(safe_load: SafeLoad, unit: LoadUnit) -> float | None:
    """Return the smallest load above the interval of the safe load; `None` without an upper end."""
    if safe_load.high is None or unit == "requests/s":
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
