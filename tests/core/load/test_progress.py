import pytest

from bench.core.load.plan import plan
from bench.core.load.progress import PlannedVus, Progress, ProgressWatch, Waits
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from tests.factories import make_sample, make_scenario, make_spec, make_use

SPIKE = {"executor": "spike", "base_vus": 2, "spike_vus": 3, "before_s": 5, "spike_s": 5, "after_s": 5}
RAMP = {
    "executor": "ramping-vus",
    "start_vus": 1,
    "stages": [{"duration": 8, "target": 5}, {"duration": 2, "target": 5}],
}
RATE = {"executor": "constant-arrival-rate", "rate": 5, "duration_s": 10}


def _ended(at_s: float, waited_ms: float = 100.0, **changes: object) -> RequestSample:
    return make_sample(0, finished_s=at_s, scheduled_s=at_s - waited_ms / 1000, **changes)


def _watched(*samples: RequestSample) -> ProgressWatch:
    watch = ProgressWatch()
    for sample in samples:
        watch.add(Samples.of([sample]))
    return watch


def test_without_requests_nothing_is_known() -> None:
    """Before the first answer there are no waiting times and no success, and not even a rate at the start."""
    watch = ProgressWatch()
    watch.add(Samples.of([]))
    now = watch.progress(0.0, 30.0)
    assert now == Progress(elapsed_s=0.0, planned_s=30.0, finished=0, failed=0)
    assert now.waits == now.recent == Waits(None, None)
    assert watch.progress(5.0, 30.0).recent_rps == 0.0


def test_the_last_ten_seconds_are_told_from_all() -> None:
    """What ended earlier counts for the whole run, and no more for what is recent."""
    slow = [_ended(at_s=1.0 + number, waited_ms=900.0) for number in range(5)]
    fast = [_ended(at_s=11.0 + number, waited_ms=100.0) for number in range(10)]
    now = _watched(*slow, *fast).progress(20.0, 30.0)
    assert (now.finished, now.recent_rps, now.left_s) == (15, 1.0, 10.0)
    assert now.recent.p50_ms == pytest.approx(100.0)
    assert now.recent.p95_ms == pytest.approx(100.0)
    assert now.waits.p50_ms == pytest.approx(100.0, rel=0.01)
    assert now.waits.p95_ms == pytest.approx(900.0, rel=0.01)


def test_a_young_run_is_counted_over_its_own_time() -> None:
    """In the first ten seconds requests per second are of the seconds that there were."""
    assert _watched(_ended(1.0), _ended(2.0)).progress(4.0, None).recent_rps == 0.5


def test_failures_count_and_have_no_waiting_time() -> None:
    """A refusal is fast, so it is counted among the failures only; what was taken back is no answer."""
    failed = _ended(1.0, waited_ms=1.0, outcome=Outcome.HTTP_ERROR)
    cancelled = _ended(1.5, outcome=Outcome.CANCELLED)
    now = _watched(failed, _ended(2.0), cancelled).progress(4.0, 30.0)
    assert (now.finished, now.failed, now.recent_failed_ratio) == (2, 1, 0.5)
    assert now.recent.p50_ms == pytest.approx(100.0)


def test_waiting_times_are_of_the_target_alone() -> None:
    """What the target beside takes is no waiting time of the target; its answers count as requests."""
    now = _watched(_ended(1.0), _ended(2.0, waited_ms=900.0, arm=1)).progress(4.0, 30.0)
    assert now.finished == 2
    assert now.recent.p95_ms == pytest.approx(100.0)


def test_what_requests_do_not_tell_is_passed_on() -> None:
    """Users, requests under way and processes stand as they were given."""
    cpu = make_use("backend")
    now = ProgressWatch().progress(1.0, None, vus=10, in_flight=4, resources=(cpu,))
    assert (now.vus, now.in_flight, now.resources, now.left_s) == (10, 4, (cpu,), None)


def test_a_run_that_waits_for_answers_has_no_time_left() -> None:
    """After the planned end the time left is none, and never negative."""
    assert ProgressWatch().progress(31.0, 30.0).left_s == 0.0


@pytest.mark.parametrize(
    ("phase", "at_s", "vus"),
    [
        (0, 0.0, 2),
        (0, 5.0, 5),
        (0, 10.0, 2),
        (0, 15.0, 0),
        (1, 0.0, 2),
        (1, 3.0, 3),
        (1, 9.0, 5),
        (2, 3.0, None),
    ],
)
def test_users_are_there_as_planned(phase: int, at_s: float, vus: int | None) -> None:
    """Users come and go at the plan's moments; a rate has requests and no users."""
    phases = [SPIKE | {"think_time_s": (1, 2)}, RAMP | {"think_time_s": (1, 2)}, RATE]
    planned = PlannedVus(plan(make_spec(make_scenario(phases=phases))))
    assert planned.at(phase, at_s) == vus
    assert planned.at(phase, at_s) == vus
