"""The verdict on one metric: a run beside the accepted runs of a baseline (see docs/methodology.md).

The unit of replication is the run, not the request: requests of one run share a machine and a moment.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.core import stats
from bench.core.baseline import MIN_RUNS, BaselineRun
from bench.core.metrics import Better, Part, metric
from bench.core.record import Record
from bench.core.sample import Outcome
from bench.core.scenario import Tolerance
from bench.core.summary import RunSummary

MARGIN_RATIO = 0.10  # a smaller change is not worth a red pull request
# Two families, so that many tiers do not cost what decides its power. Each is held by Holm's procedure.
ALPHA = 0.02  # chance of a false alarm on what decides
TIER_ALPHA = 0.01  # and on any tier
POWER = 0.80  # of which the smallest detectable change speaks
MDE_BUDGET_RATIO = 0.20  # a run that could only have seen more than this decides nothing
PRIOR_SD, PRIOR_DF = 0.06, 6  # between-run spread before any run was seen, on the log scale
INTERVAL = 0.90  # of the change that is shown
SUCCESS_ALPHA = 0.01
MIN_FAILED_BLOCKS = 2  # one bad moment of the machine is not a bad target
SUCCESS = "success_ratio"


class Verdict(StrEnum):
    """What is said of one metric."""

    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"
    MISSING = "missing"
    NEW = "new"


class MetricComparison(Record):
    """One metric of a run beside the baseline, in the metric's unit. What is not known is None.

    Attributes:
        key: The metric.
        verdict: What is said of it.
        part: What it may do to the decision.
        base: The baseline's typical value.
        head: The run's.
        change: head - base.
        change_ratio: The change as a share of the baseline's value.
        low_ratio: Lower end of the 90 % interval of the change.
        high_ratio: Upper end.
        p_value: Of being this much worse by chance, after Holm.
        mde_ratio: The smallest change that would have been seen in 4 of 5 runs.
        margin_ratio: The change that is tolerated.
    """

    key: str
    verdict: Verdict
    part: Part
    base: float | None = None
    head: float | None = None
    change: float | None = None
    change_ratio: float | None = None
    low_ratio: float | None = None
    high_ratio: float | None = None
    p_value: float | None = None
    mde_ratio: float | None = None
    margin_ratio: float | None = None


def judge_metrics(
    summary: RunSummary, runs: Sequence[BaselineRun], tolerances: Mapping[str, Tolerance]
) -> tuple[MetricComparison, ...]:
    """Judge success and every latency that is compared: what decides first, then the tiers.

    Args:
        summary: The run.
        runs: The comparable runs of the baseline, oldest first.
        tolerances: Margins that differ from the default, by metric.
    """
    head = {
        key: each.figures
        for key, each in summary.metrics.items()
        if each.figures and metric(key).part is not Part.INFORMS
    }
    base = {
        key: [run.figures[key] for run in runs if key in run.figures]
        for key in sorted({key for run in runs for key in run.figures})
    }
    shifts = {
        key: shift
        for key in head.keys() & base.keys()
        if (shift := _shift(key, head[key], base[key])) is not None
    }
    families = {part: {k: s for k, s in shifts.items() if metric(k).part is part} for part in Part}
    worse = _adjusted(families, lambda shift: shift.p_worse)
    better = _adjusted(families, lambda shift: shift.p_better)
    order = list(Part)
    judged = []
    for key in sorted(head.keys() | base.keys(), key=lambda key: (order.index(metric(key).part), key)):
        if key in shifts:
            tolerance = tolerances.get(key)
            margin_ratio = tolerance.margin_ratio if tolerance else MARGIN_RATIO
            tested = len(families[metric(key).part])
            judged.append(_judge(shifts[key], worse[key], better[key], tested, margin_ratio))
        else:
            judged.append(_unpaired(key, head.get(key), base.get(key, [])))
    return (_judge_success(summary, runs), *judged)


def _adjusted(
    families: Mapping[Part, Mapping[str, "_Shift"]], p_value: Callable[["_Shift"], float]
) -> dict[str, float]:
    """P values by metric, each adjusted for testing all of its family."""
    adjusted: dict[str, float] = {}
    for family in families.values():
        adjusted |= stats.holm({key: p_value(shift) for key, shift in family.items()})
    return adjusted


@dataclass(frozen=True, slots=True)
class _Shift:
    """How far a run lies from the baseline, on the started logarithm's scale; above zero is worse."""

    key: str
    base: float
    head: float
    distance: float
    standard_error: float
    df: int

    @property
    def p_worse(self) -> float:
        return stats.t_upper(self.distance / self.standard_error, self.df)

    @property
    def p_better(self) -> float:
        return stats.t_upper(-self.distance / self.standard_error, self.df)


