"""The estimated change of a run against the levels of its baseline.

A level is a state of the stack that a person accepted. The location comes from the newest level; the spread
between runs and the effect of the machine come from all levels. All estimates are robust: one outlier among
ten runs changes them little.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.core.calibration.machine_speed import (
    WINSOR_SDS,
    MachineSpeed,
    degrees_of_freedom,
    machine_slope,
    slope_error,
    unvetoed_slope,
)
from bench.core.run.figures import Figures
from bench.core.samples.metrics import metric
from bench.core.values.robust import (
    Point,
    from_median,
    moderate_sd,
    robust_sd,
    sum_of_squares,
    variance_of_median,
    winsorise,
)
from bench.core.verdict.baseline import MIN_RUNS
from bench.core.verdict.change import ChangeEstimate

# Prior standard deviation between runs on the log scale, and its degrees of freedom.
PRIOR_SD = 0.06
PRIOR_DF = 6
# The same if the effect of the machine is removed.
CORRECTED_PRIOR_SD = 0.03
OUTLIER_SDS = 2.5
"""A run further from its level, in robust standard deviations, is an outlier."""
CONFIRMED_VARIANCE = 0.75
"""Variance of the mean of two runs on one machine, in variances of a run: they share half of the variance."""
DISAGREEMENT_SDS = 3.5
"""Two runs of one version that differ by more standard deviations of a difference disagree."""
LEAST_SD = 0.02
"""Runs that differ by less are no outliers: the robust standard deviation of few runs can be 0 by chance."""
_FEWEST_FOR_OUTLIER = 3  # of two runs, neither is the outlier


class _Reference(NamedTuple):
    """The scale of one metric: the newest level's usual logarithm of each prompt."""

    sign: float
    """1 if lower values are better, else -1."""
    start: float
    """The constant of the started logarithm."""
    logs: dict[str, float]
    """Usual logarithm by prompt, of the prompts that the head has."""
    weights: dict[str, float]
    """Weight of each prompt."""

    @property
    def mean_log(self) -> float:
        """Weighted mean of the usual logarithms."""
        return self._mean(self.logs)

    def distance(self, run: Figures) -> float | None:
        """Return how much worse a run is; None if it has none of the prompts."""
        logs: dict[str, float] = {}
        for prompt, usual_log in self.logs.items():
            if prompt in run:
                logs[prompt] = math.log(run[prompt] + self.start) - usual_log
        return self.sign * self._mean(logs) if logs else None

    def value(self, distance: float) -> float:
        """Return the value at a distance, in the metric's unit."""
        return max(0.0, math.exp(self.mean_log + self.sign * distance) - self.start)

    def _mean(self, logs: Mapping[str, float]) -> float:
        total = math.fsum([self.weights[prompt] for prompt in logs])
        return math.fsum([self.weights[prompt] * log for prompt, log in logs.items()]) / total


@dataclass(frozen=True, slots=True)
class _Fit:
    """The baseline of one metric: the newest level, the effect of the machine, and the spread of a run."""

    slope: float
    """Effect of the log workload time."""
    slope_error: float
    """Standard error of the slope."""
    location: float
    """Usual corrected distance of the newest level: distance - slope · log workload time."""
    log_time: float
    """Usual log workload time of the newest level."""
    runs: int
    """Number of runs of the newest level, without outliers."""
    spread: float
    """Standard deviation of a run, without the effect of the machine."""
    df: float
    """Degrees of freedom of the spread."""


@dataclass(frozen=True, slots=True)
class LevelRuns:
    """The values of one metric in the runs of both sides; empty if a run has no value."""

    heads: Sequence[Figures]
    """Values of the run and of its confirmation run."""
    levels: Sequence[Sequence[Figures]]
    """Values of the baseline's runs by level, the oldest level first."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Number of requests of each prompt; an absent prompt counts once."""


