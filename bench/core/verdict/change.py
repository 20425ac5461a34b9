"""One estimated change: this module alone turns it into numbers, an interval and a verdict.

Every rule (pairs of runs, a committed baseline, one message, a 95th percentile) estimates a change of the
logarithm, its standard error and its degrees of freedom. The point, the interval, the smallest detectable
change and the verdict come from that one estimate, so they cannot contradict each other:

    interval    = [lowest - t(1 - alpha, df) s, highest + t(1 - alpha, df) s]
    worse       ⇔ the interval is above 0, the change exceeds the margin, and the single runs agree
    tolerated   ⇔ the interval is above 0, the change is within the margin, and the estimate is precise
    better      ⇔ the interval is below 0
    no change   ⇔ the interval contains 0, the change is within the margin, and the estimate is precise
    cannot tell ⇔ none of these

An estimate is precise if its interval excludes a change for the worse of `EXCLUDED_RATIO`, or of twice the
margin if that is more. A pass therefore excludes such a change. With a slower head, and everything else
equal, the verdict moves from better over no change, tolerated and cannot tell to worse, and never back.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric
from bench.core.values import stats, wording
from bench.core.verdict.verdict import MetricComparison, Verdict

POWER = 0.80  # probability to find a change of the smallest detectable size
EXCLUDED_RATIO = 0.25  # a pass excludes a change for the worse of this size
AGREED_SHARE = 0.8  # single runs agree if they also show this share of the margin
# A deciding metric is suspect from this share of the margin on and below this p value; `bench check` then
# measures again.
SCREEN_SHARE = 0.5
SCREEN_ALPHA = 0.05
_ZERO = 1e-6  # a smaller base counts as 0: a ratio to it is unknown


class Margin(NamedTuple):
    """The tolerated change for the worse: the larger of a share of the base and an absolute value."""

    ratio: float
    """Share of the base."""
    absolute: float = 0.0
    """Absolute value, in the metric's unit."""

    def of(self, base: float) -> float:
        """Return the tolerated change in the metric's unit."""
        return max(self.ratio * base, self.absolute)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEstimate:
    """An estimated change of one metric, on the scale of logarithms; above 0 is worse."""

    key: str
    """Key of the metric."""
    base: float
    """Typical value of the base, in the metric's unit."""
    head: float
    """Typical value of the head as measured, with the effect of the machine."""
    log_change: float
    """Logarithm of head divided by base, without the effect of the machine."""
    standard_error: float
    """Standard error of `log_change`, towards smaller changes."""
    df: float
    """Degrees of freedom of the standard error."""
    agreed: float
    """The change that the single runs agree on: the one nearest to 0, or the median pair."""
    machine_effect: float = 0.0
    """The part of the difference that follows the machine and is not in `log_change`."""
    slope: float = 0.0
    """Effect of the log workload time of a machine on the metric."""
    lowest: float | None = None
    """Smallest change that an unknown effect of the machine allows; null if it is `log_change`."""
    highest: float | None = None
    """Largest change that an unknown effect of the machine allows; null if it is `log_change`."""
    upper_error: float | None = None
    """Standard error towards larger changes; null if it is `standard_error`."""

    @property
    def lowest_change(self) -> float:
        """The smallest possible change."""
        return self.log_change if self.lowest is None else min(self.lowest, self.log_change)

    @property
    def highest_change(self) -> float:
        """The largest possible change."""
        return self.log_change if self.highest is None else max(self.highest, self.log_change)

    def beyond(self, accepted: float) -> "ChangeEstimate":
        """Return the change from a level that is worse than the base, and that pairs measured before.

        The accepted level is an estimate too, with about the same error, so the two variances add up.

        Args:
            accepted: How much worse the level is, as a share of the base.
        """
        scale = _Scale(self.key, self.base)
        log_accepted = scale.log_of(accepted * self.base)
        return replace(
            self,
            base=self.base + scale.change_of(log_accepted),
            log_change=self.log_change - log_accepted,
            agreed=self.agreed - log_accepted,
            lowest=None if self.lowest is None else self.lowest - log_accepted,
            highest=None if self.highest is None else self.highest - log_accepted,
            standard_error=math.sqrt(2.0) * self.standard_error,
            upper_error=None if self.upper_error is None else math.sqrt(2.0) * self.upper_error,
        )

    @property
    def p_worse(self) -> float:
        """P value of the one-sided t test that the head is worse, at the smallest possible change."""
        return stats.t_upper(self.lowest_change / self.standard_error, self.df)


class CompleteTest(NamedTuple):
    """The test that a rule makes with all of its data, if it ended earlier because the answer was known."""

    standard_error: float
    """Standard error with all data."""
    df: float
    """Its degrees of freedom."""
    alpha: float
    """False-alarm rate of the last test, one-sided."""


class JudgedChange(NamedTuple):
    """The numbers and the verdict of an estimate; ratios are shares of the base, above 0 if values grow."""

    verdict: Verdict
    change: float
    change_ratio: float | None
    low_ratio: float | None
    high_ratio: float | None
    confidence: float
    p_value: float
    detectable_ratio: float | None
    margin_ratio: float | None
    machine_ratio: float | None
    doubt: str | None


