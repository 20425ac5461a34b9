from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bench.core.config.target import Answer
from bench.core.run.plausibility import BelievedSamples, believe
from bench.core.samples.samples import Samples
from tests.factories import make_recording, make_run, make_sample, make_spec

ANSWER: Answer = TypeAdapter(Answer).validate_python({
    "kind": "json", "text": "response", "intercepted": "✅ Form",
    "durations": {"unit": "ns", "tiers": {"load": "load", "decode": "eval"}, "total": "total"},
})  # fmt: skip


def check(claims_ms: Sequence[float], tier: str = "load", **fields: Any) -> BelievedSamples:
    """Return what is believed of answers that each claim a time of one tier; fields are those of all."""
    rows = []
    for number, claim_ms in enumerate(claims_ms):
        rows.append(make_sample(number, **{"tier_times": {tier: claim_ms}} | fields))
    return believe(Samples.of(rows), [ANSWER])


def test_a_constant_of_all_answers_is_not_believed() -> None:
    """No work takes the same time to seven digits for different messages."""
    believed = check([500.0] * 40, latency_ms=900.0)
    assert believed.warnings == ("`load` claims 500 ms in all 40 answers: not believed",)
    assert believed.samples.tiers == []


@pytest.mark.parametrize(
    ("claims_ms", "reason"),
    [
        ([500.0] * 4, "four equal values can be chance"),
        ([0.0] * 40, "a model that is loaded takes no time to load"),
        ([2.0] * 40, "a clock of whole milliseconds has few values for a short time"),
        ([0.02] * 40, "a clock of hundredths has few values for a very short time"),
        ([400.0, 400.001] * 20, "the values differ"),
        ([0.013] * 40, "a clock of microseconds has few values for a very short time"),
    ],
)
def test_equal_times_that_a_real_clock_may_report_are_believed(claims_ms: list[float], reason: str) -> None:
    """Equal values are believed if their number or their digits do not exclude a measurement."""
    believed = check(claims_ms, latency_ms=900.0)
    assert believed.warnings == (), reason
    assert np.array_equal(believed.samples.tier_time("load"), claims_ms)


@pytest.mark.parametrize(("slowest_ms", "is_believed"), [(900.0, True), (1000.0, True), (1100.0, False)])
def test_equal_times_of_the_same_work_are_believed(slowest_ms: float, *, is_believed: bool) -> None:
    """One message with response times that differ by a fifth at most may take the same time in a tier."""
    rows = []
    for number, latency_ms in enumerate([900.0] * 9 + [slowest_ms]):
        sample = make_sample(number, prompt="same", latency_ms=latency_ms, tier_times={"load": 500.0})
        rows.append(sample)
    assert (believe(Samples.of(rows), [ANSWER]).warnings == ()) is is_believed


def test_a_time_longer_than_the_request_is_not_believed() -> None:
    """Only the claims that exceed the observed time are removed; those of other answers stay."""
    believed = check([100.0, 501.0, 5000.0], latency_ms=500.0)
    assert believed.warnings == (
        "`load` claims a time that is longer than the request took in 1 of 3 answers: not believed",
    )
    assert np.array_equal(believed.samples.tier_time("load"), [100.0, 501.0, np.nan], equal_nan=True)


def test_the_end_of_the_body_counts_as_observed() -> None:
    """A server may report its time after the end mark: the exchange is what was observed."""
    claims_ms = [600.0]
    assert check(claims_ms, latency_ms=500.0).warnings
    assert check(claims_ms, latency_ms=500.0, closed_s=0.65).warnings == ()


@pytest.mark.parametrize(("tier", "is_believed"), [("load", False), ("queue", False), ("agent", True)])
def test_an_intercepted_answer_has_no_times_of_the_model(tier: str, *, is_believed: bool) -> None:
    """An answer that no model gave has no model times; the times of other tiers are measured."""
    believed = check([50.0, 51.0], tier, intercepted=True)
    warning = (
        f"`{tier}` claims a time that belongs to an answer that no model gave in 2 of 2 answers: not believed"
    )
    assert believed.warnings == (() if is_believed else (warning,))


def test_a_claim_that_is_not_believed_is_in_no_metric() -> None:
    """The result has no metric of such a tier and one warning; the time becomes unattributed."""
    samples = [make_sample(seq, tier_times={"load": 300.0, "decode": 100.0 + seq}) for seq in range(40)]
    spec = make_spec(answer=ANSWER.model_dump(exclude_none=True))
    result = make_run(make_recording(samples), spec=spec)
    assert "tier.load_ms" not in result.summary.metrics
    assert result.summary.metrics["tier.decode_ms"].count == 40
    assert result.summary.metrics["tier.unattributed_ms"].p50 == pytest.approx(499 - 119.5)
    assert result.warnings == ("`load` claims 300 ms in all 40 answers: not believed",)


@given(
    st.lists(st.floats(0.001, 480.0), min_size=2, max_size=40, unique_by=lambda time_ms: round(time_ms, 2))
)
def test_times_that_a_server_measured_are_believed(claims_ms: list[float]) -> None:
    """Different times that are shorter than their requests stay as they are."""
    believed = check(claims_ms, latency_ms=500.0)
    assert believed.warnings == ()
    assert len(believed.samples) == len(claims_ms)


def test_no_requests_have_no_claims() -> None:
    """A run without requests has no warnings."""
    assert believe(Samples.of([]), [ANSWER]).warnings == ()