def estimate_from_baseline(
    key: str,
    runs: LevelRuns,
    prior: tuple[float, int] | None = None,
    speed: MachineSpeed | None = None,
) -> ChangeEstimate | None:
    """Return the change of a run against its baseline, paired by prompt; `None` with too few runs.

    Args:
        key: The metric.
        runs: Values of the run, of its confirmation run, and of the baseline's runs.
        prior: Measured spread between runs and its degrees of freedom.
        speed: Machine speed of all runs, in the same order; `None` disables the correction.
    """
    reference = _reference(key, runs)
    log_times = iter(speed.base_log_times if speed else (0.0,) * sum(map(len, runs.levels)))
    base = [_points(reference, level, [next(log_times) for _ in level]) for level in runs.levels]
    head = _points(reference, runs.heads, speed.head_log_times if speed else (0.0,) * len(runs.heads))
    if not head or not base[-1] or sum(map(len, base)) < MIN_RUNS:
        return None
    is_shifted = speed is not None and speed.environment_shift
    return _estimate(key, reference, head, _fit(base, prior), is_shifted=is_shifted)


def find_outliers(key: str, runs: Sequence[Figures], log_times: Sequence[float]) -> dict[int, float]:
    """Return the distance from their level, above 0 worse, of the outliers among the runs of one level.

    Args:
        key: The metric.
        runs: Values of the runs of the level; empty if a run has no value.
        log_times: Log workload time of each run.

    Returns:
        Distances by position of the run.
    """
    reference = _reference(key, LevelRuns(heads=runs, levels=[runs]))
    positions = [position for position, run in enumerate(runs) if reference.distance(run) is not None]
    points = _points(reference, runs, log_times)
    if len(points) < _FEWEST_FOR_OUTLIER:
        return {}
    residuals = _straightest_residuals([points])
    limit = OUTLIER_SDS * max(LEAST_SD, robust_sd(residuals))
    of_run = zip(positions, residuals, strict=True)
    return {position: residual for position, residual in of_run if abs(residual) > limit}


def measure_spread(key: str, runs: Sequence[Figures], log_times: Sequence[float]) -> float | None:
    """Return the winsorised standard deviation of the runs of one level, without outliers and machines.

    Args:
        key: The metric.
        runs: Values of the runs; each has the metric.
        log_times: Log workload time of each run.

    Returns:
        None with too few runs.
    """
    reference = _reference(key, LevelRuns(heads=runs, levels=[runs]))
    kept = _without_outliers([_points(reference, runs, log_times)])
    df = degrees_of_freedom(kept)
    if df <= 0:
        return None
    return math.sqrt(_winsorised_squares(_residuals(kept, machine_slope(kept))) / df)


def _estimate(
    key: str, reference: _Reference, head: Sequence[Point], fit: _Fit, *, is_shifted: bool
) -> ChangeEstimate:
    """Estimate the change by an analysis of covariance (Fisher, 1932).

    With d and x as the distance and the log workload time of the head, b as the slope, and l and u as the
    usual corrected distance and log workload time of the n runs of the newest level:

        change  = d - b x - l
        error²  = s² (h + v / n) + (x - u)² error(b)²

    where v is the variance of a median, and h is 1. A confirmation run on the same machine is not independent
    of the first run: change and x are then means, and h is `CONFIRMED_VARIANCE`. If the two runs differ by
    more than runs of one version do, one of them is an outlier: what both show counts, which is the change
    nearer to 0, or 0 if one is better and the other one worse.

    If the machine differs from all machines of the baseline, its effect is unknown: the change may be that
    with any slope between 0 and 1. A faster machine may hide a change, also if the metric did not follow the
    machines of the baseline, so that the highest possible change has a slope of 1 then.
    """
    changes = [distance - fit.location for distance in _corrected(head, fit.slope)]
    smallest = min(changes)
    slowdown = math.fsum(next(zip(*head, strict=True))) / len(head) - fit.log_time
    is_torn = max(changes) - smallest > DISAGREEMENT_SDS * math.sqrt(2.0) * fit.spread
    change = math.fsum(changes) / len(changes)
    if is_torn:
        change = max(smallest, 0.0) + min(max(changes), 0.0)
    head_variance = 1.0 if len(head) == 1 else CONFIRMED_VARIANCE
    prediction_error = fit.spread * math.sqrt(head_variance + variance_of_median(fit.runs))
    standard_error = math.hypot(prediction_error, slowdown * fit.slope_error)
    lowest = change
    highest = change + abs(slowdown) * fit.slope_error
    if not fit.slope:
        highest = change + max(0.0, -slowdown)
    if is_shifted:
        without_correction = change + fit.slope * slowdown
        at_full_slope = without_correction - slowdown
        lowest = min(change, without_correction, at_full_slope)
        highest = max(change, without_correction, at_full_slope) + standard_error
    base_distance = fit.location + fit.slope * fit.log_time
    machine_effect = fit.slope * slowdown
    return ChangeEstimate(
        key=key,
        base=reference.value(base_distance),
        head=reference.value(base_distance + change + machine_effect),
        log_change=change,
        standard_error=standard_error,
        df=fit.df,
        agreed=smallest,
        machine_effect=machine_effect,
        slope=fit.slope,
        lowest=lowest if lowest < change else None,
        highest=highest if highest > change else None,
    )


