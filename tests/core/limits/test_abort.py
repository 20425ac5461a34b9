from collections.abc import Collection, Sequence
from typing import Any

import pytest

from bench.core.limits.abort import AbortWatch
from bench.core.limits.threshold import Thresholds
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from tests.core.limits.limits import TEN, thresholds
from tests.factories import make_sample


def aborting(text: str, delay_s: float = 5.0) -> dict[str, Any]:
    """Return a threshold that aborts the run."""
    return {"threshold": text, "abort_on_fail": True, "delay_abort_eval_s": delay_s}


def abort_reason(
    limits: Thresholds,
    samples: Sequence[RequestSample],
    elapsed_s: float,
    warm_ups: Collection[int] = (),
) -> str | None:
    """Return the reason to stop a run with these requests."""
    watch = AbortWatch(limits, warm_ups)
    for sample in samples:
        watch.add(Samples.of([sample]))
    return watch.reason(elapsed_s)


def test_a_crossed_threshold_aborts_the_run() -> None:
    """The reason names the threshold and the measured value."""
    reason = abort_reason(thresholds(e2e_ms=[aborting("avg<500")]), TEN, 6.0)
    assert reason == "threshold e2e_ms avg<500 was crossed (550 ms)"


def test_a_threshold_that_holds_does_not_abort() -> None:
    """A run continues while its thresholds hold."""
    assert abort_reason(thresholds(e2e_ms=[aborting("avg<600")]), TEN, 6.0) is None


def test_a_threshold_without_abort_on_fail_does_not_abort() -> None:
    """Without abort_on_fail a crossed threshold fails the run at its end."""
    assert abort_reason(thresholds(e2e_ms=["avg<1"]), TEN, 6.0) is None


@pytest.mark.parametrize(("elapsed_s", "stops"), [(4.9, False), (5.0, True), (5.1, True)])
def test_a_threshold_does_not_abort_before_its_delay(elapsed_s: float, stops: bool) -> None:
    """The first moments of a run may be bad, so the run is not stopped before the delay is over."""
    reason = abort_reason(thresholds(e2e_ms=[aborting("avg<1", 5.0)]), TEN, elapsed_s)
    assert (reason is not None) is stops


def test_each_threshold_has_its_own_delay() -> None:
    """The delay of one threshold does not delay another threshold of the same metric."""
    limits = thresholds(e2e_ms=[aborting("avg<1", 60.0), aborting("max<2", 1.0)])
    assert abort_reason(limits, TEN, 6.0) == "threshold e2e_ms max<2 was crossed (1,000 ms)"


def test_a_threshold_without_data_does_not_abort() -> None:
    """Before the first answer there is no data, so the run continues."""
    limits = thresholds(e2e_ms=[aborting("avg<1")], success_ratio=[aborting("rate>0.9")])
    assert abort_reason(limits, [], 6.0) is None


def test_cancelled_requests_do_not_abort() -> None:
    """Requests that VUs cancelled do not count, and a failed request has no response time."""
    cancelled = [make_sample(seq, outcome=Outcome.CANCELLED) for seq in range(5)]
    assert abort_reason(thresholds(success_ratio=[aborting("rate>0.9")]), cancelled, 6.0) is None
    failed = [make_sample(seq, outcome=Outcome.HTTP_ERROR) for seq in range(5)]
    assert abort_reason(thresholds(e2e_ms=[aborting("avg<1")]), failed, 6.0) is None


def test_time_outs_abort_with_their_wait() -> None:
    """A request that timed out has a response time that is longer than its wait."""
    failed = [make_sample(seq, outcome=Outcome.TIMEOUT, latency_ms=500.0) for seq in range(5)]
    reason = abort_reason(thresholds(e2e_ms=[aborting("avg<400")]), failed, 6.0)
    assert reason == "threshold e2e_ms avg<400 was crossed (> 500 ms)"


def test_the_second_target_does_not_abort() -> None:
    """Thresholds limit the scenario's target, not the target that it is compared with."""
    second = [make_sample(seq, arm=1, outcome=Outcome.HTTP_ERROR) for seq in range(5)]
    assert abort_reason(thresholds(success_ratio=[aborting("rate>0.9")]), second, 6.0) is None


def test_a_warm_up_does_not_abort() -> None:
    """Requests of a warm-up phase are in no figure, so they do not abort the run."""
    limits = thresholds(success_ratio=[aborting("rate>0.9")])
    warm_up = make_sample(0, phase=0, outcome=Outcome.HTTP_ERROR)
    measured = make_sample(1, phase=1, outcome=Outcome.HTTP_ERROR)
    assert abort_reason(limits, [warm_up], 6.0, warm_ups=(0,)) is None
    assert abort_reason(limits, [warm_up, measured], 6.0, warm_ups=(0,)) is not None
