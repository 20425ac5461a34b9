import pytest

from bench.core.calibration.calibration import FIRST, TOTAL, Bias, Calibration, Trial, trial
from bench.core.run.summary import summarise
from bench.core.run.validity import judge_validity
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from tests.factories import make_recording, make_sample


def answer(number: int, first_ms: float, whole_ms: float) -> dict[str, object]:
    """A request to a server that took 100 and 180 ms, and what was measured of it."""
    return {
        "scheduled_s": float(number),
        "first_token_s": number + first_ms / 1000,
        "finished_s": number + whole_ms / 1000,
        "tier_times": {FIRST: 100.0, TOTAL: 180.0},
    }


def calibration(p95_ms: float | None, when: str = "before") -> Calibration:
    """A certificate whose one trial was that bad."""
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


def test_what_the_server_did_not_take_is_the_clients() -> None:
    """The bias is what was measured less what the server says, for the first token and the whole."""
    rows = [make_sample(number, **answer(number, 101.0 + number, 184.0)) for number in range(3)]
    found = trial(Samples.of(rows))
    assert (found.requests, found.failed) == (3, 0)
    assert found.ttft is not None
    assert found.e2e is not None
    assert (found.ttft.p50_ms, found.ttft.max_ms) == pytest.approx((2.0, 3.0))
    assert found.e2e.p95_ms == pytest.approx(4.0)


def test_what_was_not_answered_has_no_bias() -> None:
    """A request that failed against the server of known timing is counted, and no time is made of it."""
    failed = make_sample(0, outcome=Outcome.TIMEOUT, tier_times={}, first_token_s=None)
    found = trial(Samples.of([failed]))
    assert found == Trial(requests=0, failed=1, ttft=None, e2e=None)
    mixed = trial(Samples.of([failed, make_sample(1, **answer(1, 101.0, 181.0))]))
    assert (mixed.requests, mixed.failed) == (1, 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_generator_that_is_late_by_itself_makes_a_run_invalid(when: str) -> None:
    """What it shows against a server of known timing bounds what its numbers are worth."""
    recording = make_recording(calibration=calibration(45.0, when))
    (reason,) = judge_validity(recording, summarise(recording)).reasons
    assert f"{when} the run, 5 % of its times were more than 45 ms off, 25 ms are allowed" in reason


def test_a_generator_that_gets_no_answer_is_not_believed() -> None:
    """No certificate can be made of nothing."""
    recording = make_recording(calibration=calibration(None))
    (reason,) = judge_validity(recording, summarise(recording)).reasons
    assert "got no answer from the calibration server before the run" in reason


def test_a_good_certificate_is_no_reason() -> None:
    """A generator that is right is believed; one that was interrupted has no second trial."""
    good = calibration(1.0)
    for each in (good, good.model_copy(update={"after": None})):
        recording = make_recording(calibration=each)
        assert judge_validity(recording, summarise(recording)).valid
