from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.config.fault import KillFault, PauseFault
from bench.core.faults.fault_effects import FaultEffect, measure_faults
from bench.core.faults.fault_times import FaultTimes
from bench.core.run.costs import costs_of
from bench.core.samples.sample import Outcome, Stop, StopCause
from bench.core.samples.samples import Samples
from tests.core.faults.outage import RATE, fail, slow_down, steady_requests
from tests.factories import make_recording, make_run, make_scenario, make_spec

KILL = KillFault(action="kill", at_s=10.0, service="agent", duration_s=5.0)


def happened(began_s: float = 10.0, ended_s: float | None = 15.0, **changes: Any) -> FaultTimes:
    """The measured times of a fault."""
    content = {"fault": 0, "instances": ("agent",), "began_s": began_s, "ended_s": ended_s}
    return FaultTimes.model_validate(content | changes)


def measure(samples: Samples, times: FaultTimes | None = None, elapsed_s: float = 40.0) -> FaultEffect:
    """The effect of one fault."""
    (effect,) = measure_faults([KILL], [times or happened()], samples, elapsed_s)
    return effect


def test_a_complete_outage_loses_what_was_planned_in_it() -> None:
    """Ten requests per second for 6 s: 60 are lost, as in a complete outage of 6 s; then it recovers."""
    effect = measure(fail(steady_requests(40), 10.0, 16.0))
    assert effect.failed == {Outcome.CONNECT_FAILED: 60}
    assert effect.lost == 60
    assert effect.lost_s == pytest.approx(6.0, rel=0.02)
    assert effect.recovery_s == pytest.approx(6.0)
    assert effect.lasted_s == pytest.approx(5.0)
    assert effect.problem is None


def test_a_fault_without_effect_loses_nothing_and_needs_no_recovery() -> None:
    """Another instance answers: users notice nothing, although the fault lasts."""
    effect = measure(Samples.of(steady_requests(40)))
    assert (effect.lost, effect.recovery_s, effect.failed) == (0, 0.0, {})
    assert effect.lasted_s == 5.0


def test_requests_in_flight_are_counted_apart() -> None:
    """A request that was sent before the fault and failed in it is lost, too."""
    rows = steady_requests(40)
    lost = {row.scheduled_s: row for row in fail(rows, 9.95, 12.0)}
    in_flight = make_long(rows, 9.5, 10.5)
    samples = Samples.of(in_flight.get(row.scheduled_s, lost[row.scheduled_s]) for row in rows)
    effect = measure(samples)
    assert effect.in_flight == len(in_flight)
    assert effect.later == 20
    assert effect.lost == effect.in_flight + effect.later


def make_long(rows: list[Any], from_s: float, ends_s: float) -> dict[float, Any]:
    """The requests from a time until 10 s, which fail at another time."""
    return {
        row.scheduled_s: row._replace(finished_s=ends_s, outcome=Outcome.BAD_STREAM)
        for row in rows
        if from_s <= row.scheduled_s < 10.0
    }


@given(share=st.sampled_from([0, 7, 11, 13]))
def test_failures_that_the_fault_did_not_cause_are_not_lost(share: int) -> None:
    """A target that always refuses every seventh request loses none of them because of the fault."""
    refused: dict[str, Any] = {"outcome": Outcome.HTTP_ERROR}
    rows = [
        row._replace(**refused) if share and number % share == 0 else row
        for number, row in enumerate(steady_requests(40))
    ]
    effect = measure(Samples.of(rows))
    assert effect.lost <= 1
    assert effect.recovery_s is not None
    assert effect.recovery_s <= 20 / RATE


def test_slow_answers_are_no_recovery() -> None:
    """A stack that answers correctly, but ten times as slowly, has not recovered yet."""
    effect = measure(slow_down(steady_requests(40), 10.0, 20.0, 0.8))
    assert effect.lost == 0
    assert effect.recovery_s == pytest.approx(10.0, abs=0.5)


def test_a_late_effect_of_a_lasting_fault_belongs_to_it() -> None:
    """A cache answers for 2 s after its database was killed; the failures after them are lost requests."""
    effect = measure(fail(steady_requests(40), 12.5, 14.5))
    assert effect.lost == 20
    assert effect.recovery_s == pytest.approx(4.5)


def test_without_a_recovery_the_time_is_unknown() -> None:
    """A service that stays dead loses all later requests, and the reason is stated."""
    effect = measure(fail(steady_requests(40), 10.0, 40.0), happened(ended_s=None))
    assert effect.recovery_s is None
    assert effect.lost == 300
    assert effect.problem == "the stack did not recover"
    assert effect.waited_s == pytest.approx(30.0)


def test_too_few_requests_decide_nothing() -> None:
    """Before and after the fault, twenty requests are needed."""
    early = measure(Samples.of(steady_requests(40)), happened(began_s=1.0, ended_s=2.0))
    assert early.recovery_s is None
    assert "before the fault" in (early.problem or "")
    late = measure(fail(steady_requests(11), 10.0, 11.0), elapsed_s=11.0)
    assert late.recovery_s is None
    assert "only 10 requests followed" in (late.problem or "")
    assert late.lost == 10


