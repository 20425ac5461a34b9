"""The behaviour of a simulated stack beyond its safe load."""

import heapq
from collections.abc import Sequence

import numpy as np
import pytest

from bench.core.capacity.curve_point import join_trials
from bench.core.capacity.load_objective import LoadObjective
from bench.core.capacity.overload import OverloadPart, OverloadReport, jain_index, report_overload
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from tests.core.capacity.queue_stand import QueueStand, exponential
from tests.factories import make_sample

SLOTS = 4
SERVICE_S = 1.0
REST = 8
SPIKE = 60
SPIKE_S = (100.0, 160.0)
END_S = 320.0
OBJECTIVES = (LoadObjective("p95 response time ≤ 4 s", {"e2e_ms": 4000.0}, 0.05),)
POINTS = join_trials(QueueStand(SLOTS, exponential(SERVICE_S), (1.0, 3.0)).measure_all([4, 8, 12]), 0.9)


def _spike(queue: int | None = None, favoured: int = 0, users: int = SPIKE) -> Samples:
    """The requests of a load, a spike and the load again.

    Args:
        queue: Most requests that wait; others are refused at once. None if all may wait.
        favoured: Number of VUs whose requests overtake all others.
        users: VUs during the spike.
    """
    random = np.random.default_rng(5)
    due: list[tuple[float, int]] = [(float(random.uniform(0.0, 3.0)), vu) for vu in range(REST)]
    due += [(SPIKE_S[0] + float(random.uniform(0.0, 3.0)), vu) for vu in range(REST, users)]
    heapq.heapify(due)
    free_s = [0.0] * SLOTS
    waiting: list[tuple[bool, float, int]] = []
    rows: list[RequestSample] = []

    def finish(planned_s: float, end_s: float, vu: int, outcome: Outcome, status: int) -> None:
        rows.append(
            make_sample(
                vu=vu,
                iteration=len(rows),
                at_s=planned_s,
                latency_ms=(end_s - planned_s) * 1000.0,
                outcome=outcome,
                status=status,
            )
        )
        next_s = end_s + float(random.uniform(1.0, 3.0))
        if next_s < (SPIKE_S[1] if vu >= REST else END_S):
            heapq.heappush(due, (next_s, vu))

    while due or waiting:
        next_s = due[0][0] if due else float("inf")
        if waiting and min(free_s) <= next_s:
            waiting.sort()
            _, planned_s, vu = waiting.pop(0)
            end_s = max(planned_s, heapq.heappop(free_s)) + float(random.exponential(SERVICE_S))
            heapq.heappush(free_s, end_s)
            finish(planned_s, end_s, vu, Outcome.OK, 200)
            continue
        planned_s, vu = heapq.heappop(due)
        if queue is not None and len(waiting) >= queue:
            finish(planned_s, planned_s + 0.002, vu, Outcome.HTTP_ERROR, 503)
        else:
            waiting.append((vu >= favoured, planned_s, vu))
    return Samples.of(rows)


def _report(
    samples: Samples, load: float = SPIKE, objectives: Sequence[LoadObjective] = OBJECTIVES
) -> OverloadReport:
    part = OverloadPart(samples, "users", load, REST, 20.0, *SPIKE_S, END_S)
    return report_overload(part, POINTS, objectives, 0.9)


PATIENT = _report(_spike())
SHEDDING = _report(_spike(queue=4))


def test_goodput_collapses_if_all_requests_wait() -> None:
    """A stack that answers each request, but too late, has throughput and no goodput."""
    assert PATIENT.goodput == "collapse"
    assert PATIENT.goodput_ratio is not None
    assert PATIENT.goodput_ratio.high is not None
    assert PATIENT.goodput_ratio.high < 0.5
    assert PATIENT.best_goodput_rps > PATIENT.goodput_rps
    assert PATIENT.shedding is None


def test_load_shedding_keeps_goodput_on_its_plateau() -> None:
    """A short queue refuses the rest quickly, and answers the others in time."""
    assert SHEDDING.goodput == "plateau"
    assert SHEDDING.shedding is not None
    assert 0.3 < SHEDDING.shedding.refused_ratio < 0.95
    assert SHEDDING.shedding.refusal_ms == pytest.approx(2.0)
    assert SHEDDING.shedding.accepted_p95_ms is not None
    assert SHEDDING.shedding.accepted_p95_ms < 6000.0


def test_a_long_queue_delays_the_recovery() -> None:
    """The answers are as before when the requests of the spike have left the queue."""
    assert PATIENT.recovery_s is not None
    assert SHEDDING.recovery_s is not None
    assert PATIENT.recovery_s > SHEDDING.recovery_s
    assert PATIENT.watched_s == END_S - SPIKE_S[1]


def test_a_spike_that_users_do_not_notice_needs_no_recovery() -> None:
    """Without more users, all stays as it was."""
    calm = _report(_spike(users=REST), REST)
    assert calm.recovery_s == 0.0
    assert calm.shedding is None


def test_a_recovery_needs_requests_before_the_spike() -> None:
    """Without a steady state there is nothing to return to."""
    samples = _spike()
    late = samples.where(samples.column("scheduled_s") > SPIKE_S[0])
    assert _report(late).recovery_s is None


def test_a_queue_in_order_of_arrival_is_fair() -> None:
    """Users differ by chance only, unless some overtake the others."""
    assert PATIENT.fairness is not None
    assert PATIENT.fairness.is_fair
    assert PATIENT.fairness.users == SPIKE
    unfair = _report(_spike(favoured=REST)).fairness
    assert unfair is not None
    assert not unfair.is_fair
    assert unfair.index < PATIENT.fairness.index


def test_the_index_of_fairness_counts_the_users_that_share() -> None:
    """Jain's index is the share of the users that would have equal shares."""
    assert jain_index(np.array([5.0, 5.0, 5.0, 5.0])) == pytest.approx(1.0)
    assert jain_index(np.array([7.0, 0.0, 0.0, 0.0])) == pytest.approx(0.25)
    assert jain_index(np.zeros(3)) == 1.0


def test_an_open_loop_has_no_users_to_compare() -> None:
    """Each request of an open loop is a user of its own."""
    part = OverloadPart(_spike(), "requests/s", 10.0, 2.0, 20.0, *SPIKE_S, END_S)
    assert report_overload(part, POINTS, OBJECTIVES, 0.9).fairness is None


def test_a_single_user_has_nobody_to_share_with() -> None:
    """An index of one user is always 1."""
    samples = Samples.of([make_sample(vu=0, at_s=SPIKE_S[0] + number) for number in range(30)])
    assert _report(samples).fairness is None


def test_a_search_without_goodput_has_no_ratio() -> None:
    """A ratio to 0 does not exist."""
    part = OverloadPart(_spike(), "users", SPIKE, REST, 20.0, *SPIKE_S, END_S)
    report = report_overload(part, (), OBJECTIVES, 0.9)
    assert report.goodput_ratio is None
    assert report.goodput is None


def test_goodput_between_plateau_and_collapse_declines() -> None:
    """A part of the answers is in time."""
    lax = (LoadObjective("p95 response time ≤ 14 s", {"e2e_ms": 14_000.0}, 0.05),)
    ratio = _report(_spike(), objectives=lax).goodput_ratio
    assert ratio is not None
    assert ratio.value > (PATIENT.goodput_ratio.value if PATIENT.goodput_ratio else 1.0)
