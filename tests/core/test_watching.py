import pytest
from pydantic import TypeAdapter, ValidationError

from bench.core.stack import Stack
from bench.core.watching import Check, Gauges, hint_of


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
        Gauges.model_validate({"read": {}})
