"""Facts about an answer that several parts handle: the model that answered, and the cost."""

from collections.abc import Mapping
from typing import Any

MODEL = "model"
COST = "cost"
_HEADERS = {MODEL: "X-Model", COST: "X-Cost"}


def fact_headers(details: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of the facts that an answer has."""
    return {header: _written(details[name]) for name, header in _HEADERS.items() if name in details}


def free_facts(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of an answer that no model generates again: its cost, if it has one, is 0."""
    facts = {name: details[name] for name in _HEADERS if name in details}
    return {**facts, COST: 0.0} if COST in facts else facts


def _written(value: Any) -> str:
    """Write a number without an exponent, and a text without the characters that no header may have."""
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return str(value).encode("latin-1", "replace").decode("latin-1")
