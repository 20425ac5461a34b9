"""Thresholds and requests for the tests of limits."""

from typing import Any

from pydantic import TypeAdapter

from bench.core.limits.threshold import Thresholds
from tests.factories import make_sample

# Response times of 100, 200, ... 1000 ms.
TEN = [make_sample(seq, latency_ms=100.0 * (seq + 1)) for seq in range(10)]


def thresholds(**limits: Any) -> Thresholds:
    """Return thresholds by metric, from the values that a scenario file has."""
    return TypeAdapter(Thresholds).validate_python(limits)
