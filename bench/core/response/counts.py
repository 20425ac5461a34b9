"""Durations and counts that a document reports. Invalid values are skipped, since a target sends them."""

from collections.abc import Mapping
from typing import Any

from bench.core.config.target import Durations
from bench.core.response.paths import value_at

_MS_PER_UNIT = {"ns": 1e-6, "ms": 1.0, "s": 1000.0}
_LONGEST_TIER_MS = 86_400_000.0
_MOST_TOKENS = 1_000_000_000


def tiers_ms(document: Mapping[str, Any], durations: Durations) -> dict[str, float]:
    """Return the time of each tier in milliseconds."""
    ms_per_unit = _MS_PER_UNIT[durations.unit]
    tiers = {}
    for tier, path in durations.tiers.items():
        duration_ms = _duration_ms(value_at(document, path), ms_per_unit)
        if duration_ms is not None:
            tiers[tier] = duration_ms
    if durations.total:
        total_ms = _duration_ms(value_at(document, durations.total), ms_per_unit)
        if total_ms is not None:
            tiers[durations.rest] = max(0.0, total_ms - sum(tiers.values()))
    return tiers


def _duration_ms(value: Any, ms_per_unit: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared before the multiplication: an integer of JSON may be too large for a float.
    return value * ms_per_unit if 0 <= value <= _LONGEST_TIER_MS / ms_per_unit else None


def count_at(document: Mapping[str, Any], path: str) -> int | None:
    """Return the number of tokens at a path. Some servers write it as 7.0; 0 stands for an unknown number."""
    value = value_at(document, path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    is_count = 0 < value <= _MOST_TOKENS and value == int(value)
    return int(value) if is_count else None
