from dataclasses import replace
from typing import Any

import pytest

from bench.core.calibration.calibration import Calibration, trial
from bench.core.load.machine_limits import MachineLimits
from bench.core.load.needs import Needs
from bench.core.run.recording import Recording
from bench.core.run.summary import summarise
from bench.core.run.validity import GENERATOR_CPU_PCT, Validity, judge_validity
from bench.core.run.warm_up import drop_warm_up
from bench.core.samples.sample import GENERATOR, Culprit, Outcome, Stall, Stop, StopCause
from bench.core.samples.samples import Samples
from tests.factories import make_recording, make_sample, make_scenario, make_use


def judged(recording: Recording) -> Validity:
    """The validity of a recording."""
    return judge_validity(recording, summarise(recording))


def lagging(lags_ms: list[float], **changes: Any) -> Recording:
    """A run whose requests were sent late by this time, and answered 100 ms later."""
    samples = []
    for seq, lag_ms in enumerate(lags_ms):
        sent_s = seq + lag_ms / 1000
        times = {"at_s": float(seq), "sent_s": sent_s, "finished_s": sent_s + 0.1}
        samples.append(make_sample(seq, **times | changes))
    return make_recording(samples)


def generator_at(*cpu_pct: float, source: str = GENERATOR) -> Recording:
    """A run whose generator used this share of a core."""
    return make_recording(resources=[make_use(source, at_s, cpu_pct=row) for at_s, row in enumerate(cpu_pct)])


def test_a_run_without_fault_is_valid() -> None:
    """A complete run with an idle and punctual generator is valid."""
    assert judged(make_recording()) == Validity(valid=True)


@pytest.mark.parametrize("cause", [StopCause.INTERRUPT, StopCause.TARGET])
def test_an_interrupted_run_is_invalid(cause: StopCause) -> None:
    """An interrupt, or a target that stopped, leaves an incomplete measurement."""
    stop = Stop(cause=cause, reason="somebody pressed Ctrl-C")
    said = ("the run ended early: somebody pressed Ctrl-C",)
    assert judged(make_recording(stop=stop)) == Validity(valid=False, reasons=said)


def test_a_run_that_a_threshold_stopped_is_valid() -> None:
    """A threshold that aborts a run is a result of the target."""
    stop = Stop(cause=StopCause.THRESHOLD, reason="threshold e2e_ms avg<1 was crossed")
    assert judged(make_recording(stop=stop)).valid


@pytest.mark.parametrize("outcomes", [[], [Outcome.CANCELLED] * 5])
def test_a_run_without_an_answer_is_invalid(outcomes: list[Outcome]) -> None:
    """A run whose requests were all lost or cancelled has no data."""
    samples = [make_sample(seq, outcome=outcome) for seq, outcome in enumerate(outcomes)]
    assert judged(make_recording(samples)) == Validity(valid=False, reasons=("no request was answered",))


def test_a_run_of_failures_is_valid() -> None:
    """A target that refuses all requests was measured."""
    samples = [make_sample(seq, outcome=Outcome.HTTP_ERROR, sent_s=None) for seq in range(10)]
    assert judged(make_recording(samples)).valid


def test_a_late_generator_makes_a_run_invalid() -> None:
    """Late requests are not the planned load; the reason has the lag."""
    late = "95 % of requests were sent up to 50 ms after their planned time, 20 ms are allowed"
    assert judged(lagging([50.0] * 10)).reasons == (f"the load generator was late: {late}",)


@pytest.mark.parametrize(("lag_ms", "valid"), [(19.9, True), (20.1, False)])
def test_a_few_milliseconds_late_are_allowed(lag_ms: float, valid: bool) -> None:
    """Twenty milliseconds are allowed for every service time."""
    assert judged(lagging([lag_ms] * 10)).valid is valid


@pytest.mark.parametrize(("lag_ms", "valid"), [(99.0, True), (101.0, False)])
def test_slow_targets_allow_more_lag(lag_ms: float, valid: bool) -> None:
    """Five percent of the service time is allowed: 100 ms of two seconds."""
    sent_s = lag_ms / 1000
    samples = [make_sample(seq, at_s=0.0, sent_s=sent_s, finished_s=sent_s + 2.0) for seq in range(10)]
    assert judged(make_recording(samples)).valid is valid


def test_one_late_request_in_a_hundred_is_allowed() -> None:
    """One late request of a hundred keeps a run valid, six do not."""
    assert judged(lagging([500.0] * 4 + [1.0] * 96)).valid
    assert not judged(lagging([500.0] * 6 + [1.0] * 94)).valid


def test_a_single_late_request_is_detected() -> None:
    """One request has no percentile, and its lag is still checked."""
    assert not judged(lagging([500.0])).valid


def test_connecting_is_not_send_lag() -> None:
    """The time of the target to accept a connection is subtracted."""
    assert judged(lagging([300.0] * 10, connect_s=0.295)).valid


def test_a_busy_generator_makes_a_run_invalid() -> None:
    """A generator that needs its whole core distorts the times; the reason has its CPU."""
    busy = ("the load generator was busy: 99 % of a core, 85 % are allowed",)
    assert judged(generator_at(*[99.0] * 20)) == Validity(valid=False, reasons=busy)


