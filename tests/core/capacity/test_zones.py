"""The zones of the load, and the load from which on more load brings no gain."""

import pytest

from bench.core.capacity.curve import CapacityCurve, fit_curve
from bench.core.capacity.load_trial import SafeLoad
from bench.core.capacity.no_gain import find_no_gain
from bench.core.capacity.zones import find_zones
from tests.core.capacity.queue_stand import QueueStand, exponential

STAND = QueueStand(4, exponential(2.0))


def _curve(stand: QueueStand, *loads: float) -> CapacityCurve:
    curve = fit_curve(stand.measure_all(loads), stand.unit)
    assert curve is not None
    return curve


def _safe(load: float, low: float, high: float | None) -> SafeLoad:
    return SafeLoad(load=load, low=low, high=high, confidence=0.9)


SATURATED = _curve(STAND, 2, 5, 10, 14, 20, 30, 40)


def test_more_users_bring_no_gain_when_all_slots_are_in_use() -> None:
    """Four slots of 2 s and 6 s of think time are saturated by 16 users."""
    no_gain_from = find_no_gain(SATURATED.points)
    assert no_gain_from == pytest.approx(20, abs=6)
    assert find_no_gain(SATURATED.points[:3]) is None
    assert find_no_gain(SATURATED.points[:1]) is None
    assert find_no_gain(()) is None


def test_green_ends_where_response_time_grows_by_a_larger_share_than_throughput() -> None:
    """With a lax objective, the interval of the safe load lies far above the knee."""
    zones = find_zones(_safe(33, 31, 35), SATURATED, None)
    assert zones is not None
    assert zones.yellow_because == "response time"
    assert zones.green_to is not None
    assert 8 <= zones.green_to <= 18
    assert (zones.red_from, zones.red_because) == (36, "objective")


def test_green_ends_at_the_interval_of_a_strict_objective() -> None:
    """Yellow are the loads in the interval; a whole user more is red."""
    zones = find_zones(_safe(7, 6, 8), SATURATED, 22.0)
    assert zones is not None
    assert (zones.green_to, zones.red_from) == (6, 9)
    assert (zones.yellow_because, zones.red_because) == ("interval", "objective")


def test_red_begins_where_more_load_brings_no_gain() -> None:
    """A load without gain is never green, even if it meets the objective."""
    zones = find_zones(_safe(33, 31, 35), SATURATED, 3.0)
    assert zones is not None
    assert (zones.green_to, zones.red_from, zones.red_because) == (2, 3, "no gain")


def test_a_search_without_a_safe_load_has_no_green() -> None:
    """If even the smallest load breaks an objective, all loads are red."""
    zones = find_zones(None, SATURATED, None)
    assert zones is not None
    assert (zones.green_to, zones.red_from) == (None, 2)


def test_a_search_that_met_all_loads_has_no_red() -> None:
    """No load is red without evidence."""
    zones = find_zones(_safe(10, 10, None), _curve(STAND, 1, 2, 5, 10), None)
    assert zones is not None
    assert zones.red_from is None
    assert zones.red_because is None
    assert find_zones(_safe(10, 10, None), None, None) is None


def test_an_open_loop_has_no_whole_users() -> None:
    """The zones of a rate have no gap."""
    stand = QueueStand(4, exponential(1.0), unit="requests/s")
    zones = find_zones(_safe(3.1, 3.0, 3.3), _curve(stand, 0.5, 1.0, 2.0, 2.8), 2.5)
    assert zones is not None
    assert (zones.green_to, zones.red_from) == (2.5, 2.5)
