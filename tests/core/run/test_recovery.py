from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.run.recovery import judge_recovery, recovery
from bench.core.samples.metrics import RECOVERY
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from tests.factories import make_recording, make_run, make_sample, make_scenario, make_spec

CALM: dict[str, Any] = {"executor": "per-vu-iterations", "vus": 1, "iterations": 2}
LEFT: dict[str, Any] = {**CALM, "cancel_ratio": 1.0}
SCENARIO = make_scenario(phases=[CALM, LEFT, CALM], recovery_ratio=2.0, thresholds={})


def waits(before_ms: float, after_ms: float, **changes: Any) -> list[RequestSample]:
    """Two requests before, a cancelled one, and one after."""
    streamed = {"first_token_s": None}
    return [
        make_sample(0, phase=0, at_s=0.0, latency_ms=before_ms, **streamed),
        make_sample(1, phase=0, at_s=0.0, latency_ms=before_ms, **streamed),
        make_sample(2, phase=1, outcome=Outcome.CANCELLED),
        make_sample(3, phase=2, at_s=0.0, latency_ms=after_ms, **streamed | changes),
    ]


def test_recovery_is_the_ratio_of_latency_after_and_before() -> None:
    """An occupied slot shows in the mean of the phase after the cancellations."""
    measured = recovery(Samples.of(waits(100, 450)), SCENARIO.phases)
    assert measured is not None
    assert (measured.metric, measured.cancelled) == ("e2e_ms", 1)
    assert (measured.before_ms, measured.after_ms, measured.ratio) == pytest.approx((100, 450, 4.5))


def test_streamed_responses_compare_the_first_token() -> None:
    """The time to first token counts, not the time to the last."""
    rows = [row._replace(first_token_s=row.scheduled_s + 0.05) for row in waits(100, 450)]
    measured = recovery(Samples.of(rows), SCENARIO.phases)
    assert measured is not None
    assert measured.metric == "ttft_ms"
    assert measured.ratio == pytest.approx(1.0)


def test_without_an_answer_there_is_no_recovery() -> None:
    """Without an answer before, there is no comparison; without one after, the target has not recovered."""
    assert recovery(Samples.of([make_sample(0, phase=2)]), SCENARIO.phases) is None
    dead = recovery(Samples.of(waits(100, 450, outcome=Outcome.HTTP_ERROR)), SCENARIO.phases)
    assert dead is not None
    assert (dead.after_ms, dead.ratio) == (None, None)
    assert judge_recovery(dead, 2.0)[0].crossed
    waiting = recovery(Samples.of(waits(100, 450, outcome=Outcome.TIMEOUT)), SCENARIO.phases)
    assert waiting is not None
    assert waiting.lower_bound
    assert judge_recovery(waiting, 10.0)[0].crossed
    assert judge_recovery(None, 2.0)[0].crossed


@pytest.mark.parametrize(("after_ms", "crossed"), [(199.0, False), (201.0, True)])
def test_a_recovery_limit_is_a_threshold(after_ms: float, crossed: bool) -> None:
    """A target that does not recover crosses a threshold, and its ratio is in the summary."""
    run = make_run(make_recording(waits(100, after_ms)), spec=make_spec(SCENARIO))
    (result,) = run.thresholds
    assert (result.metric, result.expression.source, result.crossed) == (RECOVERY, "value<=2", crossed)
    assert result.value == pytest.approx(after_ms / 100)
    assert run.summary.recovery is not None
    assert judge_recovery(run.summary.recovery, None) == ()


def test_a_recovery_limit_needs_cancellations() -> None:
    """A limit without a phase of cancellations between two phases without is an error in the file."""
    with pytest.raises(ValidationError, match="between two phases without it"):
        make_scenario(phases=[CALM, LEFT], recovery_ratio=2.0)
