"""Machine speed of the compared runs, and its effect on a metric.

The reference workload measures the speed. The effect on a metric is removed by an analysis of covariance
(Fisher, 1932) with robust estimates: the slope of the metric on the speed comes from the baseline's runs
(Theil, 1950; Sen, 1968) and is shrunk to 1.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.values import stats, wording
from bench.core.values.robust import (
    Point,
    correlation,
    from_median,
    moderate_sd,
    robust_sd,
    sum_of_squares,
    theil_sen_slope,
    variance_of_median,
    winsorise,
)

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
SATURATED_FACTOR = 2.0
"""A reference workload that takes this many times as long as usual shows a machine that others use."""
WINSOR_SDS = 2.5
"""Values further from their level count as if they were at this number of robust standard deviations."""


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
    own_sd: float | None = None
    """Standard deviation that repetitions in one run show: the reference workload's own error."""

    @property
    def log_slowdown(self) -> float:
        """Mean log workload time of the head minus the baseline's median; above 0, the head is slower."""
        head_mean = math.fsum(self.head_log_times) / len(self.head_log_times)
        return head_mean - statistics.median(self.base_log_times)

    @property
    def slowdown_ratio(self) -> float:
        """The slowdown as a share: 0.1 is 10 % slower."""
        return math.expm1(self.log_slowdown)

    @property
    def environment_shift(self) -> bool:
        """Whether the head's machine differs from those of the baseline.

        Two-sided t test of one new value against the median of n baseline values:
        t = |slowdown| / (s √(1 + pi / (2 n))), where s is the winsorised standard deviation of the baseline,
        moderated by its prior. It must also exceed `SHIFT_RATIO`.
        """
        residuals = from_median(self.base_log_times)
        moved = winsorise(residuals, WINSOR_SDS * max(SPEED_PRIOR_SD, robust_sd(residuals)))
        count = len(residuals)
        spread, df = moderate_sd(sum_of_squares(moved), count - 1, SPEED_PRIOR_SD, SPEED_PRIOR_DF)
        standard_error = spread * math.sqrt(1.0 + variance_of_median(count))
        p_value = 2.0 * stats.t_upper(abs(self.log_slowdown) / standard_error, df)
        return abs(self.log_slowdown) > math.log1p(SHIFT_RATIO) and p_value < SHIFT_ALPHA

    def explain_shift(self) -> str:
        """Return the sentence about an environment shift."""
        direction = "slower" if self.log_slowdown > 0 else "faster"
        size = wording.percent(abs(self.slowdown_ratio))
        return f"environment shift: the reference workload was {size} {direction} than in the baseline's runs"

    @property
    def saturated(self) -> bool:
        """Whether the reference workload took at least `SATURATED_FACTOR` times its usual time."""
        return self.log_slowdown >= math.log(SATURATED_FACTOR)


def compare_speed(heads: Sequence[MeasuredRun], base: Sequence[MeasuredRun]) -> MachineSpeed | None:
    """Return the machine speed of runs, relative to the usual times of the base.

    The log time of a run is the median over the pieces of the workload of

        log(time of the piece in this run) - median of the same over the runs of the base

    A disturbance of one piece therefore changes nothing. A confirmation run shares the machine of the run, so
    that it has the run's speed if it has none of its own.

    Args:
        heads: The run and its confirmation run; empty if only the base matters.
        base: The runs of the baseline.

    Returns:
        None unless the run and all runs of the base have the same reference workload.
    """
    measured = [run.reference_workload for run in heads if run.reference_workload is not None]
    of_base = [run.reference_workload for run in base if run.reference_workload is not None]
    if len(of_base) < len(base) or (heads and heads[0].reference_workload is None):
        return None
    versions = {(workload.version, workload.pieces) for workload in (*measured, *of_base)}
    if len(versions) != 1:
        return None
    _, pieces = versions.pop()
    if not pieces:
        return None
    medians = {piece: statistics.median([row.log_time(piece) for row in of_base]) for piece in pieces}
    log_times: list[float] = []
    for workload in (*measured, *of_base):
        log_times.append(statistics.median([workload.log_time(piece) - medians[piece] for piece in pieces]))
    head_log_times = log_times[: len(measured)]
    first = head_log_times[:1]
    return MachineSpeed(
        head_log_times=tuple(head_log_times + first * (len(heads) - len(measured))),
        base_log_times=tuple(log_times[len(measured) :]),
        own_sd=_own_sd([*measured, *of_base], pieces),
    )


