"""The declaration of an experiment: its versions, its loads, and the errors of its author."""

import pytest
from pydantic import ValidationError

from bench.core.experiment.block_order import block_order
from bench.core.experiment.quantities import parse_quantity
from tests.core.experiment.simulated import make_experiment


@pytest.mark.parametrize("arms", [2, 3, 5])
def test_each_arm_has_each_place_equally_often(arms: int) -> None:
    """No version gains from being first."""
    blocks = [block_order(arms, number) for number in range(1, 2 * arms + 1)]
    for place in range(arms):
        at_place = [order[place] for order in blocks]
        assert sorted(at_place) == sorted([*range(arms)] * 2)


def test_a_grid_combines_its_factors() -> None:
    """A factor with a service changes this service, another one the complete stack."""
    experiment = make_experiment(
        variants={}, grid={"factors": {"model.SLOTS": ["1", "4"], "MODEL": ["small"]}}
    )
    versions = experiment.versions
    assert [*versions] == ["base", "SLOTS=1 MODEL=small", "SLOTS=4 MODEL=small"]
    variant = versions["SLOTS=4 MODEL=small"]
    assert variant.version == "embedded+MODEL=small"
    assert variant.services["model"].environment == {"SLOTS": "4"}


def test_loads_have_names() -> None:
    """A load without a name is named by its numbers."""
    experiment = make_experiment(loads=[{"vus": 1}, {"vus": 25}, {"rate": 3}, {"name": "night", "vus": 2}])
    assert experiment.load_labels == ["1 VU", "25 VUs", "3 requests/s", "night"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variants": {}}, "name a variant"),
        ({"variants": {"base": "embedded"}}, "is the name of the base"),
        ({"blocks": "1..2"}, "write LEAST..MOST"),
        ({"loads": [{"vus": 5}, {"vus": 5}]}, "another one is '5 VUs' too"),
        ({"scenarios": ["quick", "quick"]}, "another one is 'quick' too"),
        ({"claims": [{"metric": "success_ratio", "value": ">= 99"}]}, "'99' is not a percentage"),
        ({"claims": [{"metric": "e2e_m", "effect": ">= 2x"}]}, "did you mean 'e2e_ms'"),
        ({"claims": [{"metric": "e2e_ms p42", "effect": ">= 2x"}]}, "a latency has typical, mean, p50"),
        ({"claims": [{"metric": "requests_rps p50", "effect": ">= 2x"}]}, "has one value per run"),
        ({"claims": [{"metric": "e2e_ms"}]}, "write either effect or value"),
        ({"claims": [{"metric": "success_ratio", "effect": ">= 2x"}]}, "has points"),
        ({"claims": [{"metric": "e2e_ms", "effect": "fast"}]}, "is not a range"),
        ({"claims": [{"metric": "e2e_ms", "effect": ">= 2x", "loads": ["9 VUs"]}]}, "there is no '9 VUs'"),
        ({"base": "@main"}, "is not a version"),
    ],
)
def test_a_wrong_field_is_explained(changes: dict[str, object], message: str) -> None:
    """The author learns the cure."""
    with pytest.raises(ValidationError, match=message):
        make_experiment(**changes)


def test_a_quantity_has_a_text_and_a_label() -> None:
    """Files and people name a quantity differently."""
    assert parse_quantity("e2e_ms").text == "e2e_ms"
    assert parse_quantity("e2e_ms p95").label == "p95 response time"
    assert parse_quantity("first_output_ms").label == "time to first output"
    assert parse_quantity("work.model_calls").label == "model calls per message"
    assert parse_quantity("memory_bytes").unit == "bytes"
