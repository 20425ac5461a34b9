"""The overhead of a target over another one: both get the same message, one after the other."""

from typing import Any

import numpy as np

from bench.core.samples.cost_metrics import OVERHEADS
from bench.core.samples.metrics import METRICS
from bench.core.samples.samples import Samples
from bench.core.values import stats
from bench.core.values.record import Count, Number, Record

ARMS = 2
CONFIDENCE = 0.90


class Overhead(Record):
    """The difference of service times, target minus compared target, in milliseconds."""

    compare_with: str
    """Name of the compared target."""
    pairs: Count
    """Number of messages that both targets answered."""
    mean_ms: Number
    """Mean difference."""
    low_ms: Number | None
    """Lower end of its 90 % interval; null for a single pair."""
    high_ms: Number | None
    """Upper end of the interval."""
    ratio: Number | None
    """The difference as a share of the compared target's mean service time."""


class OverheadDifference(Record):
    """The difference of one metric, target minus compared target, in milliseconds."""

    pairs: Count
    """Number of messages for which both targets have a value."""
    median: Number
    """Median difference of a message."""
    compared: Number
    """Median of the compared target."""


def overhead(samples: Samples, compare_with: str) -> Overhead | None:
    """Return the overhead over all messages that both targets answered; `None` without such a message."""
    target_ms = _times_by_message(samples, 0)
    compared_ms = _times_by_message(samples, 1)
    messages = sorted(target_ms.keys() & compared_ms.keys())
    if not messages:
        return None
    differences_ms: list[float] = []
    compared_times_ms: list[float] = []
    for message in messages:
        differences_ms.append(target_ms[message] - compared_ms[message])
        compared_times_ms.append(compared_ms[message])
    mean_ms, low_ms, high_ms = stats.mean_interval(differences_ms, CONFIDENCE)
    compared_mean_ms = float(np.mean(compared_times_ms))
    return Overhead(
        compare_with=compare_with,
        pairs=len(messages),
        mean_ms=mean_ms,
        low_ms=low_ms,
        high_ms=high_ms,
        ratio=mean_ms / compared_mean_ms if compared_mean_ms > 0 else None,
    )


def overheads(samples: Samples) -> dict[str, OverheadDifference]:
    """Return the overhead of each metric that both targets have, over the messages that both answered.

    The median is that of a typical message: a single pause of a target changes it little.
    """
    differences: dict[str, OverheadDifference] = {}
    for key in OVERHEADS:
        target_ms = _times_by_message(samples, 0, key)
        compared_ms = _times_by_message(samples, 1, key)
        messages = sorted(target_ms.keys() & compared_ms.keys())
        if messages:
            of_target = np.array([*map(target_ms.__getitem__, messages)])
            of_compared = np.array([*map(compared_ms.__getitem__, messages)])
            differences[key] = OverheadDifference(
                pairs=len(messages),
                median=float(np.median(of_target - of_compared)),
                compared=float(np.median(of_compared)),
            )
    return differences


def select_target(samples: Samples) -> Samples:
    """Return the requests to the scenario's own target."""
    return samples.where(samples.column("arm") == 0)


def _times_by_message(samples: Samples, arm: int, key: str = "service_ms") -> dict[Any, float]:
    """Return the times of one target, by the message's phase, VU and iteration."""
    times_ms = METRICS[key].values(samples)
    messages = np.stack([samples.column("phase"), samples.column("vu"), samples.column("iteration") // ARMS])
    answered = (samples.column("arm") == arm) & ~np.isnan(times_ms)
    return dict(zip(map(tuple, messages[:, answered].T), times_ms[answered], strict=True))
