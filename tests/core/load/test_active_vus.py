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

FIXED = {"executor": "constant-vus", "vus": 3, "duration_s": 30, "think_time_s": (5, 7)}
SPIKE = {
    "executor": "spike", "base_vus": 1, "spike_vus": 2,
    "before_s": 10, "spike_s": 10, "after_s": 10, "think_time_s": (0, 0),
}  # fmt: skip


def plan_of(*phases: dict[str, Any]) -> RunPlan:
    """The plan of these stages."""
    return plan(make_spec(make_scenario(phases=list(phases))))


def at(found: ActiveVus | None, *moments_s: float) -> list[int]:
    """How many were there at each moment."""
    assert found is not None
    return [int(count) for count in found.at(np.array(moments_s))]


def asked(vu: int, at_s: float, took_s: float, iteration: int = 0, **changes: Any) -> RequestSample:
    """A request of a user."""
    return make_sample(vu=vu, iteration=iteration, at_s=at_s, latency_ms=1000 * took_s, **changes)


def there(
    rows: Sequence[RequestSample], *phases: dict[str, Any], elapsed_s: float = 30.0
) -> ActiveVus | None:
    """Who was there when these requests were sent."""
    return active_vus(Samples.of(rows), plan_of(*phases), elapsed_s)


def test_users_are_there_while_the_plan_says_so() -> None:
    """A user who pauses is there, and one who comes later is not there before."""
    found = there([asked(0, 100.0, 1.0), asked(1, 110.0, 1.0), asked(2, 110.0, 1.0)], SPIKE, elapsed_s=130.0)
    assert at(found, 99.0, 100.0, 109.9, 110.0, 119.9, 120.5, 129.9, 130.5) == [0, 1, 1, 3, 3, 1, 1, 0]


def test_a_user_stays_for_the_last_answer() -> None:
    """Who waits for an answer is there, though the plan has no more requests of his."""
    found = there([asked(0, 0.0, 1.0), asked(1, 10.0, 15.0), asked(2, 10.0, 1.0)], SPIKE)
    assert at(found, 22.0, 24.9, 25.1) == [2, 2, 1]


def test_nobody_asks_after_the_stage() -> None:
    """The time in which those who still wait are answered is told from the stage's own."""
    found = there([asked(0, 0.0, 1.0), asked(1, 0.0, 1.0), asked(2, 29.0, 9.0)], FIXED, elapsed_s=38.0)
    assert found is not None
    assert at(found, 29.9, 37.0) == [3, 1]
    assert at(found.while_asking(), 29.9, 37.0) == [3, 0]


def test_who_has_so_many_requests_leaves_after_the_last() -> None:
    """Users of so many turns are there from the start to their last answer."""
    iterations = {"executor": "per-vu-iterations", "vus": 2, "iterations": 2}
    rows = [
        asked(0, 0.0, 1.0),
        asked(1, 0.0, 4.0),
        asked(0, 1.0, 1.0, iteration=1),
        asked(1, 4.0, 1.0, iteration=1),
    ]
    assert at(there(rows, iterations), 0.5, 2.5, 4.5, 5.5) == [2, 1, 1, 0]


def test_a_run_that_was_broken_off_has_nobody_after_its_end() -> None:
    """Nobody is there after the run, and who would have come later never was."""
    found = there([asked(0, 0.0, 1.0)], SPIKE, elapsed_s=5.0)
    assert at(found, 4.9, 5.1, 12.0) == [1, 0, 0]


def test_stages_follow_one_another() -> None:
    """Users of one stage are not counted in the next."""
    rows = [asked(vu, 0.0, 1.0) for vu in range(3)]
    rows.append(asked(0, 30.1, 1.0, phase=1))
    found = there(rows, FIXED, FIXED | {"vus": 1}, elapsed_s=60.1)
    assert at(found, 15.0, 45.0) == [3, 1]


def test_open_loops_count_requests_under_way() -> None:
    """A request is there from when it was due to its end, and where a loop is open all are counted so."""
    rate = {"executor": "constant-arrival-rate", "rate": 1, "duration_s": 10}
    rows = [asked(0, 0.0, 2.0), asked(1, 1.0, 2.0), asked(2, 2.5, 1.0)]
    assert at(there(rows, rate), 0.0, 1.5, 2.2, 2.5, 4.0) == [1, 2, 1, 2, 0]


def test_several_runs_as_one_have_no_presence() -> None:
    """When a user comes again, the plan does not say when."""
    assert there([asked(0, 0.0, 1.0), asked(0, 40.0, 1.0)], FIXED) is None


@pytest.mark.parametrize("number", [7, 8])
def test_who_is_not_in_the_plan_is_there_for_his_requests(number: int) -> None:
    """Requests of a user whom the plan does not know are counted all the same."""
    found = there([asked(number, 1.0, 1.0), asked(number, 5.0, 1.0, iteration=1)], SPIKE)
    assert at(found, 0.5, 3.0, 6.5) == [0, 1, 0]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50)), min_size=1, max_size=40),
    st.lists(st.floats(0, 150), min_size=1, max_size=20),
)
def test_presence_is_what_counting_one_by_one_finds(
    stays: list[tuple[float, float]], moments_s: list[float]
) -> None:
    """At each moment there are as many as have come and not gone; the pieces fill the time."""
    starts_s = np.array([start for start, _ in stays])
    ends_s = starts_s + np.array([length for _, length in stays])
    found = ActiveVus(np.sort(starts_s), np.sort(ends_s), np.sort(ends_s))
    expected = [int(np.sum((starts_s <= moment) & (ends_s >= moment))) for moment in moments_s]
    assert at(found, *moments_s) == expected
    counts, seconds = found.pieces()
    assert counts.min(initial=0) >= 0
    assert np.sum(counts * seconds) == pytest.approx(np.sum(ends_s - starts_s), abs=1e-6)
