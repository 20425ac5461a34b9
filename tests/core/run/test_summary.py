from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.run.errors import ERROR_SAMPLES
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.percentiles import PERCENTILES
from bench.core.run.summary import BLOCKS, Goodput, summarise
from bench.core.run.warm_up import drop_warm_up
from bench.core.samples.metrics import METRICS
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import (
    EXCLUDED_OUTCOMES,
    GENERATOR,
    Culprit,
    GaugeSample,
    Outcome,
    Probe,
    ResourceSample,
)
from bench.core.samples.samples import Samples
from bench.core.watch.resources import ResourceSummary
from tests.factories import PROMPTS, TIER_TIMES, make_recording, make_sample, make_scenario

FAILURES = [outcome for outcome in Outcome if outcome not in (Outcome.OK, *EXCLUDED_OUTCOMES)]


def failed(seq: int, **changes: Any) -> RequestSample:
    """A failed request; fields by name."""
    return make_sample(
        seq,
        **{"outcome": Outcome.HTTP_ERROR, "status": 500, "detail": "injected", "tier_times": {}} | changes,
    )


def test_requests_are_counted_by_outcome() -> None:
    """Each request is counted once under its outcome, and failed requests are requests."""
    samples = [make_sample(seq) for seq in range(7)]
    samples += [failed(7), failed(8, outcome=Outcome.TIMEOUT), failed(9, outcome=Outcome.TIMEOUT)]
    summary = summarise(make_recording(samples))
    assert summary.requests == 10
    assert summary.outcomes == {Outcome.OK: 7, Outcome.HTTP_ERROR: 1, Outcome.TIMEOUT: 2}
    assert summary.metrics["success_ratio"] == MetricSummary(count=10, mean=0.7)
    assert summary.metrics["requests"].count == 10


def test_throughput_counts_successful_requests() -> None:
    """Fast failures are not throughput."""
    samples = [*(make_sample(seq) for seq in range(8)), failed(8), failed(9)]
    assert summarise(make_recording(samples, elapsed_s=4.0)).requests_rps == 2.0


def test_a_run_without_duration_has_no_throughput() -> None:
    """Requests per second of 0 seconds are unknown, and there is no block."""
    summary = summarise(make_recording([failed(0)], elapsed_s=0.0))
    assert summary.requests_rps is None
    assert summary.failed_blocks == 0


@pytest.mark.parametrize("outcome", sorted(EXCLUDED_OUTCOMES))
def test_excluded_requests_are_left_out(outcome: Outcome) -> None:
    """A cancelled or unsent request is counted under its outcome only, an unsent one with its culprit."""
    samples = [make_sample(seq) for seq in range(6)]
    excluded = [make_sample(seq, outcome=outcome, latency_ms=9e5) for seq in range(6, 9)]
    with_them, without = (summarise(make_recording(row)) for row in ([*samples, *excluded], samples))
    assert with_them.outcomes == {Outcome.OK: 6, outcome: 3}
    unsent = {Outcome.NOT_SENT: {Culprit.GENERATOR: 3}}
    assert with_them.culprits == (unsent if outcome is Outcome.NOT_SENT else {})
    counts = {"outcomes": without.outcomes, "culprits": without.culprits}
    assert with_them.model_copy(update=counts) == without
    assert with_them.errors == ()
    assert with_them.failed_blocks == 0


def test_an_empty_recording_has_no_metrics() -> None:
    """A metric without data is absent and not 0."""
    summary = summarise(make_recording([], resources=()))
    assert (summary.metrics, summary.resources, summary.errors, summary.outcomes) == ({}, {}, (), {})
    assert (summary.requests, summary.failed_blocks) == (0, 0)


def test_a_run_without_success_has_no_latencies() -> None:
    """If all requests failed, there is a rate and a count, and no latency."""
    summary = summarise(make_recording([failed(seq) for seq in range(20)]))
    assert summary.metrics.keys() == {"success_ratio", "requests", "send_lag_ms"}
    assert summary.metrics["success_ratio"].mean == 0.0
    assert summary.requests_rps == 0.0


