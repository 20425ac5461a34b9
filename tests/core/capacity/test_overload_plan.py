"""The spike beyond the safe load."""

from bench.core.capacity.curve_point import join_trials
from bench.core.capacity.load_trial import SafeLoad
from bench.core.capacity.overload_plan import LONGEST_REST_S, SPIKE_S, plan_overload
from bench.core.config.executors import ConstantVus, Spike
from bench.core.config.open_loops import ConstantArrivalRate, RampingArrivalRate
from tests.core.capacity.queue_stand import QueueStand, exponential

SAFE = SafeLoad(load=20, low=18, high=22, confidence=0.9)
POINTS = join_trials(QueueStand(4, exponential(1.0)).measure_all([2, 10, 20, 40]), 0.9)
USERS = ConstantVus(executor="constant-vus", vus=10, duration_s=90.0, think_time_s=(5.0, 7.0))


def test_users_join_for_the_spike_and_leave() -> None:
    """The load before and after is surely safe, and that of the spike is the declared multiple."""
    plan = plan_overload(USERS, 2.0, SAFE, POINTS)
    assert isinstance(plan.phase, Spike)
    assert (plan.rest_load, plan.load) == (12, 40)
    assert (plan.phase.base_vus, plan.phase.vus) == (12, 40)
    assert plan.phase.think_time_s == (5.0, 7.0)
    assert plan.phase.duration_s == plan.end_s
    assert 0.0 < plan.steady_from_s < plan.before_s < plan.spike_to_s < plan.end_s


def test_a_rate_jumps_for_the_spike_and_back() -> None:
    """An open loop has no users that join; its rate changes at once."""
    phase = ConstantArrivalRate(
        executor="constant-arrival-rate", rate=60, time_unit_s=60.0, duration_s=90.0, arrivals="poisson"
    )
    points = join_trials(QueueStand(4, exponential(1.0), unit="requests/s").measure_all([1, 2, 3]), 0.9)
    plan = plan_overload(phase, 1.5, SafeLoad(load=3, low=2.8, high=3.2, confidence=0.9), points)
    assert isinstance(plan.phase, RampingArrivalRate)
    assert plan.phase.arrivals == "poisson"
    assert plan.phase.peak_rps == plan.load == 4.5
    assert plan.phase.pieces[0].start_rps == plan.phase.pieces[-1].end_rps
    assert sum(piece.duration_s for piece in plan.phase.pieces) == plan.end_s


def test_a_slow_stack_is_not_watched_without_end() -> None:
    """A load with few answers gets the longest time, and at least one user more than before."""
    slow = join_trials(QueueStand(1, exponential(30.0)).measure_all([1, 2]), 0.9)
    plan = plan_overload(USERS, 1.1, SafeLoad(load=1, low=1, high=2, confidence=0.9), slow)
    assert (plan.rest_load, plan.load) == (1, 2)
    assert plan.before_s == plan.after_s == LONGEST_REST_S
    assert plan.spike_to_s == LONGEST_REST_S + SPIKE_S
