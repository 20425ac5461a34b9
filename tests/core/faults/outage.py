"""Runs of virtual time with one outage."""

from collections.abc import Iterable
from typing import Any

from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from tests.factories import make_sample

RATE = 10
USUAL_MS = 80.0


def steady_requests(seconds: float, **changes: Any) -> list[RequestSample]:
    """Ten requests per second, each answered in 80 ms."""
    return [
        make_sample(number, at_s=number / RATE, latency_ms=USUAL_MS, tier_times={}, **changes)
        for number in range(round(seconds * RATE))
    ]


def fail(rows: Iterable[RequestSample], from_s: float, to_s: float) -> Samples:
    """The same requests; those that were planned within a period fail."""
    lost: dict[str, Any] = {"outcome": Outcome.CONNECT_FAILED}
    return Samples.of(row._replace(**lost) if from_s <= row.scheduled_s < to_s else row for row in rows)


def slow_down(rows: Iterable[RequestSample], from_s: float, to_s: float, more_s: float) -> Samples:
    """The same requests; those that were planned within a period take longer."""
    slow = []
    for row in rows:
        is_slow = from_s <= row.scheduled_s < to_s
        slow.append(row._replace(finished_s=row.finished_s + more_s) if is_slow else row)
    return Samples.of(slow)