@pytest.mark.parametrize(
    ("moments_s", "blocks"),
    [
        ([], 0),
        ([0.0], 1),
        ([0.1, 4.9], 1),
        ([4.9, 5.0], 2),
        ([0.5, 5.5, 10.5, 15.5, 20.5, 25.5], 6),
        ([29.9, 25.0], 1),
        ([29.9, 30.0], 1),
    ],
)
def test_failures_are_counted_by_block(moments_s: list[float], blocks: int) -> None:
    """A run of thirty seconds has six blocks of five seconds, and each with a failure counts once."""
    samples = [failed(seq, at_s=0.0, finished_s=moment_s) for seq, moment_s in enumerate(moments_s)]
    assert summarise(make_recording(samples, elapsed_s=30.0)).failed_blocks == blocks


@pytest.mark.parametrize("elapsed_s", [0.1, 7.0, 30.0, 59.9])
def test_a_failure_at_the_end_is_in_the_last_block(elapsed_s: float) -> None:
    """A failure at the last moment does not make a seventh block."""
    moments_s = (elapsed_s * 0.99, elapsed_s)
    samples = [failed(seq, at_s=0.0, finished_s=moment_s) for seq, moment_s in enumerate(moments_s)]
    assert summarise(make_recording(samples, elapsed_s=elapsed_s)).failed_blocks == 1


def test_a_figure_is_the_typical_value_of_one_prompt() -> None:
    """Each prompt has its own figure, which a comparison pairs by."""
    samples = [
        make_sample(0, prompt="short", latency_ms=90.0),
        make_sample(1, prompt="short", latency_ms=190.0),
        make_sample(2, prompt="long", latency_ms=990.0),
    ]
    summary = summarise(make_recording(samples)).metrics["e2e_ms"]
    assert list(summary.figures) == ["long", "short"]
    assert summary.figures["long"] == pytest.approx(990.0)
    assert summary.figures["short"] == pytest.approx((90.0 * 190.0) ** 0.5, rel=1e-3)
    assert summary.typical == pytest.approx((90.0 * 190.0 * 990.0) ** (1 / 3), rel=1e-3)
    assert summary.mean == pytest.approx((90 + 190 + 990) / 3)


def test_a_prompt_has_the_weight_of_its_requests() -> None:
    """Four users in five send the slow message, so the typical value is near its time."""
    samples = [make_sample(0, prompt="a", latency_ms=100.0)]
    samples += [make_sample(seq, prompt="b", latency_ms=900.0) for seq in range(1, 5)]
    typical = summarise(make_recording(samples)).metrics["e2e_ms"].typical
    assert typical == pytest.approx((100.0 * 900.0**4) ** 0.2, rel=1e-3)


def test_refusals_are_not_part_of_the_typical_value() -> None:
    """A refused message is fast and has a figure of its own. Only a run of refusals is typical for them."""
    samples = [make_sample(0, prompt="a", latency_ms=400.0)]
    refused = [make_sample(seq, prompt="b", latency_ms=2.0) for seq in range(1, 5)]
    classes = {"a": "short", "b": "refusal"}
    summary = summarise(make_recording([*samples, *refused]), classes=classes).metrics["e2e_ms"]
    assert summary.typical == pytest.approx(400.0)
    assert summary.figures["b"] == pytest.approx(2.0)
    alone = summarise(make_recording(refused), classes=classes).metrics["e2e_ms"]
    assert alone.typical == pytest.approx(2.0)


def test_a_tier_has_the_mean_of_its_requests() -> None:
    """Tier times add up to the time of a request, so their means add up to its mean; a queue is often 0."""
    samples = [make_sample(seq, prompt="a", tier_times={"queue": 50.0 * (seq % 2)}) for seq in range(4)]
    summary = summarise(make_recording(samples)).metrics["tier.queue_ms"]
    assert (summary.figures["a"], summary.typical) == (25.0, 25.0)


def test_only_answered_prompts_have_a_figure() -> None:
    """A prompt whose requests all failed has no figure, not 0."""
    samples = [make_sample(seq) if seq % 4 else failed(seq) for seq in range(40)]
    assert set(summarise(make_recording(samples)).metrics["e2e_ms"].figures) == set(PROMPTS[1:])


