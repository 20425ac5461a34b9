import pytest
from pydantic import TypeAdapter, ValidationError

from bench.core.config.stack import Stack
from bench.core.config.watching import Check, Readings, hint_of, parse_series


@pytest.mark.parametrize(
    ("declared", "hint"),
    [
        (
            {"kind": "http", "service": "agent", "path": "/api/tags"},
            "check that 'agent' is running; read its log",
        ),
        ({"kind": "tcp", "service": "model"}, "check that 'model' is running; read its log"),
        (
            {"kind": "mongodb", "uri": "${env.URI}"},
            "check that MongoDB is running and that its address is correct",
        ),
        ({"kind": "tcp", "service": "model", "hint": "ollama serve"}, "ollama serve"),
    ],
)
def test_every_check_has_a_hint(declared: dict[str, str], hint: str) -> None:
    """The stack's own hint is used, else a general one of the kind."""
    assert hint_of(TypeAdapter[Check](Check).validate_python(declared)) == hint


def test_the_monitoring_of_a_stack_is_optional() -> None:
    """Checks, gauges and limits have defaults, and wrong ones are refused."""
    plain = Stack(name="mine", purpose="A test.")
    assert (plain.checks, plain.gauges, plain.alerts.queue_depth) == ({}, {}, 100)
    with pytest.raises(ValidationError, match="path"):
        Stack.model_validate(
            {"name": "x", "purpose": "y", "checks": {"a": {"kind": "http", "service": "b", "path": "health"}}}
        )
    with pytest.raises(ValidationError, match="read"):
        Readings.model_validate({"read": {}})


@pytest.mark.parametrize(
    ("series", "parts"),
    [
        ("waiting", ("waiting", {})),
        ('asked_total{method="POST"}', ("asked_total", {"method": "POST"})),
        ('a:b{x="1",_y="a, b="}', ("a:b", {"x": "1", "_y": "a, b="})),
    ],
)
def test_a_series_may_name_labels(series: str, parts: tuple[str, dict[str, str]]) -> None:
    """A series has a name and labels with exact values, as in a Prometheus selector."""
    assert Readings.model_validate({"read": {"x": series}}).read == {"x": series}
    assert parse_series(series) == parts


@pytest.mark.parametrize(
    "series", ["", "a{", "a{}", "a{b}", "a{b=c}", 'a{b="c"', 'a{b!="c"}', "{__name__}", "a b"]
)
def test_a_wrong_series_is_refused(series: str) -> None:
    """A text that is not a series is an error in the file."""
    with pytest.raises(ValidationError, match="read"):
        Readings.model_validate({"read": {"x": series}})