def _own_sd(workloads: Sequence[ReferenceWorkload], pieces: frozenset[str]) -> float | None:
    """Return the standard deviation of a log time that is not a difference between machines.

    The times before and after a load are two measurements of one machine. With δ as their difference,
    without its median over the runs, the mean of the two has the standard deviation sd(δ) / 2.
    """
    drifts: list[float] = []
    for workload in workloads:
        if workload.before_ms:
            drifts.append(statistics.median([workload.log_drift(piece) for piece in pieces]))
    if len(drifts) <= 1:
        return None
    return robust_sd(from_median(drifts)) / 2.0


def machine_slope(levels: Sequence[Sequence[Point]]) -> float:
    """Return the slope of a metric on the log workload time, in [0, MAX_SLOPE].

    0 is a metric that does not follow the machine speed: the correlation of the winsorised residuals is below
    `MIN_CORRELATION`.

    Args:
        levels: Log workload time and distance of each run, by level.
    """
    x_residuals, y_residuals = _centre(levels)
    if correlation(_winsorise(x_residuals), _winsorise(y_residuals)) < MIN_CORRELATION:
        return 0.0
    return unvetoed_slope(levels)


def unvetoed_slope(levels: Sequence[Sequence[Point]]) -> float:
    """Return the slope without the check of the correlation.

    With b as the Theil-Sen slope of the runs and d as their degrees of freedom within levels, it is
    (d b + k) / (d + k), where k is `SLOPE_PRIOR_RUNS`.
    """
    slope = theil_sen_slope(levels)
    if slope is None:
        return 0.0
    df = degrees_of_freedom(levels)
    shrunk = (df * slope + SLOPE_PRIOR_RUNS) / (df + SLOPE_PRIOR_RUNS)
    return min(MAX_SLOPE, max(0.0, shrunk))


def slope_error(slope: float, levels: Sequence[Sequence[Point]], spread: float) -> float:
    """Return the standard error of the slope: s / √(Sxx), where Sxx includes the prior's runs.

    It is never larger than the standard deviation of a uniform slope in [0, MAX_SLOPE], which is MAX_SLOPE /
    √12.

    Args:
        slope: The slope; 0 has no error, because such a metric is not corrected.
        levels: Log workload time and distance of each run, by level.
        spread: Standard deviation s of the corrected runs.
    """
    df = degrees_of_freedom(levels)
    if not slope or not df:
        return 0.0
    x_residuals, _ = _centre(levels)
    squares = sum_of_squares(x_residuals) * (df + SLOPE_PRIOR_RUNS) / df
    uniform_sd = MAX_SLOPE / math.sqrt(12.0)
    return min(spread / math.sqrt(squares), uniform_sd) if squares > 0 else uniform_sd


def degrees_of_freedom(levels: Sequence[Sequence[Point]]) -> int:
    """Return the number of runs minus the number of levels that have runs."""
    return sum(len(points) - 1 for points in levels if points)


def _winsorise(residuals: Sequence[float]) -> list[float]:
    """Winsorise residuals, unless more than half of them are 0."""
    return winsorise(residuals, WINSOR_SDS * robust_sd(residuals) or math.inf)


def _centre(levels: Sequence[Sequence[Point]]) -> tuple[list[float], list[float]]:
    """Return x and y of all points as differences from the medians of their levels."""
    x_residuals: list[float] = []
    y_residuals: list[float] = []
    for points in levels:
        if points:
            x_values, y_values = zip(*points, strict=True)
            x_residuals += from_median(x_values)
            y_residuals += from_median(y_values)
    return x_residuals, y_residuals
