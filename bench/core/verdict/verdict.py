"""The verdict on one metric: a run beside the accepted runs of a baseline (see docs/methodology.md).

The unit of replication is the run, not the request: requests of one run share a machine and a moment.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from bench.core.calibration.machine import Machine
from bench.core.config.scenario import Tolerance
from bench.core.run.figures import figures_of
from bench.core.run.summary import RunSummary
from bench.core.samples.metric import Better, Part
from bench.core.samples.metrics import metric, metric_of_tail
from bench.core.values import stats
from bench.core.values.record import Record
from bench.core.verdict.baseline import MIN_RUNS, BaselineRun
from bench.core.verdict.noise import Noise
from bench.core.verdict.shift import Shift, from_baseline

MARGIN_RATIO = 0.10  # a smaller change is not worth a red pull request
# Three families, so that many tiers do not cost what decides its power. Each is held by Holm's procedure.
ALPHA = 0.02  # chance of a false alarm on what decides
TIER_ALPHA = 0.01  # and on any tier
TAIL_ALPHA = 0.01  # and on any 95th percentile
ALPHAS = {Part.DECIDES: ALPHA, Part.TAILS: TAIL_ALPHA, Part.LOCATES: TIER_ALPHA}
POWER = 0.80  # of which the smallest detectable change speaks
MDE_BUDGET_RATIO = 0.20  # a run that could only have seen more than this decides nothing
# What looks slower like that is measured once more, and both runs must agree on half the margin.
SCREEN_ALPHA, SCREEN_RATIO, AGREED_SHARE = 0.05, 0.05, 0.5
INTERVAL = 0.90  # of the change that is shown


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
        machine_ratio: What the control puts down to the machine; the change is what is left.
        suspect: It looks worse, be it by chance: worth another run.
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
    machine_ratio: float | None = None
    suspect: bool = False

    @property
    def regressed(self) -> bool:
        """Whether it is worse than can be tolerated or put down to chance."""
        return self.verdict is Verdict.REGRESSED

    @property
    def gates(self) -> bool:
        """Whether its verdict may decide; what only explains may not."""
        return self.part is not Part.EXPLAINS


def judge_metrics(
    heads: Sequence[RunSummary],
    runs: Sequence[BaselineRun],
    tolerances: Mapping[str, Tolerance],
    noise: Noise | None = None,
    machine: Machine | None = None,
) -> tuple[MetricComparison, ...]:
    """Judge every latency that is compared: what decides first, then its percentiles and the tiers.

    Args:
        heads: The run, and its repetition if there is one.
        runs: The comparable runs of the baseline, oldest first.
        tolerances: Margins that differ from the default, by metric.
        noise: What is known of runs of the same; None for the usual priors.
        machine: How fast the machines were; None when that is not known.
    """
    figures = [figures_of(summary) for summary in heads]
    shifts: dict[str, Shift] = {}
    unpaired: dict[str, MetricComparison] = {}
    for key in {key for each in (*figures, *(run.figures for run in runs)) for key in each}:
        head, base = [each.get(key, {}) for each in figures], [run.figures.get(key, {}) for run in runs]
        shift = from_baseline(key, head, base, noise.prior(key) if noise else None, machine)
        if shift is not None:
            shifts[key] = shift
        else:
            unpaired[key] = _unpaired(key, head[-1] or head[0], [run for run in base if run])
    judged = judge_shifts(shifts, tolerances, MARGIN_RATIO, moved=machine is not None and machine.moved)
    return in_order({**judged, **unpaired})


def in_order(judged: Mapping[str, MetricComparison]) -> tuple[MetricComparison, ...]:
    """What decides first, then its percentiles and the tiers."""
    order = list(Part)
    return tuple(judged[key] for key in sorted(judged, key=lambda key: (order.index(metric(key).part), key)))


def judge_shifts(
    shifts: Mapping[str, Shift],
    tolerances: Mapping[str, Tolerance],
    usual_margin_ratio: float,
    *,
    moved: bool = False,
) -> dict[str, MetricComparison]:
    """Judge distances by metric, each family by Holm's procedure.

    Args:
        shifts: By metric.
        tolerances: Margins that differ from the usual one, by metric.
        usual_margin_ratio: For the others.
        moved: The machine is another one: what it may explain in full is not put down to the version.
    """
    families = {part: {k: s for k, s in shifts.items() if metric(k).part is part} for part in Part}
    worse = _adjusted(families, lambda shift: shift.p_worse)
    better = _adjusted(families, lambda shift: shift.p_better)
    judged = {}
    for key, shift in shifts.items():
        tolerance = tolerances.get(key) or tolerances.get(metric_of_tail(key) or key)
        margin_ratio = tolerance.margin_ratio if tolerance else usual_margin_ratio
        each = _judge(shift, worse[key], better[key], len(families[metric(key).part]), margin_ratio)
        if moved and abs(shift.beyond_the_machine) <= math.log1p(margin_ratio):
            each = _unless_the_machine(each)
        judged[key] = each
    return judged


def _unless_the_machine(judged: MetricComparison) -> MetricComparison:
    """What a machine that is another one may explain is no change of the version's."""
    if judged.verdict not in {Verdict.REGRESSED, Verdict.IMPROVED}:
        return judged
    return judged.model_copy(update={"verdict": Verdict.INCONCLUSIVE})


