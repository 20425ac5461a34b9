"""The plan of large loads: its arithmetic, and its simulations in virtual time."""

from dataclasses import replace

import pytest

from benchmarks.scale.costs import Costs
from benchmarks.scale.plan import BUSY_SHARE, LOADS, find_limits, most_generators, plan_load
from benchmarks.scale.simulation import MergePlan, StartPlan, simulate_merge, simulate_start

COSTS = Costs(
    process_bytes=36e6,
    idle_vu_bytes=15e3,
    stream_bytes=16e3,
    kernel_bytes=4e3,
    request_us=80.0,
    token_us=10.0,
    sample_bytes=140.0,
    batch_bytes=12e3,
    batch_us=500.0,
    merge_us=0.5,
    token_wire_bytes=208.0,
)
PLAN = MergePlan(100, 100.0, 500.0, 0.5, 12e3, 140.0, seconds=10.0)


def test_a_run_that_is_not_busy_merges_each_batch_at_once() -> None:
    """Below 100 % of its core, no load generator keeps a batch, and every request is merged."""
    outcome = simulate_merge(PLAN)
    assert PLAN.utilisation == pytest.approx(0.205)
    assert outcome.merged == outcome.sent > 0
    assert outcome.back_pressure_s is None
    assert outcome.longest_delay_s < 0.1


def test_the_delay_of_a_busy_run_grows_with_the_load_and_no_request_is_lost() -> None:
    """At twice its core, a batch at the end of the load waits as long as the load took."""
    busy = replace(PLAN, workers=100, batch_us=4_988.0)
    short = simulate_merge(busy)
    long = simulate_merge(replace(busy, seconds=20.0))
    assert busy.utilisation == pytest.approx(2.0, rel=0.01)
    assert short.longest_delay_s == pytest.approx(10.0, rel=0.05)
    assert long.longest_delay_s == pytest.approx(2 * short.longest_delay_s, rel=0.05)
    assert short.is_lossless
    assert long.is_lossless


def test_back_pressure_begins_when_the_window_is_full() -> None:
    """A network that carries a tenth of the samples fills first the window, then the memory of an agent."""
    narrow = MergePlan(2, 50_000.0, 1.0, 0.01, 0.0, 140.0, run_bytes_per_s=1.4e6, seconds=10.0)
    outcome = simulate_merge(narrow)
    assert outcome.back_pressure_s is not None
    assert outcome.file_s is not None
    # 4 MiB arrive in 0.6 s, of which a twentieth has left; 16 MiB more take four times as long.
    assert outcome.back_pressure_s == pytest.approx(0.65, abs=0.3)
    assert outcome.file_s == pytest.approx(5 * outcome.back_pressure_s, rel=0.3)
    assert outcome.is_lossless


@pytest.mark.parametrize("asymmetry", [0.0, 0.5, 1.0])
def test_no_clock_is_off_by_more_than_its_stated_error(asymmetry: float) -> None:
    """Also if a message takes all of its time on one of the two ways."""
    outcome = simulate_start(StartPlan(200, 0.02, 0.001, asymmetry))
    assert outcome.wrong == 0
    assert outcome.largest_error_s == pytest.approx(0.02 * asymmetry, abs=0.005)
    assert outcome.largest_stated_s >= 0.02


def test_a_plan_follows_from_the_costs() -> None:
    """Twice the cost of a token needs about twice the cores of a load of tokens, and the same ports."""
    for load in LOADS:
        needs = plan_load(load, COSTS)
        assert needs.generators >= needs.cores / BUSY_SHARE
        assert needs.generators * needs.files >= load.vus
        assert plan_load(load, replace(COSTS, token_us=20.0)).cores > 1.9 * needs.cores
    assert [*find_limits(plan_load(replace(LOADS[0], vus=100), COSTS))] == []
    assert any("ports" in limit for limit in find_limits(plan_load(replace(LOADS[0], vus=100_000), COSTS)))


def test_the_run_is_busy_with_its_largest_number_of_load_generators() -> None:
    """One more keeps it busy for more than all of the time."""
    most = most_generators(COSTS, 100.0)
    plan = replace(PLAN, workers=most)
    assert plan.utilisation <= 1.0 < replace(plan, workers=most + 1).utilisation
