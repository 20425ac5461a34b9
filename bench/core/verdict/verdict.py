"""The verdict on one metric of a run, compared with the accepted runs of its baseline.

The method is described in docs/explanation/methodology.md.
The statistical unit is the run, not the request: requests of one run share a machine and a time of day.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from bench.core.run.figures import Figures
from bench.core.samples.metric import Better, Part
from bench.core.samples.metrics import metric
from bench.core.values import wording
from bench.core.values.record import Record


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
    """The base is a lower bound: in many of its runs, requests were ended while they waited, or no tried load
    broke an objective."""
    head_bound: bool = False
    """The head is a lower bound: requests of the run were ended while they waited, or no tried load broke an
    objective."""
    base_below: bool = False
    """The base is an upper bound: the smallest load that its search tried broke an objective."""
    head_below: bool = False
    """The head is an upper bound: the smallest load that its search tried broke an objective."""
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
    def looks_better(self) -> bool:
        """Whether the whole interval is for the better, so that no regression can hide in it."""
        if self.low_ratio is None or self.high_ratio is None:
            return False
        return self.high_ratio < 0.0 if metric(self.key).better is Better.LOWER else self.low_ratio > 0.0

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