def _adjusted(
    families: Mapping[Part, Mapping[str, "Shift"]], p_value: Callable[["Shift"], float]
) -> dict[str, float]:
    """P values by metric, each adjusted for testing all of its family."""
    adjusted: dict[str, float] = {}
    for family in families.values():
        adjusted |= stats.holm({key: p_value(shift) for key, shift in family.items()})
    return adjusted


def _judge(
    shift: Shift, p_worse: float, p_better: float, tested: int, margin_ratio: float
) -> MetricComparison:
    row = metric(shift.key)
    start = row.smallest_change
    sign = 1.0 if row.better is Better.LOWER else -1.0
    change = (shift.head + start) * math.exp(-sign * shift.machine) - start - shift.base
    alpha = ALPHAS.get(row.part, TIER_ALPHA)
    mde = math.expm1(stats.smallest_detectable(shift.standard_error, shift.df, alpha / tested, POWER))
    # Back from the started scale: a ratio of (value + start) becomes a ratio of the value.
    stretch = (shift.base + start) / shift.base if shift.base > 0 else None
    margin = math.log1p(margin_ratio)
    matters = abs(change) >= start
    agreed = abs(shift.smallest) > AGREED_SHARE * margin
    if matters and agreed and p_worse < alpha and shift.distance > margin:
        verdict = Verdict.REGRESSED
    elif matters and agreed and p_better < alpha and shift.distance < -margin:
        verdict = Verdict.IMPROVED
    elif mde > MDE_BUDGET_RATIO and mde * (shift.base + start) > start:
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.UNCHANGED
    slower = shift.p_worse < SCREEN_ALPHA and shift.distance > math.log1p(SCREEN_RATIO)
    suspect = matters and slower and row.part is Part.DECIDES
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
        machine_ratio=math.expm1(sign * shift.machine) if shift.machine else None,
        suspect=suspect or verdict is Verdict.REGRESSED,
    )


def _unpaired(key: str, head: Mapping[str, float], base: Sequence[Mapping[str, float]]) -> MetricComparison:
    """A metric that only one side has, or that too few runs of the baseline have."""
    row = metric(key)
    verdict = Verdict.INCONCLUSIVE
    if not head:
        # What few runs had was never usual, so that it is gone means nothing; and a percentile is not gone
        # when some of so many requests failed: that is for success to say.
        usual = len(base) >= MIN_RUNS and row.part is not Part.TAILS
        verdict = Verdict.MISSING if usual else Verdict.INCONCLUSIVE
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
