"""Machine speed of the compared runs, and its effect on a metric.

The reference workload measures the speed. The effect on a metric is removed by an analysis of covariance
(Fisher, 1932): the slope of the metric on the speed comes from the baseline's runs and is shrunk to 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.values import stats
from bench.core.values.units import Values

# A metric with a smaller correlation with the machine speed is not corrected: that would only add noise.
MIN_CORRELATION = 0.5
# The prior slope is 1 (a machine that is slower in everything), with the weight of this number of runs.
SLOPE_PRIOR_RUNS = 6
MAX_SLOPE = 1.2
# Prior standard deviation of the log workload times between machines, and its degrees of freedom.
SPEED_PRIOR_SD = 0.02
SPEED_PRIOR_DF = 6
# An environment shift is a difference of machine speed above this ratio, with a p value below this level.
SHIFT_RATIO = 0.05
SHIFT_ALPHA = 0.01


class MeasuredRun(Protocol):
    """A run with times of the reference workload: of a result, of a baseline or of a history."""

    @property
    def reference_workload(self) -> ReferenceWorkload | None:
        """Times of the reference workload; `None` if it did not run."""


@dataclass(frozen=True, slots=True)
class MachineSpeed:
    """Log workload time of each run: an increase of 0.1 is a machine that is about 10 % slower."""

    head_log_times: tuple[float, ...]
    """Of the run and of its confirmation run."""
    base_log_times: tuple[float, ...]
    """Of the baseline's runs, in their order."""

    @property
    def log_slowdown(self) -> float:
        """Mean log workload time of the head minus that of the baseline; above 0, the head is slower."""
        head_mean = sum(self.head_log_times) / len(self.head_log_times)
        base_mean = sum(self.base_log_times) / len(self.base_log_times)
        return head_mean - base_mean

    @property
    def slowdown_ratio(self) -> float:
        """The slowdown as a share: 0.1 is 10 % slower."""
        return math.expm1(self.log_slowdown)

    @property
    def environment_shift(self) -> bool:
        """Whether the head's machine differs from those of the baseline.

        Two-sided t test of one new value against n baseline values: t = |slowdown| / (s √(1 + 1/n)), where s
        is the baseline's standard deviation, shrunk to its prior. It must also exceed `SHIFT_RATIO`.
        """
        spread, df = stats.shrunk_sd(self.base_log_times, SPEED_PRIOR_SD, SPEED_PRIOR_DF)
        standard_error = spread * math.sqrt(1.0 + 1.0 / len(self.base_log_times))
        t = abs(self.log_slowdown) / standard_error
        p_value = 2.0 * stats.t_upper(t, df)
        return abs(self.log_slowdown) > math.log1p(SHIFT_RATIO) and p_value < SHIFT_ALPHA


def compare_speed(heads: Sequence[MeasuredRun], base: Sequence[MeasuredRun]) -> MachineSpeed | None:
    """Return the machine speed of runs; `None` unless all of them ran the same reference workload."""
    workloads: list[ReferenceWorkload] = []
    for run in (*heads, *base):
        if run.reference_workload is None:
            return None
        workloads.append(run.reference_workload)
    versions = {(workload.version, workload.pieces) for workload in workloads}
    if len(versions) != 1:
        return None
    _, pieces = versions.pop()
    if not pieces:
        return None
    log_times = tuple(workload.log_time(pieces) for workload in workloads)
    return MachineSpeed(head_log_times=log_times[: len(heads)], base_log_times=log_times[len(heads) :])


def workload_slope(log_times: Values, log_values: Values) -> float:
    """Return the slope of a metric on the log workload time, in [0, MAX_SLOPE].

    0 is a metric that does not follow the machine speed: its correlation is below `MIN_CORRELATION`.
    """
    slope, correlation = stats.shrunk_slope(log_values, log_times, SLOPE_PRIOR_RUNS)
    if correlation < MIN_CORRELATION:
        return 0.0
    return min(MAX_SLOPE, max(0.0, slope))


def slope_error(slope: float, log_times: Values, spread: float) -> float:
    """Return the standard error of the slope: s / √(Sxx), where Sxx includes the prior's runs.

    It is never larger than the standard deviation of a uniform slope in [0, MAX_SLOPE], which is MAX_SLOPE /
    √12.

    Args:
        slope: The slope; 0 has no error, because such a metric is not corrected.
        log_times: Log workload times of the baseline's runs.
        spread: Standard deviation s of the corrected runs.
    """
    if not slope:
        return 0.0
    degrees_of_freedom = len(log_times) - 1
    sum_of_squares = float(np.var(log_times, ddof=1)) * (degrees_of_freedom + SLOPE_PRIOR_RUNS)
    uniform_sd = MAX_SLOPE / math.sqrt(12.0)
    return min(spread / math.sqrt(sum_of_squares), uniform_sd)
