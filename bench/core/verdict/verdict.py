"""The verdict on one metric of a run, compared with the accepted runs of its baseline.

The method is described in docs/explanation/methodology.md.
The statistical unit is the run, not the request: requests of one run share a machine and a time of day.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.core.limits.tolerance import Tolerance, Tolerated, tolerance_of
from bench.core.samples.metric import Metric, Part
from bench.core.samples.metrics import metric
from bench.core.values import stats, wording
from bench.core.values.record import Record
from bench.core.verdict.shift import Figures, Shift, worse_sign

MARGIN_RATIO = 0.10  # the default tolerance: a smaller change does not fail a pull request
# Metrics are tested in four families, each with Holm's procedure, so that many tiers do not cost the
# deciding metrics their power. These are the false-alarm rates of the families.
ALPHA = 0.02  # deciding metrics
TIER_ALPHA = 0.01  # tiers
TAIL_ALPHA = 0.01  # 95th percentiles
STEP_ALPHA = 0.01  # steps of a journey
ALPHAS = {
    Part.DECIDES: ALPHA,
    Part.TAILS: TAIL_ALPHA,
    Part.LOCATES: TIER_ALPHA,
    Part.STEPS: STEP_ALPHA,
}
POWER = 0.80  # power of the test at the smallest detectable change
DETECTABLE_BUDGET = 0.20  # a larger smallest detectable change is inconclusive
# A deciding metric is suspect above this change and below this p value; `bench check` then measures again.
SCREEN_ALPHA = 0.05
SCREEN_RATIO = 0.05
AGREED_SHARE = 0.5  # each of the two runs must exceed this share of the margin
INTERVAL = 0.90  # confidence of the interval of a change in reports
_ZERO = 1e-6  # a smaller base counts as 0: a ratio to it is unknown


class Verdict(StrEnum):
    """The result of comparing one metric."""

    BETTER = "better"
    """The change is for the better, and not by chance."""
    UNCHANGED = "no_change"
    """A change that matters would have been seen."""
    WITHIN_TOLERANCE = "within_tolerance"
    """The change is for the worse and not by chance, but within the tolerance."""
    INCONCLUSIVE = "inconclusive"
    """The data are too noisy for an answer; people read "cannot tell"."""
    WORSE = "worse"
    """The change is for the worse, not by chance, and exceeds the tolerance."""
    MISSING = "missing"
    """The base has the metric, and the head does not."""
    NEW = "new"
    """The head has the metric, and the base does not."""


class MetricComparison(Record):
    """One metric of a run compared with the baseline, in the metric's unit. An unknown value is null."""

    key: str
    """Key of the metric."""
    verdict: Verdict
    """The result of the comparison."""
    part: Part
    """The influence of the metric on the decision."""
    base: float | None = None
    """Typical value of the baseline."""
    head: float | None = None
    """Typical value of the run."""
    change: float | None = None
    """Head minus base, without the effect of the machine."""
    change_ratio: float | None = None
    """The change as a share of the base."""
    low_ratio: float | None = None
    """Lower end of the interval of the change."""
    high_ratio: float | None = None
    """Upper end of the interval."""
    confidence: float | None = None
    """Confidence of the interval: that of the metric's own test, so the two always agree."""
    p_value: float | None = None
    """P value of a change for the worse, adjusted by Holm's procedure."""
    detectable_ratio: float | None = None
    """Smallest change that the test detects in four of five runs."""
    margin_ratio: float | None = None
    """The tolerated change, as a share of the base."""
    base_mean: float | None = None
    """Mean of the base's requests; null if it is unknown."""
    head_mean: float | None = None
    """Mean of the head's requests."""
    base_p50: float | None = None
    """Median of the base's requests; null if it is unknown."""
    head_p50: float | None = None
    """Median of the head's requests."""
    machine_ratio: float | None = None
    """The effect of the machine, which is not part of the change; null without a correction."""
    base_bound: bool = False
    """The base is a lower bound: in many of its runs, requests were ended while they waited."""
    head_bound: bool = False
    """The head is a lower bound: requests of the run were ended while they waited."""
    doubt: str | None = None
    """Why a significant change is inconclusive; null if lower bounds do not matter."""
    base_requests: int | None = None
    """Number of requests of which the base is a share; null for latencies."""
    head_requests: int | None = None
    """Number of requests of which the head is a share; null for latencies."""
    suspect: bool = False
    """The metric looks worse; a second run can confirm it."""
    settled: bool = True
    """More pairs of runs would not change the verdict; always true against a baseline."""

    @property
    def regressed(self) -> bool:
        """Whether the metric is worse than tolerated, and not by chance."""
        return self.verdict is Verdict.WORSE

    @property
    def gates(self) -> bool:
        """Whether the metric can fail the run."""
        return self.part is not Part.EXPLAINS

    @property
    def base_text(self) -> str:
        """The base for people, such as `640 ms` or `93.3 % of 150 requests`."""
        return self._text(self.base, self.base_requests, lower_bound=self.base_bound)

    @property
    def head_text(self) -> str:
        """The head for people, such as `> 33.6 s`."""
        return self._text(self.head, self.head_requests, lower_bound=self.head_bound)

    def _text(self, value: float | None, requests: int | None, *, lower_bound: bool) -> str:
        if requests is not None:
            return wording.share(value, requests)
        return wording.value(value, metric(self.key).unit, lower_bound=lower_bound)


