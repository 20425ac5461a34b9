from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.load.active_vus import ActiveVus, active_vus
from bench.core.load.plan import RunPlan, plan
from bench.core.samples.request import RequestSample
from bench.core.samples.samples import Samples
from tests.factories import make_sample, make_scenario, make_spec

CONSTANT = {"executor": "constant-vus", "vus": 3, "duration_s": 30, "think_time_s": (5, 7)}
SPIKE = {
    "executor": "spike", "base_vus": 1, "spike_vus": 2,
    "before_s": 10, "spike_s": 10, "after_s": 10, "think_time_s": (0, 0),
}  # fmt: skip


def plan_of(*phases: dict[str, Any]) -> RunPlan:
    """Return the plan of these phases."""
    return plan(make_spec(make_scenario(phases=list(phases))))


def at(active: ActiveVus | None, *moments_s: float) -> list[int]:
    """Return the number of active VUs at each moment."""
    assert active is not None
    return [int(count) for count in active.at(np.array(moments_s))]


def make_request(vu: int, at_s: float, took_s: float, iteration: int = 0, **changes: Any) -> RequestSample:
    """Return a request of a VU."""
    return make_sample(vu=vu, iteration=iteration, at_s=at_s, latency_ms=1000 * took_s, **changes)


def find_active(
    samples: Sequence[RequestSample], *phases: dict[str, Any], elapsed_s: float = 30.0
) -> ActiveVus | None:
    """Return the active VUs of these requests."""
    return active_vus(Samples.of(samples), plan_of(*phases), elapsed_s)


def test_vus_are_active_as_planned() -> None:
    """A VU is active during its think time, and not before its start."""
    active = find_active(
        [make_request(0, 100.0, 1.0), make_request(1, 110.0, 1.0), make_request(2, 110.0, 1.0)],
        SPIKE,
        elapsed_s=130.0,
    )
    assert at(active, 99.0, 100.0, 109.9, 110.0, 119.9, 120.5, 129.9, 130.5) == [0, 1, 1, 3, 3, 1, 1, 0]


def test_a_vu_is_active_until_its_last_answer() -> None:
    """A VU that waits for an answer is active after its planned end."""
    active = find_active(
        [make_request(0, 0.0, 1.0), make_request(1, 10.0, 15.0), make_request(2, 10.0, 1.0)], SPIKE
    )
    assert at(active, 22.0, 24.9, 25.1) == [2, 2, 1]


def test_no_vu_sends_after_the_phase() -> None:
    """The time after the planned end of a phase, in which the last answers arrive, is separate."""
    active = find_active(
        [make_request(0, 0.0, 1.0), make_request(1, 0.0, 1.0), make_request(2, 29.0, 9.0)],
        CONSTANT,
        elapsed_s=38.0,
    )
    assert active is not None
    assert at(active, 29.9, 37.0) == [3, 1]
    assert at(active.while_sending(), 29.9, 37.0) == [3, 0]


def test_a_vu_with_iterations_ends_after_the_last_one() -> None:
    """A VU with a number of iterations is active from its start to its last answer."""
    iterations = {"executor": "per-vu-iterations", "vus": 2, "iterations": 2}
    samples = [
        make_request(0, 0.0, 1.0),
        make_request(1, 0.0, 4.0),
        make_request(0, 1.0, 1.0, iteration=1),
        make_request(1, 4.0, 1.0, iteration=1),
    ]
    assert at(find_active(samples, iterations), 0.5, 2.5, 4.5, 5.5) == [2, 1, 1, 0]


def test_an_interrupted_run_has_no_active_vus_after_its_end() -> None:
    """A VU whose start is after the end of the run is never active."""
    active = find_active([make_request(0, 0.0, 1.0)], SPIKE, elapsed_s=5.0)
    assert at(active, 4.9, 5.1, 12.0) == [1, 0, 0]


def test_phases_run_one_after_the_other() -> None:
    """VUs of one phase are not counted in the next one."""
    samples = [make_request(vu, 0.0, 1.0) for vu in range(3)]
    samples.append(make_request(0, 30.1, 1.0, phase=1))
    active = find_active(samples, CONSTANT, CONSTANT | {"vus": 1}, elapsed_s=60.1)
    assert at(active, 15.0, 45.0) == [3, 1]


def test_open_loops_count_requests_in_flight() -> None:
    """A request counts from its planned start to its end, in all phases of the run."""
    rate = {"executor": "constant-arrival-rate", "rate": 1, "duration_s": 10}
    samples = [make_request(0, 0.0, 2.0), make_request(1, 1.0, 2.0), make_request(2, 2.5, 1.0)]
    assert at(find_active(samples, rate), 0.0, 1.5, 2.2, 2.5, 4.0) == [1, 2, 1, 2, 0]


def test_several_runs_have_no_active_vus() -> None:
    """If a VU starts twice, the plan does not have its second start."""
    assert find_active([make_request(0, 0.0, 1.0), make_request(0, 40.0, 1.0)], CONSTANT) is None


@pytest.mark.parametrize("number", [7, 8])
def test_an_unplanned_vu_is_active_during_its_requests(number: int) -> None:
    """Requests of a VU that the plan does not have are counted too."""
    active = find_active([make_request(number, 1.0, 1.0), make_request(number, 5.0, 1.0, iteration=1)], SPIKE)
    assert at(active, 0.5, 3.0, 6.5) == [0, 1, 0]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50)), min_size=1, max_size=40),
    st.lists(st.floats(0, 150), min_size=1, max_size=20),
)
def test_active_vus_equal_a_count_one_by_one(
    stays: list[tuple[float, float]], moments_s: list[float]
) -> None:
    """At each moment the active VUs are those that started and did not end; the pieces cover the run."""
    starts_s = np.array([start for start, _ in stays])
    ends_s = starts_s + np.array([length for _, length in stays])
    active = ActiveVus(np.sort(starts_s), np.sort(ends_s), np.sort(ends_s))
    expected = [int(np.sum((starts_s <= moment) & (ends_s >= moment))) for moment in moments_s]
    assert at(active, *moments_s) == expected
    counts, seconds = active.pieces()
    assert counts.min(initial=0) >= 0
    assert np.sum(counts * seconds) == pytest.approx(np.sum(ends_s - starts_s), abs=1e-6)