def judge_change(
    estimate: ChangeEstimate,
    alpha: float,
    margin: Margin,
    complete: CompleteTest | None = None,
) -> JudgedChange:
    """Return the numbers and the verdict of one estimated change.

    Args:
        estimate: The estimate.
        alpha: False-alarm rate of this single test, one-sided.
        margin: The tolerated change for the worse.
        complete: The test with all data, which decides on the smallest detectable change; default: this test.
    """
    scale = _Scale(estimate.key, estimate.base)
    tolerated = scale.log_of(margin.of(estimate.base))
    quantile = stats.t_quantile(1.0 - alpha, estimate.df)
    low = estimate.lowest_change - quantile * estimate.standard_error
    high = estimate.highest_change + quantile * (estimate.upper_error or estimate.standard_error)
    last = complete or CompleteTest(estimate.standard_error, estimate.df, alpha)
    last_reach = stats.t_quantile(1.0 - last.alpha, last.df) * last.standard_error
    slack = stats.t_quantile(POWER, last.df) * last.standard_error
    unknown = estimate.log_change - estimate.lowest_change
    detectable = max(tolerated, last_reach) + slack + unknown
    excluded = max(scale.sign * math.log1p(scale.sign * EXCLUDED_RATIO), 2.0 * tolerated)
    verdict = _decide(estimate, low, high, tolerated, excluded)
    ends = sorted((scale.change_of(low), scale.change_of(high)))
    return JudgedChange(
        verdict=verdict,
        change=scale.change_of(estimate.log_change),
        change_ratio=scale.ratio(scale.change_of(estimate.log_change)),
        low_ratio=scale.ratio(ends[0]),
        high_ratio=scale.ratio(ends[1]),
        confidence=1.0 - 2.0 * alpha,
        p_value=estimate.p_worse,
        detectable_ratio=scale.ratio(abs(scale.change_of(detectable))),
        margin_ratio=scale.ratio(margin.of(estimate.base)),
        machine_ratio=math.expm1(scale.sign * estimate.machine_effect) if estimate.machine_effect else None,
        doubt=_doubt(estimate, low, high, tolerated, excluded) if verdict is Verdict.INCONCLUSIVE else None,
    )


def log_margin(key: str, base: float, margin: Margin) -> float:
    """Return the tolerated change of a metric on the scale of logarithms."""
    return _Scale(key, base).log_of(margin.of(base))


def compare_metric(
    estimate: ChangeEstimate, alpha: float, margin: Margin, complete: CompleteTest | None = None
) -> MetricComparison:
    """Return the row of a metric; see `judge_change`."""
    judged = judge_change(estimate, alpha, margin, complete=complete)
    row = metric(estimate.key)
    half = SCREEN_SHARE * log_margin(estimate.key, estimate.base, margin)
    looks_worse = estimate.p_worse < SCREEN_ALPHA and estimate.log_change > half
    return MetricComparison(
        key=estimate.key,
        part=row.part,
        base=estimate.base,
        head=estimate.head,
        suspect=judged.verdict is Verdict.WORSE or (row.part is Part.DECIDES and looks_worse),
        **judged._asdict(),
    )


def _decide(estimate: ChangeEstimate, low: float, high: float, tolerated: float, excluded: float) -> Verdict:
    """Return the verdict on a change, on the scale of logarithms."""
    if high < 0.0:
        return Verdict.BETTER
    if low > 0.0 and estimate.lowest_change > tolerated and estimate.agreed > AGREED_SHARE * tolerated:
        return Verdict.WORSE
    if high > excluded or estimate.highest_change > tolerated:
        return Verdict.INCONCLUSIVE
    return Verdict.WITHIN_TOLERANCE if low > 0.0 else Verdict.UNCHANGED


def _doubt(estimate: ChangeEstimate, low: float, high: float, tolerated: float, excluded: float) -> str:
    """Return why a change is inconclusive."""
    change = _describe(estimate, low, high)
    if low > 0.0 and estimate.lowest_change > tolerated:
        return f"the single runs do not agree on {change}"
    # A lowest change is unknown if the machine differs from those of the base.
    is_shifted = estimate.lowest is not None
    if is_shifted or (high <= excluded and estimate.log_change <= tolerated):
        return f"the machine may explain {change}"
    if high <= excluded or estimate.log_change > tolerated:
        return f"{change} may be chance"
    sign = metric(estimate.key).worse_sign
    possible = wording.magnitude(math.expm1(sign * high))
    limit = wording.magnitude(math.expm1(sign * excluded))
    return f"a change of {possible} is possible, and a pass excludes {limit}"


def _describe(estimate: ChangeEstimate, low: float, high: float) -> str:
    """Return a change with its interval, such as `+12 % (-8.4 to +36 %)`; a safe load has no per cent."""
    scale = _Scale(estimate.key, estimate.base)
    ends = sorted((scale.change_of(low), scale.change_of(high)))
    ratios = [scale.ratio(change) for change in (scale.change_of(estimate.log_change), *ends)]
    middle, lowest, highest = ratios
    if estimate.key in SAFE_LOADS or middle is None or lowest is None or highest is None:
        return "the change"
    return f"{wording.change(middle)} ({wording.change_interval(lowest, highest)})"


@dataclass(frozen=True, slots=True)
class _Scale:
    """The scale log(x + c) of a metric, where c is its resolution, and its way back to the unit."""

    key: str
    base: float

    @property
    def sign(self) -> float:
        """The sign of a change for the worse."""
        return metric(self.key).worse_sign

    @property
    def started_base(self) -> float:
        return self.base + metric(self.key).resolution

    def change_of(self, log_change: float) -> float:
        """Return a change for the worse as a change of the value, in the metric's unit."""
        return self.started_base * math.expm1(self.sign * log_change)

    def log_of(self, worse_by: float) -> float:
        """Return the change of the logarithm of a value that is worse by this amount."""
        share = min(0.99, worse_by / self.started_base) if self.sign < 0 else worse_by / self.started_base
        return self.sign * math.log1p(self.sign * share)

    def ratio(self, change: float) -> float | None:
        """Return a change as a share of the base; None if the base is 0, or if the change has no limit."""
        return change / self.base if self.base > _ZERO and math.isfinite(change) else None
