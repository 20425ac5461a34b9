"""Counts that a document reports. Invalid values are skipped, since a target sends them."""

from collections.abc import Mapping
from typing import Any

from bench.core.response.paths import value_at

MOST_TOKENS = 1_000_000_000
"""Largest number of tokens that an answer can have."""


def count_at(document: Mapping[str, Any], path: str) -> int | None:
    """Return the number of tokens at a path. Some servers write it as 7.0; 0 stands for an unknown number."""
    value = value_at(document, path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    is_count = 0 < value <= MOST_TOKENS and value == int(value)
    return int(value) if is_count else None