def test_a_generator_may_be_busy_for_a_moment() -> None:
    """One busy sample of forty is allowed, and so is the limit itself."""
    assert judged(generator_at(*[20.0] * 39, 100.0)).valid
    assert judged(generator_at(*[GENERATOR_CPU_PCT] * 20)).valid


def test_a_busy_target_is_valid() -> None:
    """Only the generator must be idle; without samples it counts as idle."""
    assert judged(generator_at(*[400.0] * 20, source="model")).valid
    assert judged(generator_at(*[400.0] * 20, source="generator-of-forms")).valid
    assert not judged(generator_at(*[400.0] * 20, source=f"{GENERATOR}-2")).valid
    assert judged(generator_at()).valid


def test_all_reasons_are_listed() -> None:
    """A run with several faults has a sentence for each."""
    recording = replace(
        lagging([50.0] * 10),
        stop=Stop(cause=StopCause.INTERRUPT, reason="Ctrl-C"),
        resources=generator_at(*[99.0] * 5).resources,
    )
    validity = judged(recording)
    assert not validity.valid
    assert [reason.split(":")[0] for reason in validity.reasons] == [
        "the run ended early",
        "the load generator was late",
        "the load generator was busy",
    ]


UNSENT = "open_files: no connection to 127.0.0.1:80: Too many open files"
FILES = "60 open files are too few for 60 VUs: ulimit -n 4096"


def unsent(**changes: Any) -> Recording:
    """A run of late requests, one of which was not sent."""
    late = list(lagging([900.0] * 20).samples)
    failed = make_sample(20, outcome=Outcome.NOT_SENT, detail=UNSENT, culprit=Culprit.GENERATOR)
    needs = Needs(vus=60, connections=60, most_vus=60, most_connections=60)
    recording = make_recording([*late, failed], needs=needs, machine_limits=MachineLimits(open_files=60))
    return replace(recording, **changes)


def test_an_unsent_request_is_the_only_reason() -> None:
    """The sentence has the cure; late requests and a busy machine are its consequence."""
    assert judged(unsent()) == Validity(valid=False, reasons=(FILES,))


def test_an_unsent_request_of_the_warm_up_counts() -> None:
    """All requests of the run are checked, also those without a part in its numbers."""
    recording = make_recording(needs=unsent().needs, machine_limits=unsent().machine_limits)
    summary = summarise(recording)
    assert judge_validity(recording, summary, all_samples=unsent().samples).reasons == (FILES,)


def test_an_unsent_request_of_the_calibration_counts() -> None:
    """The load generator lacked files before the run."""
    answered = make_sample(0, first_token_s=0.1, tier_times={"first": 100.0, "total": 500.0})
    failed = make_sample(1, outcome=Outcome.NOT_SENT, detail=UNSENT, culprit=Culprit.GENERATOR)
    calibration = Calibration(load="60 VUs", before=trial(Samples.of([answered, failed])), after=None)
    recording = replace(unsent(), calibration=calibration, samples=make_recording().samples)
    assert judged(recording).reasons == (FILES,)


def test_a_pause_of_the_load_generator_is_the_reason() -> None:
    """The longest pause is named, with its place."""
    recording = replace(lagging([900.0] * 20), pauses=(Stall(1.0, 2.0), Stall(12.0, 5.25)))
    place = "12 s after the start of the measured load"
    pause = f"the load generator was paused for 5.2 s, {place}: requests of that time look slow"
    assert judged(recording) == Validity(valid=False, reasons=(pause,))


@pytest.mark.parametrize("at_s", [1.0, 9.0, 12.0])
def test_a_pause_in_the_warm_up_makes_the_run_invalid_too(at_s: float) -> None:
    """The warm-up is part of the planned load, so a pause counts wherever it is."""
    warm_up = make_scenario(
        phases=[
            {"executor": "constant-vus", "vus": 1, "duration_s": 10, "think_time_s": (1, 1), "warm_up": True},
            {"executor": "constant-vus", "vus": 1, "duration_s": 20, "think_time_s": (1, 1)},
        ]
    ).phases
    samples = [make_sample(0, at_s=2.0, phase=0), make_sample(1, at_s=10.0, phase=1)]
    recording = make_recording(samples, elapsed_s=30.0, pauses=(Stall(at_s, 2.5),))
    validity = judged(drop_warm_up(recording, warm_up))
    assert not validity.valid
    (reason,) = validity.reasons
    place = "in the warm-up" if at_s + 2.5 <= 10.0 else "of the measured load"
    assert place in reason
    assert " -" not in reason


def test_a_lost_load_generator_is_the_reason() -> None:
    """Its own end explains every other fault."""
    stop = Stop(cause=StopCause.GENERATOR, reason="a load generator was ended by the signal SIGKILL")
    reasons = ("the run ended early: a load generator was ended by the signal SIGKILL",)
    assert judged(replace(lagging([900.0] * 20), stop=stop)) == Validity(valid=False, reasons=reasons)
