"""What a target takes longer than the one beside it: the same message to both, one after the other."""

from typing import Any

import numpy as np

from bench.core.samples.metrics import METRICS
from bench.core.samples.samples import Samples
from bench.core.values import stats
from bench.core.values.record import Count, Number, Record

ARMS = 2
CONFIDENCE = 0.90


class Overhead(Record):
    """The difference of service times, target less beside, in milliseconds.

    Attributes:
        compare_with: The target it is compared with.
        pairs: Messages that both answered.
        mean_ms: Mean difference.
        low_ms: Lower end of its 90 % interval; None for a single pair.
        high_ms: Upper end.
        ratio: Share of the mean service time beside.
    """

    compare_with: str
    pairs: Count
    mean_ms: Number
    low_ms: Number | None
    high_ms: Number | None
    ratio: Number | None


def overhead(samples: Samples, compare_with: str) -> Overhead | None:
    """The overhead over all messages that both targets answered; None when there is none."""
    service_ms = METRICS["service_ms"].values(samples)
    message = np.stack([samples.column("phase"), samples.column("vu"), samples.column("iteration") // ARMS])
    times_ms: list[dict[Any, float]] = []
    for arm in range(ARMS):
        mine = (samples.column("arm") == arm) & ~np.isnan(service_ms)
        times_ms.append(dict(zip(map(tuple, message[:, mine].T), service_ms[mine], strict=True)))
    target_ms, beside_ms = times_ms
    pairs = sorted(target_ms.keys() & beside_ms.keys())
    if not pairs:
        return None
    differences = [target_ms[pair] - beside_ms[pair] for pair in pairs]
    mean_ms, low_ms, high_ms = stats.mean_interval(differences, CONFIDENCE)
    usual_ms = float(np.mean([beside_ms[pair] for pair in pairs]))
    return Overhead(
        compare_with=compare_with,
        pairs=len(pairs),
        mean_ms=mean_ms,
        low_ms=low_ms,
        high_ms=high_ms,
        ratio=mean_ms / usual_ms if usual_ms > 0 else None,
    )


def of_the_target(samples: Samples) -> Samples:
    """The requests to the scenario's own target only."""
    return samples.where(samples.column("arm") == 0)