def _fit(levels: Sequence[Sequence[Point]], prior: tuple[float, int] | None) -> _Fit:
    """Fit slope, location and spread, without outliers.

    The spread s is the winsorised standard deviation (Tukey and McLaughlin, 1963) of the corrected distances
    from the medians of their levels, with the number of runs minus the number of levels as degrees of
    freedom. A prior moderates it.
    """
    kept = _without_outliers(levels)
    slope = machine_slope(kept)
    residuals = _residuals(kept, slope)
    prior_sd, prior_df = prior or (CORRECTED_PRIOR_SD if slope else PRIOR_SD, PRIOR_DF)
    spread, df = moderate_sd(_winsorised_squares(residuals), degrees_of_freedom(kept), prior_sd, prior_df)
    newest = kept[-1]
    return _Fit(
        slope=slope,
        slope_error=slope_error(slope, kept, spread),
        location=statistics.median(_corrected(newest, slope)),
        log_time=statistics.median(next(zip(*newest, strict=True))),
        runs=len(newest),
        spread=spread,
        df=df,
    )


def _winsorised_squares(residuals: Sequence[float]) -> float:
    return sum_of_squares(winsorise(residuals, WINSOR_SDS * max(LEAST_SD, robust_sd(residuals))))


def _without_outliers(levels: Sequence[Sequence[Point]]) -> list[list[Point]]:
    """Return the runs without those that are further from their level than the other runs allow."""
    residuals = _straightest_residuals(levels)
    limit = OUTLIER_SDS * max(LEAST_SD, robust_sd(residuals))
    of_run = iter(residuals)
    kept: list[list[Point]] = []
    for points in levels:
        near = [point for point in points if abs(next(of_run)) <= limit]
        kept.append(near if len(points) >= _FEWEST_FOR_OUTLIER else list(points))
    return kept


def _straightest_residuals(levels: Sequence[Sequence[Point]]) -> list[float]:
    """Return the residuals with or without the effect of the machine, whichever are smaller."""
    without = _residuals(levels, 0.0)
    corrected = _residuals(levels, unvetoed_slope(levels))
    return min(corrected, without, key=robust_sd)


def _residuals(levels: Sequence[Sequence[Point]], slope: float) -> list[float]:
    """Return the corrected distances of the runs from the medians of their levels."""
    residuals: list[float] = []
    for points in levels:
        if points:
            residuals += from_median(_corrected(points, slope))
    return residuals


def _corrected(points: Sequence[Point], slope: float) -> list[float]:
    """Return the distances of runs without the effect of the machine."""
    return [distance - slope * log_time for log_time, distance in points]


def _reference(key: str, runs: LevelRuns) -> _Reference:
    """Return the scale of a metric: the prompts that the newest level and the head have."""
    start = metric(key).resolution
    head_prompts = set[str]().union(*runs.heads)
    logs: dict[str, list[float]] = {}
    for run in runs.levels[-1]:
        for prompt in sorted(head_prompts & run.keys()):
            logs.setdefault(prompt, []).append(math.log(run[prompt] + start))
    medians = {prompt: statistics.median(logs[prompt]) for prompt in sorted(logs)}
    return _Reference(
        sign=metric(key).worse_sign,
        start=start,
        logs=medians,
        weights={prompt: runs.weights.get(prompt, 1.0) for prompt in medians},
    )


def _points(reference: _Reference, runs: Sequence[Figures], log_times: Sequence[float]) -> list[Point]:
    """Return log workload time and distance of the runs that have a prompt of the reference."""
    points: list[Point] = []
    for run, log_time in zip(runs, log_times, strict=True):
        distance = reference.distance(run)
        if distance is not None:
            points.append((log_time, distance))
    return points
