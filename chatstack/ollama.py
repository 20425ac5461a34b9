"""Ollama's API for the backend and the agent: generating calls and reported durations.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from collections.abc import Mapping
from typing import Any

GENERATING = frozenset({"/api/generate", "/api/chat"})
_NS_PER_S = 1e9


def reported(last: Mapping[str, Any]) -> dict[str, float]:
    """Return the seconds by tier from the last object of an answer, without missing values."""
    parts = {
        "load": _seconds(last.get("load_duration")),
        "prefill": _seconds(last.get("prompt_eval_duration")),
        "decode": _seconds(last.get("eval_duration")),
    }
    total_s = _seconds(last.get("total_duration"))
    known = {name: value for name, value in parts.items() if value is not None}
    if total_s is None:
        return known
    # Ollama does not report waiting: it is the total minus the other durations.
    return {"queue": max(0.0, total_s - sum(known.values())), **known}


def reported_timing(last: Mapping[str, Any]) -> dict[str, float]:
    """Return the durations in milliseconds, by tier."""
    return {name: round(1000 * value_s, 2) for name, value_s in reported(last).items()}


def _seconds(value: Any) -> float | None:
    return value / _NS_PER_S if isinstance(value, int | float) and value >= 0 else None
