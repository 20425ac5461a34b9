from typing import Any

import pytest

from bench.core.calibration.calibration import Bias, Trial
from bench.core.load.clock_offset import GeneratorClock
from bench.core.load.plan import plan
from bench.core.run.generator_reports import (
    GeneratorLoss,
    GeneratorReport,
    count_missing,
    join_reports,
    list_early_losses,
)
from bench.core.run.summary import summarise
from bench.core.run.validity import find_disturbance, judge_search, judge_validity
from bench.core.samples.sample import generator_number, generator_source
from bench.core.watch.host import Host
from tests.factories import make_recording, make_scenario, make_spec, make_use

CLOCK = GeneratorClock(offset_s=0.0, error_ms=0.2, drift_ms=0.0, round_trip_ms=0.4)
OPEN = {"executor": "constant-arrival-rate", "rate": 10, "duration_s": 10, "max_vus": 30}
CLOSED = {"executor": "constant-vus", "vus": 6, "duration_s": 30, "think_time_s": (1, 1)}
SLOW = Bias(p50_ms=900.0, p95_ms=950.0, max_ms=990.0)


def _report(**changes: Any) -> GeneratorReport:
    """The report of a load generator; fields by name."""
    content: dict[str, Any] = {
        "name": "w-2",
        "host": "lab",
        "source": "generator-2",
        "share": (2, 2),
        "requests": 10,
        "clock": CLOCK,
        "bench": "0.1.0",
        "python": "3.11.7",
    }
    return GeneratorReport(**content | changes)


def _reasons(report: GeneratorReport, **changes: Any) -> tuple[str, ...]:
    recording = make_recording(generators=(report,), **changes)
    return judge_validity(recording, summarise(recording)).reasons


def test_a_search_checks_the_machines_of_its_load_generators() -> None:
    """A slow load generator makes it invalid, and a disturbed one its trial uncounted. Both are named."""
    slow = _report(before=Trial(requests=10, failed=0, ttft=SLOW, e2e=SLOW))
    recording = make_recording(generators=(slow,))
    (reason,) = judge_search(recording, summarise(recording)).reasons
    assert "worker 'w-2' on lab: the load generator is slow on this machine" in reason
    noisy = make_recording(generators=(_report(machine=Host(stolen_ratio=0.5)),))
    assert "worker 'w-2' on lab: the machine was not quiet" in str(find_disturbance(noisy))


def test_the_missing_requests_of_an_open_loop_are_counted() -> None:
    """The plan has the number of requests of each share: 33 and two times 33 or 34 of 100."""
    load = plan(make_spec(make_scenario(phases=[OPEN])))
    assert count_missing(load, 0, {0: 4, 2: 33, 5: 33}, {0}, is_complete=True) == (30, False)
    assert count_missing(load, 5, {0: 34, 2: 33, 5: 33}, {5}, is_complete=True) == (0, False)


@pytest.mark.parametrize("phases", [[CLOSED], [OPEN, CLOSED]])
def test_the_missing_requests_of_a_closed_loop_are_estimated(phases: list[dict[str, Any]]) -> None:
    """The load generators that were not lost had as many VUs each; without any, the number is unknown."""
    load = plan(make_spec(make_scenario(phases=phases)))
    requests = {0: 20, 1: 40, 2: 60, 3: 5}
    assert count_missing(load, 0, requests, {0, 3}, is_complete=True) == (30, True)
    assert count_missing(load, 2, requests, {2}, is_complete=True) == (0, True)
    assert count_missing(load, 0, {0: 9}, {0}, is_complete=True) == (0, True)


def test_a_load_that_ended_early_has_an_estimate() -> None:
    """Its plan has more requests than any share should have sent."""
    load = plan(make_spec(make_scenario(phases=[OPEN])))
    assert count_missing(load, 0, {0: 4, 1: 14}, {0}, is_complete=False) == (10, True)


