"""Whether a target is as quick after many requests were cancelled as it was before them.

A server that goes on answering somebody who has left keeps others waiting: the first requests after the
cancellations find their slots taken.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from bench.core.config.executors import ClosedLoop, OpenLoop, phases_around
from bench.core.limits.expression import upper_limit
from bench.core.limits.judge import ThresholdResult
from bench.core.samples.arrays import Floats
from bench.core.samples.metrics import METRICS, RECOVERY
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values.record import Count, Number, Record

# Where answers are streamed, the first token is what was waited for.
Waited = Literal["ttft_ms", "e2e_ms"]
_WAITS: tuple[Waited, ...] = ("ttft_ms", "e2e_ms")


class Recovery(Record):
    """Waiting before and after a stage whose users gave up, in milliseconds.

    Attributes:
        metric: What was compared: time to first token where answers are streamed, else response time.
        cancelled: Requests that were given up in between.
        before_ms: Mean of the stage before.
        after_ms: Mean of the stage after; None when nothing was answered there.
        ratio: After in terms of before.
    """

    metric: Waited
    cancelled: Count
    before_ms: Number
    after_ms: Number | None
    ratio: Number | None


def recovery(samples: Samples, phases: Sequence[ClosedLoop | OpenLoop]) -> Recovery | None:
    """What cancellations left behind; None when there were none between stages without."""
    around = phases_around(phases)
    if around is None:
        return None
    before, between, after = (samples.where(samples.column("phase") == index) for index in around)
    for key in _WAITS:
        before_ms, after_ms = (_mean(METRICS[key].values(each)) for each in (before, after))
        if before_ms is not None:
            return Recovery(
                metric=key,
                cancelled=int(between.has_outcome(Outcome.CANCELLED).sum()),
                before_ms=before_ms,
                after_ms=after_ms,
                ratio=None if after_ms is None else after_ms / before_ms,
            )
    return None


def judge_recovery(found: Recovery | None, limit: float | None) -> tuple[ThresholdResult, ...]:
    """The scenario's limit on the ratio, judged; nothing when it has none. No data crosses it."""
    if limit is None:
        return ()
    expression = upper_limit("value", limit)
    ratio = None if found is None else found.ratio
    crossed = ratio is None or not expression.holds(ratio)
    return (ThresholdResult(metric=RECOVERY, expression=expression, value=ratio, crossed=crossed),)


def _mean(values_ms: Floats) -> float | None:
    known = values_ms[~np.isnan(values_ms)]
    return float(known.mean()) if len(known) else None
