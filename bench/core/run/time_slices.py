"""A run in slices of time: its requests, failures, response times and tokens over time."""

import math

import numpy as np

from bench.core.samples.arrays import Floats
from bench.core.samples.metrics import METRICS
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values import stats
from bench.core.values.record import Count, Number, Record

MOST_SLICES = 60
"""Largest number of slices of a run."""


class TimeSlice(Record):
    """The requests that ended in a part of a run."""

    start_s: Number
    """Start of the slice, in seconds since the start of the run."""
    end_s: Number
    """End of the slice, in seconds; only the last slice may have another length than the others."""
    requests: Count
    """Number of requests that were answered or failed in the slice."""
    failed: Count = 0
    """Number of these requests that failed."""
    tokens: Count = 0
    """Output tokens of the successful ones."""
    p50: Number | None = None
    """Median response time of the successful ones in milliseconds; null without any."""
    p95: Number | None = None
    """95th percentile of their response times; of few requests, near their maximum."""
    max: Number | None = None
    """Longest of their response times."""


def slice_run(answered: Samples, elapsed_s: float) -> tuple[TimeSlice, ...]:
    """Return the slices of a run: at most `MOST_SLICES` of whole seconds; empty without requests.

    Args:
        answered: Answered and failed requests.
        elapsed_s: Duration of the run in seconds.
    """
    if not len(answered) or elapsed_s <= 0:
        return ()
    edges_s = _edges_s(elapsed_s)
    count = len(edges_s) - 1
    finished_s = answered.column("finished_s")
    numbers = np.clip(np.searchsorted(edges_s, finished_s, side="right") - 1, 0, count - 1)
    ok = answered.has_outcome(Outcome.OK)
    tokens = np.nan_to_num(METRICS["tokens"].values(answered))
    requests_by_slice = np.bincount(numbers, minlength=count)
    ok_by_slice = np.bincount(numbers[ok], minlength=count)
    tokens_by_slice = np.bincount(numbers, tokens, minlength=count)
    times_ms = METRICS["e2e_ms"].values(answered)[ok]
    by_slice = np.argsort(numbers[ok].astype(np.uint8), kind="stable")
    parts = np.split(times_ms[by_slice], np.cumsum(ok_by_slice)[:-1])
    slices = []
    for number, part_ms in enumerate(parts):
        slices.append(
            TimeSlice(
                start_s=float(edges_s[number]),
                end_s=float(edges_s[number + 1]),
                requests=int(requests_by_slice[number]),
                failed=int(requests_by_slice[number] - ok_by_slice[number]),
                tokens=int(tokens_by_slice[number]),
                **_statistics(part_ms),
            )
        )
    return tuple(slices)


def _edges_s(elapsed_s: float) -> Floats:
    """Return the edges of the slices. A rest below half a slice belongs to the slice before it."""
    length_s = max(1, math.ceil(elapsed_s / MOST_SLICES))
    count = max(1, math.floor(elapsed_s / length_s + 0.5))
    return np.append(np.arange(count) * float(length_s), elapsed_s)


def _statistics(times_ms: Floats) -> dict[str, float]:
    if not len(times_ms):
        return {}
    ascending_ms = np.sort(times_ms)
    return {
        "p50": stats.quantile_of_ascending(ascending_ms, 0.50),
        "p95": stats.quantile_of_ascending(ascending_ms, 0.95),
        "max": float(ascending_ms[-1]),
    }