@pytest.mark.parametrize(
    ("missing", "is_estimate", "reason"),
    [
        (
            30,
            False,
            "from 4 s after the start on, 30 requests of the load are missing: gone",
        ),
        (
            0,
            True,
            "from 4 s after the start on, about 0 requests of the load are missing: gone",
        ),
        (0, False, None),
    ],
)
def test_a_run_without_a_share_is_invalid(missing: int, is_estimate: bool, reason: str | None) -> None:
    """It is valid only if all requests of the share certainly have their results."""
    lost = GeneratorLoss(at_s=4.2, reason="gone", missing=missing, is_estimate=is_estimate)
    assert _reasons(_report(lost=lost)) == (() if reason is None else (reason,))


def test_each_machine_is_judged_and_named() -> None:
    """A slow load generator, a noisy machine and a busy process are named with their worker and host."""
    slow = _report(after=Trial(requests=5, failed=0, ttft=SLOW, e2e=SLOW))
    noisy = _report(machine=Host(stolen_ratio=0.5))
    busy = [make_use("generator-2", at_s, cpu_pct=99.0) for at_s in range(9)]
    assert _reasons(_report()) == ()
    assert "worker 'w-2' on lab: the load generator is slow on this machine" in _reasons(slow)[0]
    assert "worker 'w-2' on lab: the machine was not quiet" in _reasons(noisy)[0]
    assert "the load generator of worker 'w-2' on lab was busy" in _reasons(_report(), resources=busy)[0]


def test_the_reports_of_several_runs_are_joined() -> None:
    """Requests are added, the largest error of a clock counts, and a loss has its time in all runs."""
    lost = GeneratorLoss(at_s=4.0, reason="gone", missing=3, is_estimate=False)
    worse = GeneratorClock(offset_s=1.0, error_ms=3.0, drift_ms=2.0, round_trip_ms=0.4)
    trial = Trial(requests=5, failed=0, ttft=SLOW, e2e=SLOW)
    first = _report(requests=7, machine_cpu_pct=40.0, before=trial)
    second = _report(clock=worse, machine_cpu_pct=20.0, after=trial, lost=lost)
    (joined,) = join_reports([(0.0, [first]), (30.0, [second])])
    assert (joined.requests, joined.clock, joined.machine_cpu_pct) == (17, worse, 40.0)
    assert (joined.before, joined.after) == (trial, trial)
    assert joined.lost is not None
    assert joined.lost.at_s == pytest.approx(34.0)


def test_a_load_generator_that_was_lost_before_the_load_is_named() -> None:
    """The load is complete, because the others sent its share; the loss of a search keeps its share."""
    lost = GeneratorLoss(at_s=0.0, reason="gone", missing=0, is_estimate=False)
    early = _report(share=(0, 1), requests=0, lost=lost)
    assert _reasons(early) == ()
    sentence = "worker 'w-2' on lab was lost before the load, so the others sent its share: gone"
    assert [*list_early_losses([_report(), early])] == [sentence]
    (joined,) = join_reports([(0.0, [_report()]), (30.0, [early])])
    assert (joined.share, joined.requests, joined.lost) == (
        (2, 2),
        10,
        lost.model_copy(update={"at_s": 30.0}),
    )


def test_a_trial_without_a_share_shows_nothing_about_the_stack() -> None:
    """A search repeats it with the load generators that are left."""
    lost = GeneratorLoss(at_s=4.2, reason="gone", missing=3, is_estimate=False)
    recording = make_recording(generators=(_report(lost=lost),))
    assert "3 requests of the load are missing: gone" in str(find_disturbance(recording))


def test_the_name_among_the_resources_has_the_number() -> None:
    """The first one has no number, as on one machine."""
    assert [generator_source(number) for number in range(3)] == ["generator", "generator-2", "generator-3"]
    assert [generator_number(generator_source(number)) for number in range(30)] == list(range(30))
