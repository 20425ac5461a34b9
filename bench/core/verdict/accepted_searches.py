"""Judge the safe load of a capacity search against those of the accepted searches.

Each search states its own error, so that one accepted search is enough. On the scale log(x + c), with x_i as
the safe load of the accepted search i, and with the errors that its interval has towards smaller and larger
loads:

    e_i     = (distance of the end of the interval) / z, where z is the normal quantile of its confidence
    change  = median(x_1 … x_n) - x, above 0 worse
    error²  = e² + v · mean(e_i²) + t² (h + v)
    t²      = (variance of x_1 … x_n around their level) - mean(e_i²), moderated by a prior

where v is the variance of a median, and h is 1, or `CONFIRMED_VARIANCE` with a confirmation run. t is the
spread between runs that no single search shows (DerSimonian and Laird, 1986). Whole users add the variance
1/12 of a rounded number (Sheppard, 1898). The degrees of freedom are those of Welch and Satterthwaite, where
errors of searches have many.

A search without a broken load has an open upper end, and one without a met load an open lower end. Such a
value is a bound: the error on its open side has no limit, so that it proves a change on the other side only.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.core.calibration.machine_speed import WINSOR_SDS, MachineSpeed
from bench.core.limits.tolerance import Tolerance
from bench.core.run.safe_load import ComparedLoad
from bench.core.samples.cost_metrics import SAFE_LOAD
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric
from bench.core.values.load_text import load_amount, load_pair
from bench.core.values.robust import (
    from_median,
    moderate_sd,
    robust_sd,
    sum_of_squares,
    variance_of_median,
    winsorise,
)
from bench.core.verdict.accepted_runs import ALPHAS, MARGIN_RATIO
from bench.core.verdict.change import ChangeEstimate, Margin, compare_metric
from bench.core.verdict.level_shift import (
    CONFIRMED_VARIANCE,
    CORRECTED_PRIOR_SD,
    LEAST_SD,
    PRIOR_DF,
    PRIOR_SD,
)
from bench.core.verdict.margins import margin_of
from bench.core.verdict.message_comparison import JudgedRows
from bench.core.verdict.noise import MIN_SD, Noise
from bench.core.verdict.verdict import MetricComparison, Verdict

ROUNDING_VARIANCE = 0.0833333333333
"""Variance of the difference between a number and the number rounded to whole users."""
_DIGITS = 6  # the logarithm of a whole number of users leads back to it
_SAME = 1e-9  # a smaller part of a margin is rounding: a loss of exactly the margin is tolerated


class _Measured(NamedTuple):
    """A safe load, or the mean or median of several, on the scale of logarithms."""

    log: float
    """Logarithm of the load."""
    down: float
    """Variance towards smaller loads; infinite if the load is an upper bound."""
    up: float
    """Variance towards larger loads; infinite if the load is a lower bound."""

    @property
    def is_bound(self) -> bool:
        """Whether the load is a bound."""
        return math.isinf(self.down) or math.isinf(self.up)


@dataclass(frozen=True)
class AcceptedSearches:
    """A capacity search, its confirmation run, and the comparable searches of its baseline."""

    heads: Sequence[ComparedLoad]
    """The safe load of the run, and of its confirmation run if there is one."""
    levels: Sequence[Sequence[ComparedLoad]]
    """The safe loads of the comparable runs by level, the oldest level first, without outliers."""
    tolerances: Mapping[str, Tolerance]
    """Tolerances of the scenario."""
    noise: Noise | None = None
    """Measured noise of the scenario, instead of the default priors."""
    speed: MachineSpeed | None = None
    """Machine speed of the heads, and of the runs in their order."""
    simulated: bool = False
    """Whether the stack simulates time, so that the machine hardly matters."""

    @property
    def key(self) -> str:
        """Key of the metric."""
        return self.heads[0].key

    def judge(self) -> JudgedRows:
        """Judge the safe load."""
        base = _middle([_measure(load) for load in self.levels[-1]])
        head = _mean([_measure(load) for load in self.heads])
        estimate = self._estimate(base, head)
        tolerated = margin_of(self.key, self.tolerances, MARGIN_RATIO, None)
        margin = Margin(tolerated.ratio * (1.0 + _SAME), tolerated.absolute * (1.0 + _SAME))
        row = compare_metric(estimate, ALPHAS[Part.DECIDES], margin)
        changes: dict[str, object] = {
            "base_bound": math.isinf(base.up),
            "head_bound": math.isinf(head.up),
            "base_below": math.isinf(base.down),
            "head_below": math.isinf(head.down),
            "detectable_ratio": None if base.is_bound or head.is_bound else row.detectable_ratio,
        }
        if _are_same_bounds(base, head) and abs(estimate.head - estimate.base) <= margin.of(estimate.base):
            changes |= {"verdict": Verdict.UNCHANGED, "doubt": None, "suspect": False}
        elif row.verdict is Verdict.INCONCLUSIVE:
            changes["doubt"] = _doubt(row, base, head)
        return JudgedRows((row.model_copy(update=changes),), ())

    def _estimate(self, base: _Measured, head: _Measured) -> ChangeEstimate:
        """Return the change from the base to the head."""
        start = metric(self.key).resolution
        spread, df = self._spread()
        shares = CONFIRMED_VARIANCE if len(self.heads) > 1 else 1.0
        between = spread**2 * (shares + variance_of_median(len(self.levels[-1])))
        smaller = head.up + base.down + between
        larger = head.down + base.up + between
        smallest_known = min(smaller, larger)
        change = base.log - head.log
        slowdown = 0.0
        if self.speed is not None and self.speed.environment_shift:
            slowdown = self.speed.log_slowdown
        lowest = min(change, change - slowdown)
        highest = max(change, change - slowdown)
        return ChangeEstimate(
            key=self.key,
            base=round(math.exp(base.log) - start, _DIGITS),
            head=round(math.exp(head.log) - start, _DIGITS),
            log_change=change,
            standard_error=math.sqrt(smaller),
            upper_error=math.sqrt(larger),
            df=df * (smallest_known / between) ** 2 if math.isfinite(smallest_known) else df,
            agreed=base.log - max([_measure(load).log for load in self.heads]),
            lowest=lowest if lowest < change else None,
            highest=highest if highest > change else None,
        )

    def _spread(self) -> tuple[float, float]:
        """Return the standard deviation between runs that no single search shows, and its df."""
        residuals: list[float] = []
        variances: list[float] = []
        df = 0
        for level in self.levels:
            measured = [load for load in map(_measure, level) if not load.is_bound]
            if measured:
                residuals += from_median([load.log for load in measured])
                variances += [(load.down + load.up) / 2.0 for load in measured]
                df += len(measured) - 1
        own = statistics.fmean(variances) if variances else 0.0
        limit = WINSOR_SDS * max(LEAST_SD, robust_sd(residuals))
        squares = sum_of_squares(winsorise(residuals, limit))
        prior_sd, prior_df = self._prior(own)
        return moderate_sd(max(0.0, squares - df * own), df, prior_sd, prior_df)

    def _prior(self, own: float) -> tuple[float, int]:
        """Return the prior of the spread; a measured one contains the errors of the searches."""
        measured = self.noise.prior(self.key) if self.noise else None
        if measured is None:
            return (CORRECTED_PRIOR_SD if self.simulated else PRIOR_SD), PRIOR_DF
        sd, df = measured
        return max(MIN_SD, math.sqrt(max(0.0, sd**2 - own))), df


def _measure(load: ComparedLoad) -> _Measured:
    """Return a safe load on the scale of logarithms, with the variances that its interval has."""
    start = metric(load.key).resolution
    interval = load.interval
    quantile = statistics.NormalDist().inv_cdf((1.0 + interval.confidence) / 2.0)
    rounding = ROUNDING_VARIANCE / max(1.0, load.load) ** 2 if load.key == SAFE_LOAD else 0.0
    log = math.log(load.load + start)
    down = math.inf
    up = math.inf
    if interval.low is not None:
        down = ((log - math.log(min(interval.low, load.load) + start)) / quantile) ** 2 + rounding
    if interval.high is not None:
        up = ((math.log(max(interval.high, load.load) + start) - log) / quantile) ** 2 + rounding
    return _Measured(log, down, up)


def _mean(loads: Sequence[_Measured]) -> _Measured:
    """Return the mean of the safe loads of one version; a bound makes it a bound."""
    count = len(loads)
    return _Measured(
        statistics.fmean([load.log for load in loads]),
        math.fsum([load.down for load in loads]) / count**2,
        math.fsum([load.up for load in loads]) / count**2,
    )


def _middle(loads: Sequence[_Measured]) -> _Measured:
    """Return the median of the accepted safe loads; it is a bound if the loads at the middle are."""
    logs = sorted(load.log for load in loads)
    middle = statistics.median(logs)
    factor = variance_of_median(len(loads))
    return _Measured(
        middle,
        _mean_variance([load.down for load in loads]) * factor,
        _mean_variance([load.up for load in loads]) * factor,
    )


def _mean_variance(variances: Sequence[float]) -> float:
    """Return the mean of the finite variances; infinite if at least half of them are."""
    finite = [variance for variance in variances if math.isfinite(variance)]
    return statistics.fmean(finite) if 2 * len(finite) > len(variances) else math.inf


def _are_same_bounds(base: _Measured, head: _Measured) -> bool:
    """Return whether neither side broke an objective, or neither met all of them."""
    are_lower = math.isinf(base.up) and math.isinf(head.up)
    return are_lower or (math.isinf(base.down) and math.isinf(head.down))


def _doubt(row: MetricComparison, base: _Measured, head: _Measured) -> str:
    """Return why a change of the safe load is inconclusive."""
    if math.isinf(head.up) and not math.isinf(base.up):
        return "no tried load surely broke an objective, so the safe load may be larger"
    if math.isinf(base.up):
        return "no load that the baseline tried surely broke an objective, so its safe load may be larger"
    if math.isinf(head.down) or math.isinf(base.down):
        return "the smallest tried load broke an objective"
    if row.base is None or row.head is None or row.detectable_ratio is None:
        return row.doubt or ""
    unit = metric(row.key).unit
    values = " → ".join(load_pair(row.base, row.head, unit))
    smallest = load_amount(row.detectable_ratio * row.base, unit)
    return f"{values} {unit}; {row.doubt}; the smallest loss that it detects is {smallest}"
