from dataclasses import replace

import pytest

from bench.core.load.load_steps import LAST_ANSWERS, NextStage
from bench.core.load.plan import plan
from bench.core.load.progress import PlannedVus, Progress, ProgressWatch, ResponseTimes
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


def _make_ended(at_s: float, time_ms: float = 100.0, **changes: object) -> RequestSample:
    return make_sample(0, finished_s=at_s, scheduled_s=at_s - time_ms / 1000, **changes)


def _watch(*samples: RequestSample) -> ProgressWatch:
    watch = ProgressWatch()
    for sample in samples:
        watch.add(Samples.of([sample]))
    return watch


def test_without_requests_values_are_unknown() -> None:
    """Before the first answer there are no response times and no success, and at the start no rate."""
    watch = ProgressWatch()
    watch.add(Samples.of([]))
    now = watch.progress(0.0, 30.0)
    assert now == Progress(elapsed_s=0.0, planned_s=30.0, finished=0, failed=0)
    assert now.all_times == now.recent_times == ResponseTimes(None, None)
    assert watch.progress(5.0, 30.0).recent_rps == 0.0


def test_recent_requests_are_separate_from_all() -> None:
    """Requests that ended earlier count for the run, but not for its last ten seconds."""
    slow = [_make_ended(at_s=1.0 + number, time_ms=900.0) for number in range(5)]
    fast = [_make_ended(at_s=11.0 + number, time_ms=100.0) for number in range(10)]
    now = _watch(*slow, *fast).progress(20.0, 30.0)
    assert (now.finished, now.recent_rps, now.left_s) == (15, 1.0, 10.0)
    assert now.recent_times.p50_ms == pytest.approx(100.0)
    assert now.recent_times.p95_ms == pytest.approx(100.0)
    assert now.all_times.p50_ms == pytest.approx(100.0, rel=0.01)
    assert now.all_times.p95_ms == pytest.approx(900.0, rel=0.01)


def test_a_short_run_is_counted_over_its_own_duration() -> None:
    """In the first ten seconds the rate refers to the elapsed time."""
    assert _watch(_make_ended(1.0), _make_ended(2.0)).progress(4.0, None).recent_rps == 0.5


def test_failures_count_and_have_no_response_time() -> None:
    """A failed request counts as a failure only; a cancelled request does not count."""
    failed = _make_ended(1.0, time_ms=1.0, outcome=Outcome.HTTP_ERROR)
    cancelled = _make_ended(1.5, outcome=Outcome.CANCELLED)
    now = _watch(failed, _make_ended(2.0), cancelled).progress(4.0, 30.0)
    assert (now.finished, now.failed, now.recent_failed_ratio) == (2, 1, 0.5)
    assert now.recent_times.p50_ms == pytest.approx(100.0)


def test_response_times_are_those_of_the_target() -> None:
    """Requests to the second target count, but not their response times."""
    now = _watch(_make_ended(1.0), _make_ended(2.0, time_ms=900.0, arm=1)).progress(4.0, 30.0)
    assert now.finished == 2
    assert now.recent_times.p95_ms == pytest.approx(100.0)


def test_values_from_elsewhere_are_passed_on() -> None:
    """VUs, requests in flight and resources are passed on unchanged."""
    cpu = make_use("backend")
    now = ProgressWatch().progress(1.0, None, vus=10, in_flight=4, resources=(cpu,))
    assert (now.vus, now.in_flight, now.resources, now.left_s) == (10, 4, (cpu,), None)


def test_a_run_after_its_planned_end_has_0_seconds_left() -> None:
    """After the planned end the time left is 0, never negative."""
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
def test_planned_vus_follow_the_plan(phase: int, at_s: float, vus: int | None) -> None:
    """VUs start and end as planned; an arrival rate has no VUs."""
    phases = [SPIKE | {"think_time_s": (1, 2)}, RAMP | {"think_time_s": (1, 2)}, RATE]
    planned = PlannedVus(plan(make_spec(make_scenario(phases=phases))))
    assert planned.at(phase, at_s) == vus
    assert planned.at(phase, at_s) == vus


def test_the_next_step_has_its_time_or_its_reason() -> None:
    """A stage has its planned start; a step after the load has the planned end, or what it waits for."""
    now = Progress(12.0, 30.0, 20, 0, afterwards=("calibration", "verdict"))
    assert now.describe_next() == ("calibration in 18 s", "then verdict")
    late = replace(now, elapsed_s=31.0)
    assert late.describe_next() == ("calibration after the last answers", "then verdict")
    endless = replace(now, planned_s=None)
    assert endless.describe_next()[0] == "calibration when all requests are answered"
    outside = replace(now, is_load=False, step="health checks")
    assert outside.describe_next()[0] == "calibration"
    waiting = replace(late, step=LAST_ANSWERS)
    assert waiting.describe_next()[0] == "calibration after them"
    stages = (NextStage("20 VUs", 12.4), NextStage("ramp to 0 VUs", 20.0))
    ramping = replace(now, stages=stages)
    assert ramping.describe_next() == (
        "20 VUs in 12 s",
        "then ramp to 0 VUs",
        "then calibration",
        "then verdict",
    )
    unknown = replace(now, stages=(NextStage("5 requests/s", None),))
    assert unknown.describe_next()[0] == "5 requests/s when all requests are answered"
    assert Progress(1.0, 30.0, 0, 0).describe_next() == ()
