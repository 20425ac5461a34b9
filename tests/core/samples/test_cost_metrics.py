import numpy as np
import pytest

from bench.core.config.scenario import Scenario
from bench.core.run.costs import costs_of
from bench.core.run.summary import summarise
from bench.core.samples.cost_metrics import cost_metric, cost_service, cpu_key, memory_key
from bench.core.samples.metric import Better, Part
from bench.core.samples.metrics import metric
from tests.factories import make_recording, make_scenario, make_use


@pytest.mark.parametrize("service", ["gateway", "my.service", "a-b_c"])
def test_a_service_has_two_metrics(service: str) -> None:
    """Their keys contain the name of the service, and their labels name it for people."""
    for key in (memory_key(service), cpu_key(service)):
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


def test_a_scenario_may_tolerate_more() -> None:
    """Tolerances accept these metrics too."""
    content = make_scenario().model_dump(mode="json", by_alias=True, exclude_defaults=True)
    tolerances = {memory_key("gateway"): {"ratio": 0.3}, "requests_rps": {"ratio": 0.2}}
    scenario = Scenario.model_validate(content | {"tolerances": tolerances})
    assert scenario.tolerances["requests_rps"].ratio == 0.2
