"""The digest of the work of a capacity search: which changes of its declaration end the comparison."""

from typing import Any

import pytest

from bench.core.config.scenario import Scenario
from bench.measure.run.provenance import fingerprint
from bench.store import stacks
from tests.factories import make_scenario, make_spec

LOAD = {"executor": "constant-vus", "vus": 10, "duration": "30s", "think_time": "5s..7s"}
SEARCH = {"to": 100, "budget": "10m", "width": "20%"}


def search(load: dict[str, Any] | None = None, **changes: Any) -> Scenario:
    """A scenario with a search; fields by name."""
    content: dict[str, Any] = {"phases": [load or LOAD], "objectives": {"e2e_ms": 10_000}, "capacity": SEARCH}
    return make_scenario(**content | changes)


def digest(scenario: Scenario) -> str:
    """The digest of the work."""
    return fingerprint(make_spec(scenario), stacks.load("embedded")).work_digest


@pytest.mark.parametrize(
    "same",
    [
        search(capacity={"from": 5, "to": 50, "budget": "2m", "width": "10%"}),
        search({**LOAD, "vus": 20, "duration": "60s"}),
        search(thresholds={"e2e_ms": ["p(95)<1000"], "success_ratio": ["rate>0.95"]}),
    ],
)
def test_the_tried_loads_do_not_change_the_work(same: Scenario) -> None:
    """The safe load does not depend on the loads that a search may try, nor on its time and width."""
    assert digest(same) == digest(search())


@pytest.mark.parametrize(
    "other",
    [
        search(objectives={"e2e_ms": 5_000}),
        search(objectives={"e2e_ms": 10_000, "ttft_ms": 1_000}),
        search(thresholds={"success_ratio": ["rate>0.99"]}),
        search({**LOAD, "think_time": "1s..2s"}),
        search({"executor": "constant-arrival-rate", "rate": 10, "duration": "30s"}),
        search(capacity={**SEARCH, "confidence": 0.95}),
        search(capacity=None),
    ],
)
def test_the_objectives_and_the_users_change_the_work(other: Scenario) -> None:
    """The safe load depends on its objectives, on the think time, on its unit and on the confidence."""
    assert digest(other) != digest(search())


def test_objectives_alone_do_not_change_the_work_of_a_run() -> None:
    """The objectives of a scenario without a search change no load, so that baselines stay comparable."""
    assert digest(search(capacity=None, objectives={})) == digest(search(capacity=None))
