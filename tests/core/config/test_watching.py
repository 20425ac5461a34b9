import pytest
from pydantic import TypeAdapter, ValidationError

from bench.core.config.stack import Stack
from bench.core.config.watching import Check, Readings, hint_of, selector


@pytest.mark.parametrize(
    ("declared", "hint"),
    [
        (
            {"kind": "http", "service": "agent", "path": "/api/tags"},
            "is 'agent' running? its log says why not",
        ),
        ({"kind": "tcp", "service": "model"}, "is 'model' running? its log says why not"),
        ({"kind": "mongodb", "uri": "${env.URI}"}, "is MongoDB running, and its address the right one?"),
        ({"kind": "tcp", "service": "model", "hint": "ollama serve"}, "ollama serve"),
    ],
)
def test_every_check_has_a_hint(declared: dict[str, str], hint: str) -> None:
    """What is down is named with what to look at, of the stack's own where it says so."""
    assert hint_of(TypeAdapter[Check](Check).validate_python(declared)) == hint


def test_a_stack_declares_how_it_is_watched() -> None:
    """Checks, gauges and limits are optional, and wrong ones are refused."""
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
    """Labels are those of a Prometheus selector that must be equal."""
    assert Readings.model_validate({"read": {"x": series}}).read == {"x": series}
    assert selector(series) == parts


@pytest.mark.parametrize(
    "series", ["", "a{", "a{}", "a{b}", "a{b=c}", 'a{b="c"', 'a{b!="c"}', "{__name__}", "a b"]
)
def test_a_series_that_is_none_is_refused(series: str) -> None:
    """What is no name with labels is a mistake in the file, and not a series that is never found."""
    with pytest.raises(ValidationError, match="read"):
        Readings.model_validate({"read": {"x": series}})