def regressions(comparisons: Sequence[MetricComparison]) -> tuple[MetricComparison, ...]:
    """Return the metrics that regressed."""
    return tuple(row for row in comparisons if row.regressed)


def sort_by_part(judged: Mapping[str, MetricComparison]) -> tuple[MetricComparison, ...]:
    """Sort by part (deciding metrics, then their percentiles and the tiers) and key."""
    order = list(Part)
    keys = sorted(judged, key=lambda key: (order.index(metric(key).part), key))
    return tuple(map(judged.__getitem__, keys))


def values_by_run(key: str, runs: Sequence[Mapping[str, Figures]]) -> list[Figures]:
    """Return the values of one metric in each run; empty values if a run does not have it."""
    return [figures.get(key, {}) for figures in runs]


def judge_shifts(
    shifts: Mapping[str, Shift],
    tolerances: Mapping[str, Tolerance],
    default_margin_ratio: float,
    *,
    environment_shift: bool = False,
) -> dict[str, MetricComparison]:
    """Judge shifts by metric, each family with Holm's procedure (Holm, 1979).

    Args:
        shifts: Shifts by metric.
        tolerances: Margins that differ from the default, by metric.
        default_margin_ratio: Margin of all other metrics.
        environment_shift: The machine differs from the baseline's machines. A change that a metric with slope
            1 would not have is then inconclusive.
    """
    families: dict[Part, list[Shift]] = {}
    for key, shift in shifts.items():
        families.setdefault(metric(key).part, []).append(shift)
    judged: dict[str, MetricComparison] = {}
    for family in families.values():
        p_worse = stats.holm({shift.key: shift.p_worse for shift in family})
        p_better = stats.holm({shift.key: shift.p_better for shift in family})
        for shift in family:
            key = shift.key
            tolerance = tolerance_of(key, tolerances, default_margin_ratio)
            margin_ratio = tolerance.ratio
            comparison = _compare(_Test(shift, p_worse[key], p_better[key], len(family), tolerance))
            if environment_shift and abs(shift.distance_at_full_slope) <= math.log1p(margin_ratio):
                comparison = _make_inconclusive(comparison)
            judged[key] = comparison
    return judged


def _make_inconclusive(judged: MetricComparison) -> MetricComparison:
    """A regression or an improvement that the machine can explain is inconclusive."""
    if judged.verdict not in {Verdict.WORSE, Verdict.BETTER}:
        return judged
    return judged.model_copy(update={"verdict": Verdict.INCONCLUSIVE})


