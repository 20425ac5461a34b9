"""The type of a metric: key, label, unit, formula and description in one value."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from bench.core.samples.arrays import Column, Floats, Mask
from bench.core.samples.sample import Outcome
from bench.core.values.observations import Observations


class MetricKind(StrEnum):
    """The values of a metric: one per request, or one per run."""

    TREND = "trend"
    """A number per request."""
    RATE = "rate"
    """Yes or no per request."""
    COUNTER = "counter"
    """A sum over the run, also given per second."""


class Better(StrEnum):
    """The direction in which a metric improves."""

    LOWER = "lower"
    """Lower values are better."""
    HIGHER = "higher"
    """Higher values are better."""


class Part(StrEnum):
    """How a metric influences the decision; docs/reference/metrics.md is written from this table."""

    DECIDES = "decides"
    """Can fail the run, and can make it inconclusive."""
    TAILS = "tails"
    """The 95th percentile of a deciding metric: can fail the run, but cannot make it inconclusive."""
    LOCATES = "locates"
    """The time of one tier: can fail the run, but cannot make it inconclusive."""
    STEPS = "steps"
    """The response time of one step of a journey: can fail the run, but cannot make it inconclusive."""
    EXPLAINS = "explains"
    """Unattributed time: is compared, but never fails the run."""
    COSTS = "costs"
    """Throughput, or the resources of a service; only `bench ab` compares them. Can fail the run, but cannot
    make it inconclusive."""
    INFORMS = "informs"
    """Is shown only."""


class RequestColumns(Protocol):
    """The data of some requests: arrays with one value per request. `Samples` is one."""

    def __len__(self) -> int:
        """Return the number of requests."""
        ...

    def column(self, name: str) -> Column:
        """Return a field of all requests; `None` becomes NaN, or -1 in whole numbers."""
        ...

    def has_outcome(self, outcome: Outcome) -> Mask:
        """Return True for each request with this outcome."""
        ...

    def were_waiting(self) -> Mask:
        """Return True for each request that was ended while it waited for its response."""
        ...

    @property
    def tiers(self) -> list[str]:
        """Names of the tiers that have a time in any request, sorted."""
        ...

    def tier_time(self, tier: str) -> Floats:
        """Return the time of a tier in milliseconds; NaN where it is unknown."""
        ...

    def milestone_time(self, milestone: str) -> Floats:
        """Return the time to a milestone in milliseconds; NaN where it is unknown."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric of a run."""

    key: str
    """Name in files and thresholds; ends with the unit."""
    label: str
    """Name in reports."""
    unit: str
    """`ms`, `ratio`, or `1` for a count."""
    description: str
    """Definition in one sentence."""
    formula: str
    """The computation for one request, in the names of the fields of a request."""
    values: Callable[[RequestColumns], Floats]
    """Computes the metric: one value per request, NaN where a request has none."""
    longer_than: Callable[[RequestColumns], Floats] | None = None
    """Computes a lower bound for each request that was still waiting when it ended, NaN for the others;
    `None` if the metric has no such requests."""
    kind: MetricKind = MetricKind.TREND
    """Whether it has a value per request, yes or no per request, or a sum per run."""
    better: Better = Better.LOWER
    """The direction in which it improves."""
    part: Part = Part.INFORMS
    """Its role in the decision."""
    adds_up: bool = False
    """Whether the values of a request add up to its time, as those of tiers do. The figure of a message is
    then the mean of its requests, and not their geometric mean."""
    resolution: float = 0.01
    """c of log(x + c), the scale on which values are compared, in the metric's unit. It is far below each
    change that matters and only keeps the logarithm of 0 finite."""
    tolerated_ratio: float | None = None
    """Tolerated change as a share of the value; `None` for the default of all metrics."""
    tolerated_change: float | None = None
    """Tolerated change in the metric's unit; `None` if only the ratio counts."""

    @property
    def worse_sign(self) -> float:
        """The sign of a change for the worse: 1 if lower values are better, else -1."""
        return 1.0 if self.better is Better.LOWER else -1.0

    def observe(self, requests: RequestColumns) -> tuple[Observations, Mask]:
        """Return the values and lower bounds of some requests, and True for each request that has one."""
        values = self.values(requests)
        is_bound = np.zeros(len(values), dtype=bool)
        if self.longer_than is not None and requests.were_waiting().any():
            bounds = self.longer_than(requests)
            is_bound = np.isnan(values) & ~np.isnan(bounds)
            values = np.where(is_bound, bounds, values)
        present = ~np.isnan(values)
        if present.all():
            return Observations(values, is_bound), present
        return Observations(values[present], is_bound[present]), present
