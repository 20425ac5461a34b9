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
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bench.core.run.figures import ALL, Figures
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.values.units import FloatArray
from bench.core.verdict.change import ChangeEstimate, CompleteTest, Margin, compare_metric, log_margin
from bench.core.verdict.stopping import MAX_PAIRS, MIN_PAIRS, share_of_look
from bench.core.verdict.verdict import MetricComparison, Verdict

PAIR_PRIOR_SD = 0.06
"""Prior standard deviation of the distance of a pair."""
COST_PRIOR_SD = 0.03
"""The same for throughput, memory and processor time."""
PAIR_PRIOR_DF = 4
"""Degrees of freedom of both."""
WITHIN_PROBABILITY = 0.7
"""Probability from which a change counts as within the margin."""
LOOKS_WORSE = 0.05
"""A test that cannot make the comparison inconclusive asks for more pairs below this p value."""

_LEAST_WEIGHT = 1e-9  # a pair without a common message has no distance

Members = npt.NDArray[np.bool_]
"""Whether a group has a message, by group and message."""


@dataclass(frozen=True)
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

    @cached_property
    def everything(self) -> Members:
        """All messages in one group."""
        return np.ones((1, len(self.messages)), dtype=bool)

    @cached_property
    def _differences(self) -> FloatArray:
        """The log ratio of head and base, by pair and message; above 0 is worse."""
        return metric(self.key).worse_sign * (self.head - self.base)

    def distances(self, members: Members) -> FloatArray:
        """Return the distance of each pair in each group of messages; NaN without a message on both sides."""
        present = ~np.isnan(self._differences)
        weights = (members * self.weights).T
        totals = present @ weights
        sums = np.where(present, self._differences, 0.0) @ weights
        distances: FloatArray = np.where(totals > 0.0, sums / np.maximum(totals, _LEAST_WEIGHT), math.nan)
        return distances

    def typical(self, members: Members) -> tuple[FloatArray, FloatArray]:
        """Return the weighted typical value of each group, of the base and of the head, in the unit."""
        return self._typical(self.base, members), self._typical(self.head, members)

    def _typical(self, logs: FloatArray, members: Members) -> FloatArray:
        present = ~np.isnan(logs)
        runs = present.sum(axis=0)
        means = np.where(present, logs, 0.0).sum(axis=0) / np.maximum(runs, 1)
        weights = members * np.where(runs > 0, self.weights, 0.0)
        values: FloatArray = np.exp(weights @ means / weights.sum(axis=1)) - metric(self.key).resolution
        return values

    @cached_property
    def message_variances(self) -> FloatArray:
        """The variance of each message around the distance of its pair; 0 with too few pairs."""
        present = ~np.isnan(self._differences)
        around = np.where(present, self._differences - self.distances(self.everything), 0.0)
        pairs = np.maximum(present.sum(axis=0), 1)
        residuals = np.where(present, around - around.sum(axis=0) / pairs, 0.0)
        variances: FloatArray = (residuals**2).sum(axis=0) / np.maximum(pairs - 1, 1)
        return variances

    def noise_of_requests(self, members: Members) -> FloatArray:
        """Return the part of the variance of a distance that comes from the requests of single messages.

        Messages vary around the distance of their pair, independently of each other. If s² is the mean of
        their variances, this part is s² · sum of (w_m / sum of w)², for each group.
        """
        weights = members * self.weights
        shares = weights / weights.sum(axis=1, keepdims=True)
        mean_variance = float(self.weights @ self.message_variances / self.weights.sum())
        noise: FloatArray = mean_variance * (shares**2).sum(axis=1)
        return noise