@pytest.mark.parametrize(
    ("count", "absent", "unreliable"),
    [
        (1, {"p50", "p90", "p95", "p99", "p99_9"}, {"p50", "p90", "p95", "p99", "p99_9"}),
        (2, {"p90", "p95", "p99", "p99_9"}, {"p50", "p90", "p95", "p99", "p99_9"}),
        (63, {"p99", "p99_9"}, {"p90", "p95", "p99", "p99_9"}),
        (64, {"p99", "p99_9"}, {"p95", "p99", "p99_9"}),
        (130, {"p99_9"}, {"p99", "p99_9"}),
        (662, {"p99_9"}, {"p99_9"}),
        (1_000, set(), {"p99_9"}),
        (6_636, set(), set()),
    ],
)
def test_percentiles_of_small_samples_are_absent_or_unreliable(
    count: int, absent: set[str], unreliable: set[str]
) -> None:
    """A percentile that would be the maximum is None; one with few values is marked."""
    summary = summarise(make_recording([make_sample(seq) for seq in range(count)])).metrics["e2e_ms"]
    assert {name for name in PERCENTILES if getattr(summary, name) is None} == absent
    assert set(summary.unreliable) == unreliable
    assert summary.count == count


def test_percentiles_are_over_all_prompts() -> None:
    """Percentiles are of requests, not of figures."""
    samples = [make_sample(seq, latency_ms=10.0 * (seq + 1)) for seq in range(100)]
    summary = summarise(make_recording(samples)).metrics["e2e_ms"]
    latencies = [10.0 * (seq + 1) for seq in range(100)]
    expected = [float(np.quantile(latencies, probability)) for probability in (0.5, 0.9, 0.95, 0.99)]
    assert [summary.p50, summary.p90, summary.p95, summary.p99] == pytest.approx(expected)


def test_rates_and_counters_have_no_figures() -> None:
    """A rate has neither percentiles nor a typical value."""
    metrics = summarise(make_recording()).metrics
    for key in ("success_ratio", "requests"):
        assert metrics[key] == MetricSummary(count=100, mean=1.0)


def test_each_reported_tier_has_a_metric() -> None:
    """Tiers come from the responses; the rest of the time is unattributed."""
    metrics = summarise(make_recording()).metrics
    assert set(metrics) - set(METRICS) == {
        *(f"tier.{name}_ms" for name in TIER_TIMES),
        "tier.unattributed_ms",
    }
    assert metrics["tier.decode_ms"].typical == pytest.approx(400.0, rel=1e-3)


def test_a_rare_tier_is_of_its_responses_only() -> None:
    """A tier that only some responses report is not 0 in the others."""
    samples = [
        make_sample(0, tier_times={"agent": 5.0}),
        make_sample(1, tier_times={"agent": 5.0, "cache": 3.0}),
    ]
    metrics = summarise(make_recording(samples)).metrics
    assert metrics["tier.agent_ms"].count == 2
    assert metrics["tier.cache_ms"].count == 1
    assert metrics["tier.cache_ms"].mean == 3.0


def test_without_tiers_there_is_no_unattributed_time() -> None:
    """Without reported tier times, no rest exists."""
    samples = [make_sample(seq, tier_times={}) for seq in range(5)]
    always = {"e2e_ms", "success_ratio", "service_ms", "send_lag_ms", "requests"}
    assert summarise(make_recording(samples)).metrics.keys() == always


def test_ten_errors_of_each_outcome_are_kept() -> None:
    """Many failures of one kind neither fill the report nor hide other kinds."""
    samples = [failed(seq, outcome=outcome) for outcome in FAILURES for seq in range(ERROR_SAMPLES + 5)]
    errors = summarise(make_recording(samples)).errors
    for outcome in FAILURES:
        assert sum(error.outcome is outcome for error in errors) == ERROR_SAMPLES == 10
    assert len(errors) == 10 * len(FAILURES)


def test_an_error_has_time_place_and_reason() -> None:
    """An error sample has the data that a person needs to find it in a log."""
    (error,) = summarise(make_recording([make_sample(0), failed(5, at_s=2.0, prompt="contact-form")])).errors
    assert (error.outcome, error.status, error.detail) == (Outcome.HTTP_ERROR, 500, "injected")
    assert (error.prompt, error.at_s) == ("contact-form", 2.5)


def test_resources_are_summarised_by_process() -> None:
    """CPU is a mean and memory a maximum, each of its own process."""
    resources = tuple(
        ResourceSample(at_s=at_s, source=source, cpu_pct=cpu_pct, memory_bytes=memory)
        for source, at_s, cpu_pct, memory in (
            (GENERATOR, 1, 10.0, 50),
            ("agent", 1, 100.0, 70),
            (GENERATOR, 2, 30.0, 40),
        )
    )
    assert summarise(make_recording(resources=resources)).resources == {
        "agent": ResourceSummary(cpu_pct_mean=100.0, cpu_pct_p95=100.0, memory_bytes_max=70),
        GENERATOR: ResourceSummary(cpu_pct_mean=20.0, cpu_pct_p95=29.0, memory_bytes_max=50),
    }


