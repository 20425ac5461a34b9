"""The curve over the load, and the models that explain it."""

import math
from functools import cache

import pytest

from bench.core.capacity.curve import CapacityCurve, fit_curve
from bench.core.capacity.usl import UslCurve
from tests.core.capacity.queue_stand import QueueStand, constant, exponential, lognormal

LOADS = (1, 2, 5, 10, 14, 20, 30, 40)
SERVICES = {"exponential": exponential(2.0), "constant": constant(2.0), "lognormal": lognormal(2.0, 0.5)}


def _curve(stand: QueueStand, loads: tuple[float, ...] = LOADS) -> CapacityCurve:
    fitted = fit_curve(stand.measure_all(loads), stand.unit)
    assert fitted is not None
    return fitted.curve


@cache
def _four_slots(service: str) -> CapacityCurve:
    return _curve(QueueStand(4, SERVICES[service]))


@pytest.mark.parametrize("service", SERVICES)
def test_the_queue_explains_a_stack_with_slots(service: str) -> None:
    """The fit returns the true number of slots, the time in a slot and the largest throughput."""
    queue = _four_slots(service).queue
    assert queue is not None
    assert queue.adequate
    assert queue.saturated
    assert queue.slots.high is not None
    assert queue.slots.low <= 4 <= queue.slots.high
    assert queue.most_rps.value == pytest.approx(2.0, rel=0.1)
    assert all(abs(residual.throughput or 0.0) < 0.25 for residual in queue.residuals)


def test_an_open_loop_has_no_think_time() -> None:
    """The load is the throughput until the slots are saturated."""
    stand = QueueStand(4, exponential(1.0), unit="requests/s")
    curve = _curve(stand, (0.5, 1.0, 2.0, 3.0, 3.4, 3.7, 5.0))
    assert curve.think_ms == 0.0
    assert curve.queue is not None
    assert curve.queue.saturated
    assert curve.queue.most_rps.value == pytest.approx(4.0, rel=0.1)
    assert curve.queue.line[-1].mean_ms is None


def test_think_time_follows_from_users_and_throughput() -> None:
    """Little's law: users divided by throughput is think time plus response time."""
    assert _four_slots("exponential").think_ms == pytest.approx(6000.0, rel=0.05)


def test_few_loads_have_points_but_no_model() -> None:
    """A line through three points would explain any three points."""
    curve = _curve(QueueStand(4, exponential(2.0)), (1, 10, 30))
    assert len(curve.points) == 3
    assert curve.queue is None
    assert curve.usl is None
    assert "needs 4 different loads" in curve.describe_fits()


def test_trials_of_one_load_are_one_point() -> None:
    """A load that was tried twice is known better."""
    stand = QueueStand(4, exponential(2.0))
    once = fit_curve([stand.measure(10)], "users")
    twice = fit_curve([stand.measure(10), stand.measure(10)], "users")
    assert once is not None
    assert twice is not None
    (first,), (second,) = once.curve.points, twice.curve.points
    assert second.requests == 2 * first.requests
    assert second.mean_ms.high - second.mean_ms.low < first.mean_ms.high - first.mean_ms.low  # type: ignore[union-attr,operator]


def test_a_search_without_requests_has_no_curve() -> None:
    """No point, no curve."""
    assert fit_curve([], "users") is None


@pytest.mark.parametrize("think_s", [0.0, 6.0])
def test_the_law_has_the_closed_form_with_think_time(think_s: float) -> None:
    """Users are the requests in flight and those that think."""
    law = UslCurve(0.5, 0.1, 0.01)
    for users in (1.0, 5.0, 20.0, 60.0):
        state = law.with_users(users, think_s)
        assert state.mean_s is not None
        in_flight = state.throughput_rps * state.mean_s
        assert in_flight + think_s * state.throughput_rps == pytest.approx(users)
        assert state.mean_s == pytest.approx(law.response_s(in_flight), rel=1e-6)


def test_the_law_peaks_where_more_requests_in_flight_bring_less() -> None:
    """The peak is √((1 - contention) / coherence)."""
    law = UslCurve(1.0, 0.1, 0.01)
    peak = law.peak_in_flight()
    assert peak == pytest.approx(math.sqrt(90.0))
    assert law.throughput_rps(peak) > max(law.throughput_rps(peak * 0.9), law.throughput_rps(peak * 1.1))
    assert law.with_rate(law.most_rps() * 1.01).mean_s is None
    assert law.with_rate(law.most_rps() * 0.9).throughput_rps == pytest.approx(law.most_rps() * 0.9)
    assert UslCurve(1.0, 0.1, 0.0).most_rps() == pytest.approx(10.0)
