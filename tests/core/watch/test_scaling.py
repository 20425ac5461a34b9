import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.core.config.autoscaling import Autoscaling
from bench.core.config.stack import Stack
from bench.core.watch.scaling import Scaler


def _rule(**fields: Any) -> Autoscaling:
    content = {"between": "1..5", "target": 10, "cool_down": "10s", "down_after": "30s"}
    return Autoscaling.model_validate(content | fields)


def test_a_gauge_above_its_target_starts_all_missing_instances_at_once() -> None:
    """35 waiting requests need four instances with a target of ten each."""
    assert Scaler(_rule()).decide(0.0, 35, 1) == 4


@pytest.mark.parametrize(("value", "count"), [(21, 2), (19, 2), (30, 3), (0, 1)])
def test_a_gauge_near_its_target_changes_nothing(value: float, count: int) -> None:
    """A tenth more or less is no reason for a change, and the lowest number of instances stays."""
    scaler = Scaler(_rule())
    assert all(scaler.decide(float(second), value, count) == count for second in range(100))


def test_after_a_change_no_instance_starts_until_the_cool_down_is_over() -> None:
    """The new instances first have to take over requests."""
    scaler = Scaler(_rule())
    assert scaler.decide(0.0, 20, 1) == 2
    assert scaler.decide(9.0, 50, 2) == 2
    assert scaler.decide(10.0, 50, 2) == 5


def test_instances_end_only_when_fewer_sufficed_for_the_whole_time() -> None:
    """One busy moment in this time keeps as many instances as it needed."""
    scaler = Scaler(_rule())
    assert scaler.decide(0.0, 50, 5) == 5
    assert scaler.decide(20.0, 29, 5) == 5
    assert scaler.decide(29.9, 0, 5) == 5
    assert scaler.decide(31.0, 0, 5) == 3
    assert scaler.decide(60.0, 0, 3) == 3
    assert scaler.decide(61.0, 0, 3) == 1


@given(
    st.lists(st.tuples(st.floats(0, 10), st.floats(0, 1000)), min_size=1, max_size=40),
    st.integers(1, 3),
    st.integers(0, 4),
)
def test_the_number_of_instances_stays_between_its_limits(
    readings: list[tuple[float, float]], low: int, span: int
) -> None:
    """For any gauge, and each decision is one that the latest readings wanted."""
    high = low + span
    scaler = Scaler(_rule(between=f"{low}..{high}"))
    count = low
    now_s = 0.0
    for wait_s, value in readings:
        now_s += wait_s
        wanted = scaler.decide(now_s, value, count)
        assert low <= wanted <= high
        assert wanted <= max(count, math.ceil(value / 10))
        count = wanted


@pytest.mark.parametrize("between", ["4..1", "0..3", "3", "1-4", "1..1000", ""])
def test_limits_are_two_numbers_in_order(between: str) -> None:
    """The text `1..4` can be written and read again."""
    with pytest.raises(ValidationError, match="between"):
        _rule(between=between)
    rule = _rule(between="2..4")
    assert rule.between == (2, 4)
    assert Autoscaling.model_validate_json(rule.model_dump_json()) == rule


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"agent": {}}, "no service 'agent' has replicas"),
        ({"model": {"between": "3..4"}}, "2 replicas of 'model' are not within 3..4"),
        ({"model": {"gauge": "waiting"}}, "service 'model' has no gauge 'waiting'"),
        ({"model": {"of": "agent"}}, "service 'agent' has no gauge 'queue_depth'"),
    ],
)
def test_a_rule_needs_instances_and_a_gauge(rules: dict[str, Any], message: str) -> None:
    """The error names the field and the next step."""
    scaling = {name: {"between": "1..4", "target": 1, **rule} for name, rule in rules.items()}
    content = {
        "name": "trial",
        "purpose": "A test.",
        "services": {"model": {"command": ["run"], "replicas": 2}, "agent": {"command": ["run"]}},
        "gauges": {"model": {"read": {"queue_depth": "waiting"}}},
        "scaling": scaling,
    }
    with pytest.raises(ValidationError) as caught:
        Stack.model_validate(content)
    assert message in str(caught.value)
