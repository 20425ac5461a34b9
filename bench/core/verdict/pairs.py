"""Estimate and judge a change from pairs of runs: base and head, measured directly after each other.

The distance of a pair is the weighted mean over messages of the log ratios of head and base. A message weighs
as much as its requests on both sides together, so the distance is that of a typical request of a user:

    d_i      = sum over messages of w_m · [log(head_im + c) - log(base_im + c)] / sum of w_m
    change   = robust mean of d_1 … d_n (Huber, 1964)
    s²       = max(variance, (d₀ s₀² + (n - 1) variance) / (d₀ + n - 1))   (Smyth, 2004)
    error    = s / √n, with d₀ + n - 1 degrees of freedom

The prior s₀ raises a spread that is small by chance, and never lowers a large one. A pair has no machine in
common with a baseline, but its two runs still differ by an effect that nothing shows, of 4 % by this prior.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.core.samples.metric import Better, Part
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.values.units import FloatArray
from bench.core.verdict.change import ChangeEstimate, CompleteTest, Margin, compare_metric, log_margin
from bench.core.verdict.shift import Figures
from bench.core.verdict.stopping import MAX_PAIRS, MIN_PAIRS, share_of_look
from bench.core.verdict.verdict import MetricComparison, Verdict

PAIR_PRIOR_SD = 0.06
"""Prior standard deviation of the distance of a pair."""
COST_PRIOR_SD = 0.03
"""The same for throughput, memory and processor time."""
PAIR_PRIOR_DF = 4
"""Degrees of freedom of both."""
QUIET_SD = 0.03
"""Usual part of the standard deviation that is not the noise of requests; only `detectable` uses it."""
SURE = 0.85
"""Probability with which a change is surely within the margin."""
LOOKS_WORSE = 0.05
"""A test that cannot make the comparison inconclusive asks for more pairs below this p value."""

_LEAST_WEIGHT = 1e-9  # a pair without a common message has no distance


@dataclass(frozen=True, slots=True)
class MessagePairs:
    """One metric in pairs of runs, on the scale log(x + c); NaN if a run has no value of a message."""

    key: str
    """Key of the metric."""
    messages: tuple[str, ...]
    """The messages, one per column."""
    weights: FloatArray
    """Number of requests of each message, over both sides."""
    base: FloatArray
    """Logarithms of the base, by run and message."""
    head: FloatArray
    """Logarithms of the head, by run and message."""

    @property
    def differences(self) -> FloatArray:
        """The log ratio of head and base, by pair and message; above 0 is worse."""
        sign = 1.0 if metric(self.key).better is Better.LOWER else -1.0
        return sign * (self.head - self.base)

    def select(self, selected: npt.NDArray[np.bool_]) -> "MessagePairs":
        """Return some of the messages."""
        names = tuple(name for name, is_selected in zip(self.messages, selected, strict=True) if is_selected)
        return replace(
            self,
            messages=names,
            weights=self.weights[selected],
            base=self.base[:, selected],
            head=self.head[:, selected],
        )

    def typical(self, logs: FloatArray) -> float:
        """Return the weighted typical value of one side, in the metric's unit."""
        present = ~np.isnan(logs)
        runs = present.sum(axis=0)
        means = np.where(present, logs, 0.0).sum(axis=0) / np.maximum(runs, 1)
        weights = np.where(runs > 0, self.weights, 0.0)
        return math.exp(float(weights @ means / weights.sum())) - metric(self.key).resolution

    def distances(self) -> FloatArray:
        """Return the distance of each pair that has a message on both sides."""
        differences = self.differences
        present = ~np.isnan(differences)
        weights = present * self.weights
        totals = weights.sum(axis=1)
        sums = (np.where(present, differences, 0.0) * weights).sum(axis=1)
        distances: FloatArray = sums[totals > 0.0] / totals[totals > 0.0]
        return distances

    def noise_of_requests(self) -> float:
        """Return the part of the variance of a distance that comes from the requests of single messages.

        Each message varies around the distance of its pair, independently of the others. If s_m² is the
        variance of its differences, this part is the sum of (w_m / sum of w)² s_m².
        """
        shares = self.weights / self.weights.sum()
        return float(shares**2 @ self.message_variances())

    def message_variances(self) -> FloatArray:
        """Return the variance of each message around the distance of its pair; 0 with too few pairs."""
        differences = self.differences
        present = ~np.isnan(differences)
        weights = present * self.weights
        filled = np.where(present, differences, 0.0)
        distances = (filled * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), _LEAST_WEIGHT)
        residuals = np.where(present, differences - distances[:, np.newaxis], 0.0)
        pairs = present.sum(axis=0)
        residuals = np.where(present, residuals - residuals.sum(axis=0) / np.maximum(pairs, 1), 0.0)
        variances: FloatArray = (residuals**2).sum(axis=0) / np.maximum(pairs - 1, 1)
        return variances


