"""Values of which some are only known to be longer than a bound, and their statistics.

A request that was cut off after 33.6 s has a response time, but all that was seen of it is "longer than
33.6 s". Such a value is called censored. Leaving it out would make a slow target look fast, so its weight
goes to the longer values (`stats.kaplan_meier`). If a statistic would need a value that was never seen, the
result is a lower bound. Without censored values, all results are those of numpy.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bench.core.values import stats
from bench.core.values.units import FloatArray, Values

_ROUNDING = 1e-9


class Estimate(NamedTuple):
    """A statistic of observations."""

    value: float
    """The statistic, or the largest number that is certainly below it."""
    is_lower_bound: bool = False
    """Whether the true statistic is larger."""


@dataclass(frozen=True)
class Observations:
    """Values that were seen to their end, and lower bounds of those that were not."""

    values: FloatArray
    """One number per value, without NaN."""
    is_bound: npt.NDArray[np.bool_]
    """True where the number is a lower bound."""

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of_complete(cls, values: Values) -> "Observations":
        """Return values that were all seen to their end."""
        return cls(np.asarray(values, dtype=np.float64), np.zeros(len(values), dtype=bool))

    @cached_property
    def censored(self) -> int:
        """Number of lower bounds."""
        return int(self.is_bound.sum())

    def where(self, selected: npt.NDArray[Any]) -> "Observations":
        """Return the values for which a mask is true, or those with the given numbers."""
        return Observations(self.values[selected], self.is_bound[selected])

    def quantiles(self, shares: Mapping[str, float], ascending: FloatArray) -> dict[str, Estimate]:
        """Return quantiles by name, without those that would be the maximum, because there are few values.

        Args:
            shares: Probability of each quantile by its name.
            ascending: All values and bounds, sorted.
        """
        estimates = {}
        for name, probability in shares.items():
            if not stats.has_quantile(len(self), probability):
                continue
            if self.censored:
                estimates[name] = self.interpolate(probability)
            else:
                estimates[name] = Estimate(stats.quantile_of_ascending(ascending, probability))
        return estimates

    def quantile(self, probability: float) -> Estimate | None:
        """Return a quantile; `None` if there are so few values that it would be their maximum."""
        return self.interpolate(probability) if stats.has_quantile(len(self), probability) else None

    def interpolate(self, probability: float) -> Estimate:
        """Return a quantile by linear interpolation, also of few values.

        The quantile of type 7 of Hyndman and Fan, 1996, interpolates between the values of two ranks. Here, a
        rank holds 1/n of the weight, which may belong to several values; its value is their mean.
        """
        if not self.censored:
            return Estimate(float(np.quantile(self.values, probability)))
        complete, weights, rest = self._weights
        values = np.append(complete, self.values.max())
        shares = np.concatenate([[0.0], np.cumsum(np.append(weights, rest))])
        sums = np.concatenate([[0.0], np.cumsum(np.append(weights, rest) * values)])
        count = len(self)
        position = (count - 1) * probability
        lower = int(position + _ROUNDING)
        fraction = max(0.0, position - lower)
        until = np.interp(np.arange(lower, lower + 3) / count, shares, sums)
        of_ranks = np.diff(until) * count
        last_share = (lower + 1 + (fraction > _ROUNDING)) / count
        value = (1.0 - fraction) * of_ranks[0] + fraction * of_ranks[1]
        return Estimate(float(value), last_share > 1.0 - rest + _ROUNDING)

    def mean(self) -> Estimate:
        """Return the mean. What is longer than all complete values counts as the longest wait."""
        if not self.censored:
            return Estimate(float(np.mean(self.values)))
        return self._average(lambda values: values)

    def typical(self, start: float) -> Estimate:
        """Return the mean on the scale of started logarithms, see `stats.typical`."""
        if not self.censored:
            return Estimate(stats.typical(self.values, start))
        logarithm = self._average(lambda values: np.log1p(values / start))
        return Estimate(start * float(np.expm1(logarithm.value)), logarithm.is_lower_bound)

    def typical_by_group(
        self, groups: npt.NDArray[Any], count: int, start: float | None
    ) -> dict[int, Estimate]:
        """Return the typical value of each group that has values, by the group's number.

        Args:
            groups: Number of the group of each value, from 0.
            count: Number of groups.
            start: See `stats.typical`; `None` for the mean.
        """
        scaled = self.values / (1.0 if start is None else start)
        if start is not None:
            np.log1p(scaled, out=scaled)
        sums = np.bincount(groups, scaled, minlength=count)
        counts = np.bincount(groups, minlength=count)
        has_bound = np.bincount(groups[self.is_bound], minlength=count) > 0
        estimates = {}
        for number in np.flatnonzero(counts).tolist():
            if has_bound[number]:
                of_group = self.where(groups == number)
                estimates[number] = of_group.mean() if start is None else of_group.typical(start)
            else:
                average = float(sums[number] / counts[number])
                estimates[number] = Estimate(average if start is None else start * math.expm1(average))
        return estimates

    def smallest(self) -> Estimate:
        """Return the minimum."""
        value = float(self.values.min())
        return Estimate(value, not np.any(self.values[~self.is_bound] == value))

    def largest(self) -> Estimate:
        """Return the maximum."""
        return Estimate(float(self.values.max()), self.censored > 0)

    def share_until(self, points: Values) -> FloatArray:
        """Return the share of the values that are at most each point."""
        complete, weights, _ = self._weights
        counts = np.searchsorted(complete, points, side="right")
        if not self.censored:
            return np.asarray(counts / len(complete))
        return np.concatenate([[0.0], np.cumsum(weights)])[counts]

    def _average(self, scale: Callable[[FloatArray], FloatArray]) -> Estimate:
        complete, weights, rest = self._weights
        longest = np.asarray(self.values.max())
        mean = float(np.dot(weights, scale(complete))) + rest * float(scale(longest))
        return Estimate(mean, rest > 0)

    @cached_property
    def _weights(self) -> tuple[FloatArray, FloatArray, float]:
        """Return the complete values, ascending, their weights, and the weight beyond all of them."""
        complete = np.sort(self.values[~self.is_bound])
        return complete, *stats.kaplan_meier(complete, self.values[self.is_bound])