_SAMPLES = st.lists(
    st.builds(
        make_sample,
        st.integers(0, 60),
        outcome=st.sampled_from(Outcome),
        latency_ms=st.floats(1.0, 20_000.0),
        tier_times=st.dictionaries(st.sampled_from(["agent", "model"]), st.floats(0, 1000)),
    ),
    max_size=30,
)


@given(_SAMPLES)
def test_all_requests_are_counted(samples: list[RequestSample]) -> None:
    """Outcomes add up to all requests, and requests to all but the cancelled and unsent ones."""
    summary = summarise(make_recording(samples, elapsed_s=60.0))
    excluded = sum(summary.outcomes.get(outcome, 0) for outcome in EXCLUDED_OUTCOMES)
    assert sum(summary.outcomes.values()) == len(samples)
    assert summary.requests == len(samples) - excluded
    if Outcome.CUT_OFF not in summary.outcomes:  # such a request fails in each block in which it waits
        assert summary.failed_blocks <= min(BLOCKS, summary.requests)
    for row in summary.metrics.values():
        assert 0 < row.count <= summary.requests


@given(_SAMPLES, st.randoms(use_true_random=False))
def test_the_order_of_requests_changes_no_number(samples: list[RequestSample], random: Any) -> None:
    """Requests in another order have the same metrics, apart from rounding errors."""
    mixed = list(samples)
    random.shuffle(mixed)
    one, other = (summarise(make_recording(row)).metrics for row in (samples, mixed))
    assert one.keys() == other.keys()
    for key, row in one.items():
        assert row.count == other[key].count
        assert row.mean == pytest.approx(other[key].mean)
        assert row.figures == pytest.approx(other[key].figures)


STAGES = make_scenario(
    phases=[
        {"executor": "constant-vus", "vus": 1, "duration_s": 10, "think_time_s": (1, 1), "warm_up": True},
        {"executor": "constant-vus", "vus": 1, "duration_s": 20, "think_time_s": (1, 1)},
    ]
).phases


def test_warm_up_is_in_no_figure() -> None:
    """The warm-up is left out, and the clock starts after it."""
    samples = [
        make_sample(0, at_s=2.0, phase=0),
        make_sample(1, at_s=10.0, phase=1),
        make_sample(2, at_s=15.0, phase=1),
    ]
    resources = [ResourceSample(at_s=at, source="model", cpu_pct=1, memory_bytes=1) for at in (5.0, 12.0)]
    probes = [Probe(at_s=at, check="chat", up=True) for at in (5.0, 13.0)]
    gauges = [GaugeSample(at_s=at, service="model", name="queue", value=1) for at in (5.0, 14.0)]
    watched: dict[str, Any] = {
        "resources": tuple(resources),
        "probes": tuple(probes),
        "gauges": tuple(gauges),
    }
    counted = drop_warm_up(make_recording(samples, elapsed_s=30.0, **watched), STAGES)
    assert [sample.scheduled_s for sample in counted.samples] == [0.0, 5.0]
    assert [sample.finished_s for sample in counted.samples] == pytest.approx([0.5, 5.5])
    assert [sample.at_s for sample in counted.resources] == [2.0]
    assert [probe.at_s for probe in counted.probes] == [3.0]
    assert [gauge.at_s for gauge in counted.gauges] == [4.0]
    assert counted.elapsed_s == 20.0


def test_a_recording_without_warm_up_is_unchanged() -> None:
    """Without a warm-up phase, all data stays; with only a warm-up, no data stays."""
    recording = make_recording()
    assert drop_warm_up(recording, STAGES[1:]) is recording
    early = drop_warm_up(make_recording([make_sample(0, phase=0)], elapsed_s=4.0), STAGES)
    assert (len(early.samples), early.elapsed_s) == (0, 0.0)