def pair_up(
    key: str,
    base: Sequence[Figures],
    head: Sequence[Figures],
    requests: Figures,
    refusals: Collection[str] = (),
) -> MessagePairs | None:
    """Return one metric in pairs of runs; `None` if no pair has a message on both sides.

    Args:
        key: The metric.
        base: Values by message of each base run; empty if a run has no value.
        head: Values by message of each head run.
        requests: Number of requests by message, over both sides; a message without a number has 1.
        refusals: Messages that are left out unless there are no others.
    """
    common = set[str]()
    for base_run, head_run in zip(base, head, strict=True):
        common |= base_run.keys() & head_run.keys()
    if not common:
        return None
    messages = tuple(sorted(common - set(refusals) or common))
    return MessagePairs(
        key=key,
        messages=messages,
        weights=np.array([max(1.0, requests.get(message, 1.0)) for message in messages]),
        base=_logarithms(key, messages, base),
        head=_logarithms(key, messages, head),
    )


def _logarithms(key: str, messages: Sequence[str], runs: Sequence[Figures]) -> FloatArray:
    values = np.array([[run.get(message, math.nan) for message in messages] for run in runs])
    return np.log(values + metric(key).resolution)


@dataclass(frozen=True, slots=True)
class PairedChange:
    """An estimated change, and what more pairs would add to it."""

    estimate: ChangeEstimate
    """The change."""
    pairs: int
    """Number of pairs that have the metric."""
    guessed_variance: float
    """Best guess of the variance of a distance, without the caution of the prior."""

    def surely_within(self, tolerated: float) -> bool:
        """Return whether the change is surely below a margin on the scale of logarithms."""
        reach = stats.t_quantile(SURE, self.estimate.df) * self.estimate.standard_error
        return self.estimate.log_change + reach < tolerated

    def is_settled(self, verdict: Verdict, tolerated: float, *, decides: bool) -> bool:
        """Return whether more pairs would not change a verdict.

        Args:
            verdict: The verdict after these pairs.
            tolerated: The margin on the scale of logarithms.
            decides: The test can make the comparison inconclusive. The others only ask for more pairs if
                they look worse.
        """
        if verdict is Verdict.WORSE:
            return self.estimate.log_change > tolerated + self.estimate.standard_error
        if decides:
            return self.surely_within(tolerated)
        return self.estimate.log_change <= tolerated or self.estimate.p_worse >= LOOKS_WORSE

    def complete_test(self, alpha: float, tolerated: float) -> CompleteTest | None:
        """Return the test after all pairs, which decides on the smallest changes that the rule detects.

        Args:
            alpha: False-alarm rate of all looks together.
            tolerated: The margin on the scale of logarithms.

        Returns:
            None if more pairs are needed: only the data so far count.
        """
        if self.pairs < MAX_PAIRS and not self.surely_within(tolerated):
            return None
        error = math.sqrt(self.guessed_variance / max(self.pairs, MAX_PAIRS))
        return CompleteTest(error, PAIR_PRIOR_DF + MAX_PAIRS - 1, alpha * share_of_look(MAX_PAIRS))


def estimate_change(pairs: MessagePairs) -> PairedChange | None:
    """Return the change of a metric over its messages; `None` if too few pairs have it."""
    prior_sd = COST_PRIOR_SD if metric(pairs.key).part is Part.COSTS else PAIR_PRIOR_SD
    return estimate_distances(pairs, prior_sd**2, QUIET_SD**2 + pairs.noise_of_requests())


def estimate_distances(
    pairs: MessagePairs, prior_variance: float, usual_variance: float
) -> PairedChange | None:
    """Return the change that the distances of some pairs show; `None` with too few.

    Args:
        pairs: The metric and its messages.
        prior_variance: Prior of the variance of a distance, for the test.
        usual_variance: The usual variance of a distance, for the smallest detectable change.
    """
    distances = pairs.distances().tolist()
    count = len(distances)
    if count < MIN_PAIRS:
        return None
    location, variance = stats.robust_mean(distances)
    moderated, df = stats.moderate(variance, count - 1, prior_variance, PAIR_PRIOR_DF)
    estimate = ChangeEstimate(
        key=pairs.key,
        base=pairs.typical(pairs.base),
        head=pairs.typical(pairs.head),
        log_change=location,
        standard_error=math.sqrt(moderated / count),
        df=df,
        agreed=stats.median(sorted(distances)),
    )
    guessed_variance = (PAIR_PRIOR_DF * usual_variance + (count - 1) * variance) / df
    return PairedChange(estimate, count, guessed_variance)


def judge_paired_metric(
    change: PairedChange, alpha: float, margin: Margin, scenarios: int
) -> MetricComparison:
    """Return the row of a metric.

    Args:
        change: The estimated change.
        alpha: False-alarm rate of this test over all looks.
        margin: The tolerated change for the worse.
        scenarios: Number of scenarios that share the rate.
    """
    estimate = change.estimate
    tolerated = log_margin(estimate.key, estimate.base, margin)
    complete = change.complete_test(alpha / scenarios, tolerated)
    level = alpha * share_of_look(change.pairs) / scenarios
    row = compare_metric(estimate, level, margin, complete)
    settled = change.is_settled(row.verdict, tolerated, decides=row.part is Part.DECIDES)
    return row.model_copy(update={"settled": settled})
