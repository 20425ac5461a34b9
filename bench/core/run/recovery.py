"""Compare the latency of a target before and after a phase with many cancelled requests.

A server that continues to work for a client that has left makes other clients wait: the first requests after
the cancellations find its slots occupied.
"""

from collections.abc import Sequence
from typing import Literal

from bench.core.config.executors import ClosedLoop, OpenLoop, phases_around
from bench.core.limits.expression import upper_limit
from bench.core.limits.judge import ThresholdResult
from bench.core.samples.metrics import METRICS, RECOVERY
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values.observations import Estimate
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
    """Mean of the phase after; null without requests there."""
    ratio: Number | None
    """The latency after divided by the latency before."""
    lower_bound: bool = False
    """Whether the latency after is longer, because requests were ended while they waited."""


def recovery(samples: Samples, phases: Sequence[ClosedLoop | OpenLoop]) -> Recovery | None:
    """Return the recovery; `None` if no phase with cancellations is between phases without."""
    around = phases_around(phases)
    if around is None:
        return None
    before, cancelling, after = (samples.where(samples.column("phase") == index) for index in around)
    for key in _COMPARED:
        mean_before = _mean(key, before)
        mean_after = _mean(key, after)
        if mean_before is not None:
            return Recovery(
                metric=key,
                cancelled=int(cancelling.has_outcome(Outcome.CANCELLED).sum()),
                before_ms=mean_before.value,
                after_ms=None if mean_after is None else mean_after.value,
                ratio=None if mean_after is None else mean_after.value / mean_before.value,
                lower_bound=mean_after is not None and mean_after.is_lower_bound,
            )
    return None


def judge_recovery(measured: Recovery | None, limit: float | None) -> tuple[ThresholdResult, ...]:
    """Judge the scenario's limit of the ratio, if it has one. No data and a lower bound cross the limit."""
    if limit is None:
        return ()
    ratio = None if measured is None else measured.ratio
    is_bound = measured is not None and measured.lower_bound
    expression = upper_limit("value", limit)
    crossed = ratio is None or is_bound or not expression.holds(ratio)
    return (
        ThresholdResult(
            metric=RECOVERY, expression=expression, value=ratio, lower_bound=is_bound, crossed=crossed
        ),
    )


def _mean(key: ComparedMetric, samples: Samples) -> Estimate | None:
    observed, _ = METRICS[key].observe(samples)
    return observed.mean() if len(observed) else None
