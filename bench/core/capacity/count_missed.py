"""Count the requests of a trial that missed its objectives, while it runs and after its end."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.core.capacity.load_objective import LoadObjective
from bench.core.capacity.load_trial import SLOW_SHARE, ObjectiveCounts, TrialBlock
from bench.core.samples.arrays import Floats, Mask
from bench.core.samples.coverage import Coverage
from bench.core.samples.metrics import SUCCESS_RATIO, metric
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.values.stats import quantile_interval
from bench.core.values.units import ms

BLOCK_S = 1.0
"""Length of the blocks by which the dependence of neighbouring requests is estimated."""
_RESPONSE_TIME = "e2e_ms"
_CONFIDENCE = 0.9
"""Confidence of the interval of a time."""


class TrialRequests(NamedTuple):
    """The requests of a trial until a moment."""

    samples: Samples
    """The requests that ended, to the target of the objectives."""
    begin_s: float
    """End of the warm-up: earlier requests do not count."""
    end_s: float
    """Until this time, requests were planned; of a trial in progress, the current time."""
    waits_s: Sequence[float] = ()
    """Planned times of the requests that have not ended."""


def count_missed(
    objectives: Sequence[LoadObjective], requests: TrialRequests, coverage: Coverage
) -> tuple[ObjectiveCounts, ...]:
    """Return the counts by objective.

    A block is complete when each of its requests has ended or waits for longer than the limit. Later blocks
    are left out: the fast requests in them end first.
    """
    return tuple(_count(objective, requests, coverage) for objective in objectives)


def _count(objective: LoadObjective, requests: TrialRequests, coverage: Coverage) -> ObjectiveCounts:
    key = next(iter(objective.limits_ms), SUCCESS_RATIO)
    samples = coverage.select(requests.samples, key)
    missed, counted = _judge(objective, samples)
    planned_s = samples.column("scheduled_s")
    waits_s = np.asarray(requests.waits_s, dtype=np.float64)
    late = _are_late(objective, requests.end_s - waits_s)
    certain_s = min([requests.end_s, *waits_s[~late]])
    blocks = int(max(0.0, certain_s - requests.begin_s) / BLOCK_S)
    of_late = _fill(waits_s[late], requests.begin_s, blocks)
    total = _fill(planned_s[counted], requests.begin_s, blocks) + of_late
    of_missed = _fill(planned_s[counted & missed], requests.begin_s, blocks) + of_late
    is_slow = _exceeds(objective, samples, SLOW_SHARE)
    of_slow = _fill(planned_s[counted & is_slow], requests.begin_s, blocks) + of_late
    return ObjectiveCounts(
        objective=objective.words,
        allowed_ratio=objective.allowed_ratio,
        blocks=tuple(map(TrialBlock, total.tolist(), of_missed.tolist())),
        slow=int(of_slow.sum()) if objective.limits_ms else None,
        limit_ms=objective.limit_ms,
        **_describe_time(objective, samples.where(planned_s >= requests.begin_s)),
    )


def _judge(objective: LoadObjective, samples: Samples) -> tuple[Mask, Mask]:
    """Return which requests missed an objective, and for which of them this is certain."""
    missed = _exceeds(objective, samples, 1.0)
    waited_ms = ms(samples.column("finished_s") - samples.column("scheduled_s"))
    is_late = np.zeros(len(samples), dtype=bool)
    for key, limit_ms in objective.limits_ms.items():
        times_ms = metric(key).values(samples)
        is_late |= (times_ms > limit_ms) | (np.isnan(times_ms) & (waited_ms > limit_ms))
    is_open = samples.has_outcome(Outcome.CUT_OFF) & ~is_late
    is_excluded = samples.has_outcome(Outcome.CANCELLED) | samples.has_outcome(Outcome.NOT_SENT)
    return missed, ~(is_excluded | is_open)


def _exceeds(objective: LoadObjective, samples: Samples, share: float) -> Mask:
    """Return which requests failed, or took longer than a share of a limit."""
    exceeds = ~samples.has_outcome(Outcome.OK)
    for key, limit_ms in objective.limits_ms.items():
        # A request without a value is within the limit.
        exceeds |= metric(key).values(samples) > share * limit_ms
    return exceeds


def _are_late(objective: LoadObjective, waits_s: Floats) -> Mask:
    """Return which requests that wait for so long have missed the objective already.

    Only the response time says this of a request without a response.
    """
    limit_ms = objective.limits_ms.get(_RESPONSE_TIME)
    return np.zeros(len(waits_s), dtype=bool) if limit_ms is None else ms(waits_s) > limit_ms


def _fill(moments_s: Floats, begin_s: float, blocks: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return the number of moments in each block."""
    numbers = np.floor((moments_s - begin_s) / BLOCK_S).astype(np.int64)
    return np.bincount(numbers[(numbers >= 0) & (numbers < blocks)], minlength=blocks)


def _describe_time(objective: LoadObjective, samples: Samples) -> dict[str, float | None]:
    """Return the fields of the quantile that an objective limits."""
    if objective.limit_ms is None or not len(samples):
        return {}
    observed, _ = metric(next(iter(objective.limits_ms))).observe(samples)
    share = 1.0 - objective.allowed_ratio
    estimate = observed.quantile(share)
    if estimate is None:
        return {}
    low_ms, high_ms = quantile_interval(observed.values, share, _CONFIDENCE)
    return {"time_ms": estimate.value, "low_ms": low_ms, "high_ms": high_ms}