@dataclass(frozen=True, slots=True)
class _Test:
    """The test of one shift in its family.

    A difference d of started logarithms is the ratio exp(d) - 1 of (value + start), where start is the
    smallest change that matters. In ratios of the value itself this is larger by the factor (base + start) /
    base.
    """

    shift: Shift
    p_worse: float
    """P value of a change for the worse, adjusted."""
    p_better: float
    """P value of a change for the better, adjusted."""
    tested: int
    """Number of metrics in the family."""
    tolerance: Tolerated
    """The tolerated change."""

    @property
    def row(self) -> Metric:
        """The metric."""
        return metric(self.shift.key)

    @property
    def sign(self) -> float:
        """1 if lower values are better, else -1."""
        return worse_sign(self.shift.key)

    @property
    def alpha(self) -> float:
        """False-alarm rate of the family."""
        return ALPHAS.get(self.row.part, TIER_ALPHA)

    @property
    def change(self) -> float:
        """Head minus base without the effect of the machine, in the metric's unit."""
        start = self.row.resolution
        corrected_head = (self.shift.head + start) * math.exp(-self.sign * self.shift.machine_effect) - start
        return corrected_head - self.shift.base

    @property
    def started_detectable_ratio(self) -> float:
        """Smallest detectable change of (value + start), at the strictest level of Holm's procedure."""
        shift = self.shift
        log_change = stats.smallest_detectable(
            shift.standard_error, shift.df, self.alpha / self.tested, POWER
        )
        return math.expm1(log_change)

    @property
    def started_interval(self) -> tuple[float, float]:
        """Interval of the change of (value + start): distance ± error times the quantile of Student's t."""
        reach = self.shift.standard_error * stats.t_quantile((1.0 + INTERVAL) / 2.0, self.shift.df)
        one_end = math.expm1(self.sign * (self.shift.distance - reach))
        other_end = math.expm1(self.sign * (self.shift.distance + reach))
        return min(one_end, other_end), max(one_end, other_end)

    @property
    def matters(self) -> bool:
        """Whether the change is large enough in the metric's unit."""
        smallest = self.tolerance.absolute
        return abs(self.change) >= (self.row.resolution if smallest is None else smallest)

    @property
    def verdict(self) -> Verdict:
        """The verdict: a change is significant, exceeds the margin and matters, and all head runs agree."""
        margin = math.log1p(self.tolerance.ratio)
        distance = self.shift.distance
        all_runs_agree = abs(self.shift.smallest) > AGREED_SHARE * margin
        if self.matters and all_runs_agree and self.p_worse < self.alpha and distance > margin:
            return Verdict.WORSE
        if self.matters and all_runs_agree and self.p_better < self.alpha and distance < -margin:
            return Verdict.BETTER
        start = self.row.resolution
        smallest_detectable = self.started_detectable_ratio * (self.shift.base + start)
        if self.started_detectable_ratio > DETECTABLE_BUDGET and smallest_detectable > start:
            return Verdict.INCONCLUSIVE
        return Verdict.UNCHANGED

    @property
    def suspect(self) -> bool:
        """Whether a deciding metric looks worse, before any adjustment of its p value."""
        if self.row.part is not Part.DECIDES or not self.matters:
            return False
        return self.shift.p_worse < SCREEN_ALPHA and self.shift.distance > math.log1p(SCREEN_RATIO)


def _compare(test: _Test) -> MetricComparison:
    """Return the result of a test, with its changes as ratios of the value."""
    shift = test.shift
    start = test.row.resolution
    has_ratio = shift.base > _ZERO
    ratio_factor = (shift.base + start) / shift.base if has_ratio else None
    low, high = test.started_interval
    verdict = test.verdict
    return MetricComparison(
        key=shift.key,
        verdict=verdict,
        part=test.row.part,
        base=shift.base,
        head=shift.head,
        change=test.change,
        change_ratio=test.change / shift.base if has_ratio else None,
        low_ratio=low * ratio_factor if ratio_factor else None,
        high_ratio=high * ratio_factor if ratio_factor else None,
        p_value=test.p_worse,
        detectable_ratio=test.started_detectable_ratio * ratio_factor if ratio_factor else None,
        margin_ratio=test.tolerance.ratio,
        machine_ratio=math.expm1(test.sign * shift.machine_effect) if shift.machine_effect else None,
        suspect=verdict is Verdict.WORSE or test.suspect,
    )