def test_each_request_belongs_to_one_fault() -> None:
    """The second fault is compared with the time after the recovery from the first one."""
    rows = fail(steady_requests(40), 10.0, 12.0)
    samples = fail(list(rows), 20.0, 23.0)
    pause = PauseFault(action="pause", at_s=20.0, service="model", duration_s=3.0)
    times = [happened(ended_s=12.0), happened(fault=1, began_s=20.0, ended_s=23.0, instances=("model",))]
    first, second = measure_faults([KILL, pause], times, samples, 40.0)
    assert (first.lost, second.lost) == (20, 30)
    assert (first.recovery_s, second.recovery_s) == pytest.approx((2.0, 3.0))


def test_a_fault_that_did_not_happen_is_reported() -> None:
    """A load that ended too early never shows a fault as survived."""
    (effect,) = measure_faults([KILL], [], Samples.of(steady_requests(5)), 5.0)
    assert effect.began_s is None
    assert effect.problem == "the fault did not happen"
    assert effect.recovery_s is None


@given(outage_s=st.floats(0.5, 15.0), began_s=st.floats(5.0, 20.0))
def test_the_recovery_is_the_end_of_the_failures(outage_s: float, began_s: float) -> None:
    """Wherever and however long an outage is, the time to recover is exact to one request."""
    samples = fail(steady_requests(50), began_s, began_s + outage_s)
    effect = measure(samples, happened(began_s, began_s + outage_s / 2), elapsed_s=50.0)
    assert effect.recovery_s == pytest.approx(outage_s, abs=1 / RATE + 0.001)
    assert abs(effect.lost - outage_s * RATE) <= 1


def test_a_run_without_its_fault_is_invalid() -> None:
    """A load that is over before the fault never shows it as survived, unless a threshold ended the run."""
    kill = {"at": "10s", "action": "kill", "service": "agent"}
    spec = make_spec(make_scenario(faults=[kill], thresholds={}))
    recording = make_recording(steady_requests(8))
    without = make_run(recording, spec=spec)
    reason = "the fault 'kill agent' at 10 s did not happen: the load ended before it"
    assert without.validity.reasons == (reason,)
    assert without.summary.faults[0].began_s is None
    aborted = replace(recording, stop=Stop(cause=StopCause.THRESHOLD, reason="crossed"))
    assert make_run(aborted, spec=spec).validity.valid
    assert make_run(replace(recording, faults=(happened(began_s=7.0),)), spec=spec).validity.valid


def test_thresholds_judge_the_recovery_and_the_lost_requests() -> None:
    """A recovery within its limit keeps the threshold; no recovery crosses it, whatever its limit."""
    limits = {"recovery": "<3s", "lost_requests": "<=20", "availability": ">=0.9"}
    kill = {"at": "10s", "action": "kill", "service": "agent"}
    spec = make_spec(make_scenario(faults=[kill], thresholds=limits))

    def crossed(until_s: float) -> list[str]:
        rows = [*fail(steady_requests(29), 10.0, until_s)]
        recording = make_recording(rows, faults=(happened(ended_s=11.0),), elapsed_s=29.0)
        return [limit.metric for limit in make_run(recording, spec=spec).thresholds if limit.crossed]

    assert crossed(12.0) == []
    assert crossed(13.5) == ["recovery_ms", "lost_requests", "availability_ratio"]
    assert crossed(12.5) == ["lost_requests"]
    assert "recovery_ms" in crossed(29.0)


def test_a_stack_that_does_not_recover_is_never_the_better_one() -> None:
    """In a comparison it counts with the time that was watched."""
    kill = {"at": "10s", "action": "kill", "service": "agent"}
    spec = make_spec(make_scenario(faults=[kill], thresholds={}))

    def costs(until_s: float) -> dict[str, dict[str, float]]:
        rows = [*fail(steady_requests(29), 10.0, until_s)]
        recording = make_recording(rows, faults=(happened(ended_s=11.0),), elapsed_s=29.0)
        return costs_of(make_run(recording, spec=spec).summary)

    assert costs(12.0)["recovery_ms"]["all"] == pytest.approx(2000)
    assert costs(29.0)["recovery_ms"]["all"] == pytest.approx(19_000)
    assert "availability_ratio" not in costs(12.0)


def test_a_request_that_a_second_fault_broke_belongs_to_that_one() -> None:
    """A request that was sent during the first fault and failed in the second is lost once."""
    rows = steady_requests(40)
    broken: dict[str, Any] = {"outcome": Outcome.BAD_STREAM, "finished_s": 20.3}
    samples = Samples.of(row._replace(**broken) if 19.5 < row.scheduled_s < 20.0 else row for row in rows)
    times = [happened(ended_s=None), happened(fault=1, began_s=20.0, ended_s=21.0)]
    first, second = measure_faults([KILL, KILL], times, samples, 40.0)
    assert (first.lost, second.lost, second.in_flight) == (0, 4, 4)


def test_a_fault_that_makes_every_response_a_little_longer_is_seen() -> None:
    """Half as long again is within the longest times of a mixed load, but not its usual ones."""
    rows = [
        row._replace(finished_s=row.scheduled_s + (0.3 if number % 10 == 0 else 0.08))
        for number, row in enumerate(steady_requests(40))
    ]
    effect = measure(slow_down(rows, 10.0, 15.0, 0.1))
    assert effect.lost == 0
    assert effect.recovery_s == pytest.approx(5.0, abs=0.8)
    assert measure(Samples.of(rows)).recovery_s == 0.0
