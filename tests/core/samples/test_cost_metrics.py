import numpy as np
import pytest
from pydantic import ValidationError

from bench.core.config.scenario import Scenario
from bench.core.run.costs import cost_values, costs_of
from bench.core.run.summary import summarise
from bench.core.samples.cost_metrics import (
    cost_metric,
    cost_service,
    cpu_key,
    growth_key,
    memory_key,
    overhead_key,
    work_key,
)
from bench.core.samples.metric import Better, Part
from bench.core.samples.metrics import metric
from bench.core.samples.sample import ResourceSample
from tests.factories import make_recording, make_run, make_sample, make_scenario, make_spec, make_use


@pytest.mark.parametrize("service", ["gateway", "my.service", "a-b_c"])
def test_a_service_has_three_metrics(service: str) -> None:
    """Their keys contain the name of the service, and their labels name it for people."""
    for key in (memory_key(service), growth_key(service), cpu_key(service)):
        assert cost_service(key) == service
        row = metric(key)
        assert row.label.endswith(f" of {service}")
        assert (row.part, row.better) == (Part.COSTS, Better.LOWER)


def test_throughput_is_better_if_it_is_higher() -> None:
    """It belongs to no service, and no other key is such a metric."""
    assert metric("requests_rps").better is Better.HIGHER
    assert cost_service("requests_rps") is None
    assert cost_metric("e2e_ms") is None


def test_a_run_has_one_value_of_each() -> None:
    """Memory is the highest value, processor time is per request, and a request itself has no value."""
    uses = [
        make_use("gateway", at_s=1.0, cpu_pct=20.0, memory_bytes=50_000_000),
        make_use("gateway", at_s=2.0, cpu_pct=40.0, memory_bytes=70_000_000),
        make_use("other", at_s=1.0, memory_bytes=None),
    ]
    recording = make_recording(resources=tuple(uses))
    costs = costs_of(summarise(recording))
    assert costs[memory_key("gateway")] == {"all": 70_000_000}
    assert costs[cpu_key("gateway")]["all"] == pytest.approx(0.3 * 31_000 / 100)
    assert memory_key("other") not in costs
    assert np.isnan(metric(memory_key("gateway")).values(recording.samples)).all()


def test_a_run_without_requests_has_no_time_per_request() -> None:
    """The processor time of no request is unknown."""
    recording = make_recording(samples=(), resources=(make_use("gateway"),))
    assert cpu_key("gateway") not in costs_of(summarise(recording))


def growing(slope_bps: float, jump_bytes: int = 0) -> tuple[ResourceSample, ...]:
    """The memory of a service that grows steadily and once at a jump."""
    samples = []
    for second in range(31):
        memory_bytes = 50_000_000 + int(slope_bps * second) + (jump_bytes if second >= 3 else 0)
        samples.append(make_use("gateway", at_s=float(second), memory_bytes=memory_bytes))
    return tuple(samples)


def test_a_leak_is_a_growth_per_thousand_requests() -> None:
    """A leak of 64 kB in each of 100 requests is 64 MB in 1,000; a cache that fills once is no leak."""
    recording = make_recording(resources=growing(64_000 * 100 / 31))
    costs = costs_of(summarise(recording))
    assert costs[growth_key("gateway")]["all"] == pytest.approx(64e6, rel=0.02)
    full_cache = make_recording(resources=growing(0.0, jump_bytes=20_000_000))
    assert costs_of(summarise(full_cache))[growth_key("gateway")] == {"all": 0.0}
    shrinking = make_recording(resources=growing(-1000.0))
    assert costs_of(summarise(shrinking))[growth_key("gateway")] == {"all": 0.0}
    assert cost_values(summarise(shrinking))[growth_key("gateway")] < 0


def test_a_few_samples_show_no_growth() -> None:
    """The start of a service looks like a leak."""
    recording = make_recording(resources=growing(1000.0)[:7])
    assert growth_key("gateway") not in costs_of(summarise(recording))


def test_work_and_tokens_are_costs() -> None:
    """More model calls or tokens for a message cost money, so they are judged like a time."""
    samples = [make_sample(seq, tokens=100 + seq % 2) for seq in range(10)]
    summary = summarise(make_recording(samples)).model_copy(update={"work": {"model_calls": 2.0}})
    costs = costs_of(summary)
    assert costs["tokens_per_request"] == {"all": 100.5}
    assert costs[work_key("model_calls")] == {"all": 2.0}
    assert metric(work_key("model_calls")).label == "model calls per message"


def test_an_overhead_is_a_cost_of_three_metrics() -> None:
    """Response time, time to first token and time per token; other metrics have none."""
    assert metric(overhead_key("ttft_ms")).label == "overhead of the time to first token"
    assert cost_metric("overhead.service_ms") is None
    assert cost_metric("work.") is None
    assert cost_metric("service..cpu_ms") is None


@pytest.mark.parametrize(
    ("limits", "value", "crossed"),
    [
        ({"service.gateway.memory": "<60MB"}, 50e6, False),
        ({"service.gateway.memory_bytes": ["<60MB", "<40MB"]}, 50e6, True),
        ({"requests_rps": ">3"}, 100 / 31, False),
        ({"service.nobody.cpu": "<5ms"}, None, True),
    ],
)
def test_a_threshold_may_limit_a_cost(limits: object, value: float | None, crossed: bool) -> None:
    """The limit has a unit and no method; a value that the run does not have crosses it, with a warning."""
    spec = make_spec(make_scenario(thresholds=limits))
    run = make_run(make_recording(resources=growing(0.0)), spec=spec)
    assert run.thresholds[0].value == (None if value is None else pytest.approx(value))
    assert any(limit.crossed for limit in run.thresholds) == crossed
    assert any("no data for the threshold" in warning for warning in run.warnings) == (value is None)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"service.gateway.memory": "avg<5MB"}, "has one value per run; write for example <500"),
        ({"service.gateway.memory": "<5ms"}, "service.gateway.memory_bytes is in bytes"),
        ({"e2e": "<500"}, "e2e_ms is a trend, which has avg, min, max, med"),
        ({"e2e": "p(95)<5MB"}, "e2e_ms is in ms"),
        ({"e2e": "avg<5", "e2e_ms": "avg<6"}, "e2e_ms has thresholds twice"),
        ({"p95.e2e": "<5"}, "write the percentile in the condition: e2e_ms: p"),
        (
            {"requests_rps": {"threshold": ">3", "abort_on_fail": True}},
            "is known at the end of a run; remove abort_on_fail",
        ),
    ],
)
def test_a_wrong_threshold_on_a_cost_is_refused(limits: object, message: str) -> None:
    """The error names the metric and shows what to write."""
    with pytest.raises(ValidationError, match=message):
        make_scenario(thresholds=limits)


def test_a_scenario_may_tolerate_more() -> None:
    """Tolerances accept these metrics too."""
    content = make_scenario().model_dump(mode="json", by_alias=True, exclude_defaults=True)
    tolerances = {memory_key("gateway"): {"ratio": 0.3}, "requests_rps": {"ratio": 0.2}}
    scenario = Scenario.model_validate(content | {"tolerances": tolerances})
    assert scenario.tolerances["requests_rps"].ratio == 0.2