def pair_up(
    key: str,
    base: Sequence[Figures],
    head: Sequence[Figures],
    requests: Mapping[str, float],
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
    weights = np.array([max(1.0, requests.get(message, 1.0)) for message in messages])
    base_values = _values(messages, base)
    head_values = _values(messages, head)
    if metric(key).adds_up:
        on_both_sides = weights * ~np.isnan(base_values + head_values)
        base_values = _add_up(base_values, on_both_sides)
        head_values = _add_up(head_values, on_both_sides)
        messages = (ALL,)
        weights = np.ones(1)
    resolution = metric(key).resolution
    return MessagePairs(
        key, messages, weights, np.log(base_values + resolution), np.log(head_values + resolution)
    )


def _values(messages: Sequence[str], runs: Sequence[Figures]) -> FloatArray:
    """Return the values by run and message; NaN if a run has no value."""
    values = np.full((len(runs), len(messages)), math.nan)
    for row, run in zip(values, runs, strict=True):
        for column, message in enumerate(messages):
            row[column] = run.get(message, math.nan)
    return values


def _add_up(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted mean of each run in one column; NaN without weights.

    The times of tiers are often 0 in some messages, and add up to the response time, unlike their logarithms.
    """
    totals = weights.sum(axis=1, keepdims=True)
    sums = np.where(weights > 0.0, values * weights, 0.0).sum(axis=1, keepdims=True)
    means: FloatArray = np.where(totals > 0.0, sums / np.maximum(totals, _LEAST_WEIGHT), math.nan)
    return means


@dataclass(frozen=True, slots=True)
class PairedChange:
    """An estimated change, and what more pairs would add to it."""

    estimate: ChangeEstimate
    """The change."""
    pairs: int
    """Number of pairs that have the metric."""

    def beyond(self, accepted: float | None) -> "PairedChange":
        """Return the change from an accepted level, which is worse than the base by a share of it.

        Args:
            accepted: The share; None if no change was accepted.
        """
        return self if accepted is None else replace(self, estimate=self.estimate.beyond(accepted))

    def probably_within(self, tolerated: float) -> bool:
        """Return whether the change is probably below a margin on the scale of logarithms."""
        reach = stats.t_quantile(WITHIN_PROBABILITY, self.estimate.df) * self.estimate.standard_error
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
            return verdict is not Verdict.INCONCLUSIVE and self.probably_within(tolerated)
        return self.estimate.log_change <= tolerated or self.estimate.p_worse >= LOOKS_WORSE

    def complete_test(self, alpha: float, tolerated: float) -> CompleteTest | None:
        """Return the test after all pairs, which decides on the smallest changes that the rule detects.

        Args:
            alpha: False-alarm rate of all looks together.
            tolerated: The margin on the scale of logarithms.

        Returns:
            None if more pairs are needed: only the data so far count.
        """
        if self.pairs < MAX_PAIRS and not self.probably_within(tolerated):
            return None
        all_pairs = max(self.pairs, MAX_PAIRS)
        error = self.estimate.standard_error * math.sqrt(self.pairs / all_pairs)
        return CompleteTest(error, PAIR_PRIOR_DF + all_pairs - 1, alpha * share_of_look(all_pairs))


def estimate_change(pairs: MessagePairs) -> PairedChange | None:
    """Return the change of a metric over all its messages; `None` if too few pairs have it."""
    prior_sd = COST_PRIOR_SD if metric(pairs.key).part is Part.COSTS else PAIR_PRIOR_SD
    return estimate_groups(pairs, pairs.everything, np.array([prior_sd**2]))[0]


def estimate_groups(
    pairs: MessagePairs, members: Members, prior_variances: FloatArray
) -> list[PairedChange | None]:
    """Return the change of each group of messages; `None` for a group that too few pairs have.

    Args:
        pairs: The metric.
        members: Whether a group has a message, by group and message.
        prior_variances: Prior of the variance of a distance, of each group.
    """
    distances = pairs.distances(members)
    counts = (~np.isnan(distances)).sum(axis=0)
    filled = np.where(counts > 0, distances, 0.0)
    locations, variances = stats.robust_means(filled)
    agreed = stats.medians(np.sort(filled, axis=0))
    base, head = pairs.typical(members)
    changes: list[PairedChange | None] = []
    for group, count in enumerate(counts.tolist()):
        if count < MIN_PAIRS:
            changes.append(None)
            continue
        variance = float(variances[group])
        moderated, df = stats.moderate(variance, count - 1, float(prior_variances[group]), PAIR_PRIOR_DF)
        estimate = ChangeEstimate(
            key=pairs.key,
            base=float(base[group]),
            head=float(head[group]),
            log_change=float(locations[group]),
            standard_error=math.sqrt(moderated / count),
            df=df,
            agreed=float(agreed[group]),
        )
        changes.append(PairedChange(estimate, count))
    return changes


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
