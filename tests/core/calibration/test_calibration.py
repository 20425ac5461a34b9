import pytest

from bench.core.calibration.calibration import FIRST, TOTAL, Bias, Calibration, Trial, trial
from bench.core.report.report import make_report
from bench.core.run.summary import summarise
from bench.core.run.validity import judge_validity
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.verdict.compare import compare
from bench.render.document.facts import facts
from tests.factories import make_recording, make_run, make_sample


def answer(number: int, first_ms: float, whole_ms: float) -> dict[str, object]:
    """A request to a server that reports 100 and 180 ms, with these measured times."""
    return {
        "scheduled_s": float(number),
        "first_token_s": number + first_ms / 1000,
        "finished_s": number + whole_ms / 1000,
        "tier_times": {FIRST: 100.0, TOTAL: 180.0},
    }


def calibration(p95_ms: float | None, when: str = "before") -> Calibration:
    """A calibration with one trial of this error."""
    bias = None if p95_ms is None else Bias(p50_ms=0.5, p95_ms=p95_ms, max_ms=p95_ms)
    good = Trial(
        requests=10,
        failed=0,
        ttft=Bias(p50_ms=0.5, p95_ms=1, max_ms=1),
        e2e=Bias(p50_ms=0.5, p95_ms=1, max_ms=1),
    )
    bad = Trial(requests=0 if bias is None else 10, failed=0, ttft=bias, e2e=bias)
    trials = {"before": good, "after": good} | {when: bad}
    return Calibration(load="10 users", **trials)


def test_the_bias_is_measured_minus_true_time() -> None:
    """The bias is the measured time minus the reported time, for the first token and the end."""
    rows = [make_sample(number, **answer(number, 101.0 + number, 184.0)) for number in range(3)]
    measured = trial(Samples.of(rows))
    assert (measured.requests, measured.failed) == (3, 0)
    assert measured.ttft is not None
    assert measured.e2e is not None
    assert (measured.ttft.p50_ms, measured.ttft.max_ms) == pytest.approx((2.0, 3.0))
    assert measured.e2e.p95_ms == pytest.approx(4.0)


def test_a_failed_request_has_no_bias() -> None:
    """A request that failed against the calibration server is counted and has no times."""
    failed = make_sample(0, outcome=Outcome.TIMEOUT, tier_times={}, first_token_s=None)
    measured = trial(Samples.of([failed]))
    assert measured == Trial(requests=0, failed=1, ttft=None, e2e=None)
    mixed = trial(Samples.of([failed, make_sample(1, **answer(1, 101.0, 181.0))]))
    assert (mixed.requests, mixed.failed) == (1, 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_inaccurate_generator_makes_a_run_invalid(when: str) -> None:
    """The error against the calibration server limits the accuracy of a run."""
    recording = make_recording(calibration=calibration(45.0, when))
    (reason,) = judge_validity(recording, summarise(recording)).reasons
    assert f"{when} the run, 5 % of its times were more than 45 ms off, 25 ms are allowed" in reason


def test_a_calibration_without_answers_makes_a_run_invalid() -> None:
    """Without answers the error of the load generator is unknown."""
    recording = make_recording(calibration=calibration(None))
    (reason,) = judge_validity(recording, summarise(recording)).reasons
    assert "got no answer from the calibration server before the run" in reason


def test_a_good_calibration_keeps_a_run_valid() -> None:
    """An accurate generator is valid; an interrupted run has no second trial."""
    good = calibration(1.0)
    for row in (good, good.model_copy(update={"after": None})):
        recording = make_recording(calibration=row)
        assert judge_validity(recording, summarise(recording)).valid


@pytest.mark.parametrize(("shared_cores", "words"), [(1.0, "1 core"), (1.5, "1.5 cores")])
def test_a_trial_on_shared_cores_does_not_judge_the_run(shared_cores: float, words: str) -> None:
    """The load generator and the calibration server wait for each other; a warning states this."""
    shared = calibration(45.0).model_copy(update={"shared_cores": shared_cores})
    recording = make_recording(calibration=shared)
    assert judge_validity(recording, summarise(recording)).valid
    result = make_run(recording)
    assert result.validity.valid
    (warning,) = [text for text in result.warnings if "calibration" in text]
    assert f"the load generator and the calibration server shared {words};" in warning
    shown = dict(facts(make_report(result, compare(result, None))))
    assert shown["calibration"].endswith(f"not judged, because {shared.competition}")
