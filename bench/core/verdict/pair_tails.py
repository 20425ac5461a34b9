"""Estimate the change of a 95th percentile in pairs of runs."""

import math
from collections.abc import Sequence

import numpy as np

from bench.core.run.tails import Tail
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.verdict.change import ChangeEstimate
from bench.core.verdict.pairs import PAIR_PRIOR_DF, PAIR_PRIOR_SD, PairedChange
from bench.core.verdict.stopping import MIN_PAIRS
from bench.core.verdict.tails import (
    changes_of_pairs,
    compare_tails,
    count_tails,
    explain_too_few,
    spread_of_pairs,
)


def estimate_tail(
    key: str, base: Sequence[Tail | None], head: Sequence[Tail | None]
) -> PairedChange | str | None:
    """Return the change of a 95th percentile, or why there are too few requests.

    The prior variance is the error of the percentiles of few requests and the prior of a pair together.

    Args:
        key: Key of the 95th percentile.
        base: The longest durations of each base run; `None` if a run has none.
        head: The same of the head.

    Returns:
        None if too few pairs have durations on both sides.
    """
    base_runs: list[Tail] = []
    head_runs: list[Tail] = []
    for base_run, head_run in zip(base, head, strict=True):
        if base_run is not None and head_run is not None:
            base_runs.append(base_run)
            head_runs.append(head_run)
    count = len(base_runs)
    if count < MIN_PAIRS:
        return None
    base_tails = count_tails(base_runs)
    head_tails = count_tails(head_runs)
    too_few = explain_too_few(base_tails, head_tails)
    if too_few is not None:
        return too_few
    start_ms = metric(key).resolution
    change = compare_tails(base_tails, head_tails, start_ms)
    spread = spread_of_pairs(base_tails, head_tails, start_ms)
    prior_variance = change.chance + PAIR_PRIOR_SD**2 / count
    variance, df = stats.moderate(spread, count - 1, prior_variance, PAIR_PRIOR_DF)
    upper_prior = change.upper_chance + PAIR_PRIOR_SD**2 / count
    upper_variance, _ = stats.moderate(spread, count - 1, upper_prior, PAIR_PRIOR_DF)
    estimate = ChangeEstimate(
        key=key,
        base=change.base,
        head=change.head,
        log_change=change.log_change,
        standard_error=math.sqrt(variance),
        upper_error=math.sqrt(upper_variance),
        df=df,
        agreed=float(np.median(changes_of_pairs(base_tails, head_tails, start_ms))),
    )
    return PairedChange(estimate, count)
