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
    ],
)
def test_an_objective_is_a_metric_and_its_milliseconds(
    texts: Sequence[str], objectives: dict[str, float]
) -> None:
    """One or several in a text, with the unit or without; the last one counts."""
    assert parse_objectives(texts) == objectives


@pytest.mark.parametrize("key", OBJECTIVES)
def test_whatever_can_be_an_objective_can_be_said_short(key: str) -> None:
    """Every objective of a scenario's file can be asked for without its unit."""
    assert parse_objectives([f"{key.removesuffix('_ms')}:7"]) == {key: 7.0}


@pytest.mark.parametrize(
    "text", ["", " ", "ttft", "ttft:", ":5", "ttft:0", "ttft:-1", "ttft:2s", "ttft=2000", f"e2e:{'9' * 400}"]
)
def test_what_is_no_objective_is_refused(text: str) -> None:
    """What nobody could meet, or nobody can read, is told with how it is written."""
    with pytest.raises(ConfigError, match="not a metric and milliseconds above 0") as refused:
        parse_objectives([text])
    assert refused.value.hint == "write it like ttft:2000"


def test_what_an_answer_does_not_have_is_refused() -> None:
    """A rate is no answer's, and a misspelt metric is answered with those that there are."""
    with pytest.raises(ConfigError, match="'success_ratio' cannot be an objective") as refused:
        parse_objectives(["ttft:1 success_ratio:1"])
    assert refused.value.hint == "there are: e2e, ttft, tpot, service"


def test_a_brief_is_held_to_more_than_its_file_says() -> None:
    """What is asked for one run stands beside the scenario's own, or in its place; nothing else changes."""
    spec = make_spec(make_scenario(objectives={"e2e_ms": 1000, "ttft_ms": 100}))
    held = spec.with_objectives({"ttft_ms": 200.0, "tpot_ms": 10.0})
    assert held.scenario.objectives == {"e2e_ms": 1000, "ttft_ms": 200.0, "tpot_ms": 10.0}
    assert held.with_objectives(spec.scenario.objectives).scenario.objectives["ttft_ms"] == 100
    assert spec.with_objectives({}) == spec


def test_a_stack_has_limits_of_its_own() -> None:
    """They take the place of a scenario's of the same metric, and hold it to none that it has not."""
    spec = make_spec(make_scenario(thresholds={"e2e_ms": ["p(95)<5000"], "success_ratio": ["rate>0.95"]}))
    slow = make_scenario(thresholds={"e2e_ms": ["p(95)<60000"], "ttft_ms": ["p(95)<30000"]}).thresholds
    limits = spec.with_thresholds(slow).scenario.thresholds
    assert limits == {"e2e_ms": slow["e2e_ms"], "success_ratio": spec.scenario.thresholds["success_ratio"]}
    assert spec.with_thresholds({}) == spec