def _shift(key: str, head: Mapping[str, float], base: Sequence[Mapping[str, float]]) -> _Shift | None:
    """The distance of a run, paired by prompt; None when too few runs share a prompt with it."""
    row = metric(key)
    start_ms = row.smallest_change
    usual = {
        prompt: stats.typical([run[prompt] for run in base if prompt in run], start_ms)
        for prompt in head
        if any(prompt in run for run in base)
    }
    paired = [run for run in base if run.keys() & usual.keys()]
    if len(paired) < MIN_RUNS:
        return None
    residuals = [stats.paired_change(run, usual, start_ms) for run in paired]
    spread, df = stats.shrunk_sd(residuals, PRIOR_SD, PRIOR_DF)
    distance = stats.paired_change(head, usual, start_ms)
    return _Shift(
        key=key,
        base=stats.typical(list(usual.values()), start_ms),
        head=stats.typical([head[prompt] for prompt in usual], start_ms),
        distance=distance if row.better is Better.LOWER else -distance,
        standard_error=spread * math.sqrt(1.0 + 1.0 / len(paired)),
        df=df,
    )


def _judge(
    shift: _Shift, p_worse: float, p_better: float, tested: int, margin_ratio: float
) -> MetricComparison:
    row = metric(shift.key)
    change = shift.head - shift.base
    alpha = ALPHA if row.part is Part.DECIDES else TIER_ALPHA
    mde = math.expm1(stats.smallest_detectable(shift.standard_error, shift.df, alpha / tested, POWER))
    # Back from the started scale: a ratio of (value + start) becomes a ratio of the value.
    stretch = (shift.base + row.smallest_change) / shift.base if shift.base > 0 else None
    margin = math.log1p(margin_ratio)
    matters = abs(change) >= row.smallest_change
    if matters and p_worse < alpha and shift.distance > margin:
        verdict = Verdict.REGRESSED
    elif matters and p_better < alpha and shift.distance < -margin:
        verdict = Verdict.IMPROVED
    elif mde > MDE_BUDGET_RATIO and mde * (shift.base + row.smallest_change) > row.smallest_change:
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.UNCHANGED
    sign = 1.0 if row.better is Better.LOWER else -1.0
    reach = shift.standard_error * stats.t_quantile((1.0 + INTERVAL) / 2.0, shift.df)
    ends = sorted(math.expm1(sign * (shift.distance + side * reach)) for side in (-1.0, 1.0))
    return MetricComparison(
        key=shift.key,
        verdict=verdict,
        part=row.part,
        base=shift.base,
        head=shift.head,
        change=change,
        change_ratio=change / shift.base if shift.base > 0 else None,
        low_ratio=ends[0] * stretch if stretch else None,
        high_ratio=ends[1] * stretch if stretch else None,
        p_value=p_worse,
        mde_ratio=mde * stretch if stretch else None,
        margin_ratio=margin_ratio,
    )


def _unpaired(
    key: str, head: Mapping[str, float] | None, base: Sequence[Mapping[str, float]]
) -> MetricComparison:
    """A metric that only one side has, or that too few runs of the baseline have."""
    row = metric(key)
    verdict = Verdict.INCONCLUSIVE
    if head is None:
        # What few runs had was never usual, so that it is gone means nothing.
        verdict = Verdict.MISSING if len(base) >= MIN_RUNS else Verdict.INCONCLUSIVE
    elif not base:
        verdict = Verdict.NEW
    start_ms = row.smallest_change
    figures = [value for run in base for value in run.values()]
    return MetricComparison(
        key=key,
        verdict=verdict,
        part=row.part,
        base=stats.typical(figures, start_ms) if figures else None,
        head=stats.typical(list(head.values()), start_ms) if head else None,
    )


def _judge_success(summary: RunSummary, runs: Sequence[BaselineRun]) -> MetricComparison:
    """Success is a count, so it is tested as one (Fisher's exact test against all runs of the baseline)."""
    ok = summary.outcomes.get(Outcome.OK, 0)
    failed = summary.requests - ok
    base_ok, base_failed = sum(run.ok for run in runs), sum(run.failed for run in runs)
    p_worse = stats.fisher_less(ok, failed, base_ok, base_failed)
    p_better = stats.fisher_less(base_ok, base_failed, ok, failed)
    verdict = Verdict.UNCHANGED
    if p_worse < SUCCESS_ALPHA and summary.failed_blocks >= MIN_FAILED_BLOCKS:
        verdict = Verdict.REGRESSED
    elif p_better < SUCCESS_ALPHA:
        verdict = Verdict.IMPROVED
    base, head = base_ok / (base_ok + base_failed), ok / summary.requests
    return MetricComparison(
        key=SUCCESS,
        verdict=verdict,
        part=metric(SUCCESS).part,
        base=base,
        head=head,
        change=head - base,
        p_value=p_worse,
    )
