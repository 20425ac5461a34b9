"""The zones of the load, and the load from which on more load brings no gain."""

from functools import cache

import pytest

from bench.core.capacity.curve import CapacityCurve, fit_curve
from bench.core.capacity.curve_point import join_trials
from bench.core.capacity.load_trial import SafeLoad
from bench.core.capacity.no_gain import find_no_gain
from bench.core.capacity.zones import CapacityZones, find_zones
from bench.core.report.capacity_words import describe_zones
from tests.core.capacity.queue_stand import QueueStand, exponential

STAND = QueueStand(4, exponential(2.0))


def _safe(load: float, low: float, high: float | None) -> SafeLoad:
    return SafeLoad(load=load, low=low, high=high, confidence=0.9)


@cache
def _saturated() -> CapacityCurve:
    fitted = fit_curve(STAND.measure_all((2, 5, 10, 14, 20, 30, 40)), "users")
    assert fitted is not None
    return fitted.curve


def test_more_users_bring_no_gain_when_all_slots_are_in_use() -> None:
    """Four slots of 2 s and 6 s of think time are saturated by 16 users."""
    no_gain_from = find_no_gain(_saturated().points)
    assert no_gain_from == pytest.approx(20, abs=6)
    assert find_no_gain(_saturated().points[:3]) is None
    assert find_no_gain(_saturated().points[:1]) is None
    assert find_no_gain(()) is None


def _zones(safe: SafeLoad, no_gain_from: float | None = None) -> CapacityZones:
    zones = find_zones(safe, _saturated(), no_gain_from)
    assert zones is not None
    return zones


def test_green_ends_where_response_time_grows_by_a_larger_share_than_throughput() -> None:
    """With a lax objective, the interval of the safe load lies far above the knee."""
    zones = _zones(_safe(33, 31, 35))
    assert zones.green_to is not None
    assert 8 <= zones.green_to <= 18
    assert zones.yellow_because == "response time"
    assert (zones.certain_to, zones.red_from) == (31, 36)


def test_green_ends_at_the_interval_of_a_strict_objective() -> None:
    """Yellow are the loads in the interval; a whole user more is red."""
    zones = _zones(_safe(7, 6, 8), 22.0)
    assert (zones.green_to, zones.yellow_because, zones.red_from) == (6, "interval", 9)


def test_green_ends_where_more_load_brings_no_gain() -> None:
    """A load without gain that meets the objectives is yellow: neither recommended nor broken."""
    zones = _zones(_safe(33, 31, 35), 3.0)
    assert (zones.green_to, zones.yellow_because, zones.red_from) == (2, "no gain", 36)


@pytest.mark.parametrize("no_gain_from", [None, 1.0, 2.0, 14.0, 22.0, 33.0, 40.0])
@pytest.mark.parametrize("safe", [(2, 2, 2), (7, 6, 8), (33, 31, 35), (20, 12, 28), (3, 0, 6)])
def test_zones_never_contradict_the_safe_load(
    safe: tuple[float, float, float], no_gain_from: float | None
) -> None:
    """No load of the interval is red, no load above its lower end is green, and the words agree."""
    load, low, high = safe
    zones = _zones(_safe(load, low, high), no_gain_from)
    assert zones.red_from == high + 1
    assert (zones.green_to or 0.0) <= low
    words = {zone.name: zone for zone in describe_zones(zones, "users")}
    assert words["breaks"].start == high + 1
    assert ("met" in words) == (low > 0)
    assert "met" not in words or words["met"].end == low
    assert ("limit" in words) == (low != high)
    assert "limit" not in words or words["limit"].start <= load <= high


def test_a_search_without_a_safe_load_has_no_green() -> None:
    """If even the smallest load breaks an objective, all loads are red."""
    zones = find_zones(None, _saturated(), None)
    assert zones is not None
    assert (zones.green_to, zones.red_from) == (None, 2)


def test_a_search_that_met_all_loads_has_no_red() -> None:
    """No load is red without evidence."""
    zones = find_zones(_safe(40, 40, None), _saturated(), None)
    assert zones is not None
    assert zones.red_from is None
    assert find_zones(_safe(10, 10, None), None, None) is None


def test_an_open_loop_has_no_whole_users() -> None:
    """The zones of a rate have no gap."""
    stand = QueueStand(4, exponential(1.0), unit="requests/s")
    points = join_trials(stand.measure_all((0.5, 1.0, 2.0, 2.8)), 0.9)
    curve = CapacityCurve(unit="requests/s", confidence=0.9, think_ms=0.0, points=points)
    zones = find_zones(_safe(3.1, 3.0, 3.3), curve, 2.5)
    assert zones is not None
    assert (zones.green_to, zones.red_from) == (2.5, 3.3)
