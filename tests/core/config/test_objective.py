from collections.abc import Sequence

import pytest

from bench.core.config.objective import parse_objectives
from bench.core.samples.metrics import OBJECTIVES
from bench.errors import ConfigError
from tests.factories import make_scenario, make_spec


@pytest.mark.parametrize(
    ("texts", "objectives"),
    [
        ((), {}),
        (("ttft:2000", "e2e:20000"), {"ttft_ms": 2000.0, "e2e_ms": 20000.0}),
        (("ttft:2000 e2e:20000",), {"ttft_ms": 2000.0, "e2e_ms": 20000.0}),
        (("tpot_ms:12.5",), {"tpot_ms": 12.5}),
        (("e2e:1", "e2e:2"), {"e2e_ms": 2.0}),
        (("e2e<10s ttft<=800ms",), {"e2e_ms": 10_000.0, "ttft_ms": 800.0}),
        (("e2e_ms<1500", "ttft<1m"), {"e2e_ms": 1500.0, "ttft_ms": 60_000.0}),
    ],
)
def test_an_objective_is_a_metric_and_milliseconds(
    texts: Sequence[str], objectives: dict[str, float]
) -> None:
    """A text has one or several, with the unit or without; the last one of a metric counts."""
    assert parse_objectives(texts) == objectives


@pytest.mark.parametrize("key", OBJECTIVES)
def test_every_objective_has_a_short_name(key: str) -> None:
    """The name of every objective may be written without its unit."""
    assert parse_objectives([f"{key.removesuffix('_ms')}:7"]) == {key: 7.0}


@pytest.mark.parametrize(
    "text", ["", " ", "ttft", "ttft:", ":5", "ttft:0", "ttft:-1", "ttft:2s", "ttft=2000", f"e2e:{'9' * 400}"]
)
def test_other_texts_are_refused_with_an_example(text: str) -> None:
    """The hint shows how to write an objective."""
    with pytest.raises(ConfigError, match="expected a metric and milliseconds above 0") as caught:
        parse_objectives([text])
    assert caught.value.hint == "write for example ttft:2000 or 'e2e<10s'"


def test_a_metric_without_objectives_is_refused() -> None:
    """A single answer has no rate; the hint lists the metrics that have objectives."""
    with pytest.raises(ConfigError, match="'success_ratio' cannot have an objective") as caught:
        parse_objectives(["ttft:1 success_ratio:1"])
    assert caught.value.hint == "metrics with objectives: e2e, ttft, tpot, service"


def test_objectives_of_the_command_line_replace_those_of_the_scenario() -> None:
    """Objectives of other metrics stay, and nothing else changes."""
    spec = make_spec(make_scenario(objectives={"e2e_ms": 1000, "ttft_ms": 100}))
    changed = spec.with_objectives({"ttft_ms": 200.0, "tpot_ms": 10.0})
    assert changed.scenario.objectives == {"e2e_ms": 1000, "ttft_ms": 200.0, "tpot_ms": 10.0}
    assert changed.with_objectives(spec.scenario.objectives).scenario.objectives["ttft_ms"] == 100
    assert spec.with_objectives({}) == spec


def test_thresholds_of_a_stack_replace_those_of_the_scenario() -> None:
    """A stack changes the thresholds of metrics that the scenario limits, and adds none."""
    spec = make_spec(make_scenario(thresholds={"e2e_ms": ["p(95)<5000"], "success_ratio": ["rate>0.95"]}))
    slow = make_scenario(thresholds={"e2e_ms": ["p(95)<60000"], "ttft_ms": ["p(95)<30000"]}).thresholds
    thresholds = spec.with_thresholds(slow).scenario.thresholds
    assert thresholds == {
        "e2e_ms": slow["e2e_ms"],
        "success_ratio": spec.scenario.thresholds["success_ratio"],
    }
    assert spec.with_thresholds({}) == spec