def test_goodput_is_the_share_of_good_responses() -> None:
    """A good response meets every objective; a failed one is never good."""
    samples = [
        make_sample(0, latency_ms=100.0),
        make_sample(1, latency_ms=900.0),
        make_sample(2, latency_ms=100.0, outcome=Outcome.HTTP_ERROR),
        make_sample(3, latency_ms=100.0, first_token_s=5.0, at_s=1.0),
    ]
    recording = make_recording(samples, elapsed_s=10.0)
    goodput = summarise(recording, {"e2e_ms": 500.0, "ttft_ms": 300.0}).goodput
    assert goodput is not None
    assert (goodput.ratio, goodput.rps) == (0.25, 0.1)
    assert summarise(recording).goodput is None
    assert summarise(make_recording([]), {"e2e_ms": 500.0}).goodput is None
    at_once = summarise(make_recording(samples, elapsed_s=0.0), {"e2e_ms": 500.0}).goodput
    assert at_once is not None
    assert at_once.rps is None


def test_a_later_warm_up_loses_its_requests_and_keeps_its_time() -> None:
    """The clock starts with the first measured phase and continues."""
    warm, counted = STAGES
    samples = [make_sample(index, at_s=10.0 * index, phase=index) for index in range(4)]
    kept = drop_warm_up(make_recording(samples, elapsed_s=40.0), (warm, counted, warm, counted))
    assert [(sample.phase, sample.scheduled_s) for sample in kept.samples] == [(1, 0.0), (3, 20.0)]
    assert kept.elapsed_s == 30.0


def test_a_later_warm_up_does_not_move_the_clock() -> None:
    """If the first phase is measured, the clock is that of the run."""
    warm, counted = STAGES
    samples = [make_sample(index, at_s=10.0 * index, phase=index) for index in range(2)]
    recording = make_recording(samples, elapsed_s=20.0)
    assert drop_warm_up(recording, (counted, warm)) == replace(recording, samples=Samples.of(samples[:1]))


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.floats(0, 50))
def test_metrics_do_not_depend_on_the_clock(streamed: list[bool], begin_s: float) -> None:
    """Requests after a warm-up have the same figures as without it."""
    alone = [
        make_sample(seq, first_token_s=seq * 0.3 + 0.2 if row else None, tokens=3)
        for seq, row in enumerate(streamed)
    ]
    late = [sample._replace(phase=1) for sample in Samples.of(alone).shift(begin_s)]
    early = make_sample(99, at_s=0.0, latency_ms=9e4, outcome=Outcome.TIMEOUT)
    one = summarise(make_recording(alone, elapsed_s=20.0))
    other = summarise(drop_warm_up(make_recording([early, *late], elapsed_s=begin_s + 20.0), STAGES))
    assert (other.outcomes, other.errors) == (one.outcomes, ())
    assert other.elapsed_s == pytest.approx(20.0)
    for key, row in one.metrics.items():
        assert other.metrics[key].mean == pytest.approx(row.mean, abs=1e-6)


@pytest.mark.parametrize(("limit_ms", "ratio"), [(99.0, 0.0), (101.0, 0.5), (1e6, 0.5)])
def test_an_objective_needs_a_value(limit_ms: float, ratio: float) -> None:
    """A response without a stream has no late first token; a failed one is never good."""
    samples = [
        make_sample(0, at_s=0.0, latency_ms=100.0),
        make_sample(1, at_s=0.0, latency_ms=1.0, outcome=Outcome.TIMEOUT),
        make_sample(2, at_s=0.0, latency_ms=1.0, outcome=Outcome.CANCELLED),
    ]
    goodput = summarise(make_recording(samples), {"e2e_ms": limit_ms, "ttft_ms": 1.0}).goodput
    assert goodput is not None
    assert goodput.ratio == ratio


def test_an_objective_is_met_at_its_limit() -> None:
    """A response may take exactly the time of the objective."""
    on_time = make_sample(0, at_s=0.0, first_token_s=0.25)
    goodput = summarise(make_recording([on_time], elapsed_s=2.0), {"ttft_ms": 250.0}).goodput
    assert goodput == Goodput(ratio=1.0, rps=0.5)


def test_tokens_are_counted_by_response() -> None:
    """The count of a counter is of responses and its mean is per response, so the product is the sum."""
    samples = [make_sample(0, tokens=7), make_sample(1, tokens=5), make_sample(2)]
    assert summarise(make_recording(samples)).metrics["tokens"] == MetricSummary(count=2, mean=6.0)
