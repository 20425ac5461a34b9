"""Compare the latency of a target before and after a phase with many cancelled requests.

A server that continues to work for a client that has left makes other clients wait: the first requests after
the cancellations find its slots occupied.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bench.core.config.executors import ClosedLoop, OpenLoop, phases_around
from bench.core.limits.expression import upper_limit
from bench.core.limits.judge import ThresholdResult
from bench.core.samples.metrics import METRICS, RECOVERY
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values.record import Count, Number, Record

# The time to first token is compared if responses are streamed, else the response time.
ComparedMetric = Literal["ttft_ms", "e2e_ms"]
_COMPARED: tuple[ComparedMetric, ...] = ("ttft_ms", "e2e_ms")


class Recovery(Record):
    """The latency before and after a phase with cancelled requests, in milliseconds."""

    metric: ComparedMetric
    """The compared metric: time to first token of streamed responses, else response time."""
    cancelled: Count
    """Number of requests that were cancelled in between."""
    before_ms: Number
    """Mean of the phase before."""
    after_ms: Number | None
    """Mean of the phase after; null without successful requests there."""
    ratio: Number | None
    """The latency after divided by the latency before."""


def recovery(samples: Samples, phases: Sequence[ClosedLoop | OpenLoop]) -> Recovery | None:
    """Return the recovery; `None` if no phase with cancellations is between phases without."""
    around = phases_around(phases)
    if around is None:
        return None
    before, cancelling, after = (samples.where(samples.column("phase") == index) for index in around)
    for key in _COMPARED:
        before_ms = _mean_ms(key, before)
        after_ms = _mean_ms(key, after)
        if before_ms is not None:
            return Recovery(
                metric=key,
                cancelled=int(cancelling.has_outcome(Outcome.CANCELLED).sum()),
                before_ms=before_ms,
                after_ms=after_ms,
                ratio=None if after_ms is None else after_ms / before_ms,
            )
    return None


def judge_recovery(measured: Recovery | None, limit: float | None) -> tuple[ThresholdResult, ...]:
    """Judge the scenario's limit of the ratio, if it has one. A ratio without data crosses the limit."""
    if limit is None:
        return ()
    ratio = None if measured is None else measured.ratio
    expression = upper_limit("value", limit)
    crossed = ratio is None or not expression.holds(ratio)
    return (ThresholdResult(metric=RECOVERY, expression=expression, value=ratio, crossed=crossed),)


def _mean_ms(key: ComparedMetric, samples: Samples) -> float | None:
    values_ms = METRICS[key].values(samples)
    present_ms = values_ms[~np.isnan(values_ms)]
    return float(present_ms.mean()) if len(present_ms) else None
